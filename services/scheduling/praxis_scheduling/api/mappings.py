"""How the tables of scheduling correspond to the messages of the contract."""

from __future__ import annotations

from typing import cast

from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2, resource_pb2, template_pb2, visit_pb2
from praxis_chassis.mapping import Mapping, Special, instant
from praxis_scheduling.store.models import Appointment, AppointmentType, Closure, Reservation, Resource, Template, Visit

RESOURCE = Mapping(Resource, resource_pb2.Resource)
APPOINTMENT_TYPE = Mapping(AppointmentType, appointment_type_pb2.AppointmentType)
TEMPLATE = Mapping(Template, template_pb2.Template)
CLOSURE = Mapping(Closure, template_pb2.Closure)


def reservation_message(reservation: Reservation) -> appointment_pb2.Reservation:
    """Return the public form of a reservation."""
    resource, during = reservation.resource, reservation.during
    assert during.lower is not None
    assert during.upper is not None
    return appointment_pb2.Reservation(
        resource_id=str(resource.id),
        resource_name=resource.name,
        kind=cast("resource_pb2.ResourceKind.ValueType", resource.kind),
        practitioner_id=str(resource.practitioner_id or ""),
        lane=reservation.lane,
        start_time=instant(during.lower),
        end_time=instant(during.upper),
    )


APPOINTMENT = Mapping(
    Appointment,
    appointment_pb2.Appointment,
    read_only={
        "appointment_type_name", "state", "end_time", "local_date", "local_start", "time_zone", "practitioner_ids",
        "overridden", "overridden_rules", "override_by", "confirm_time", "cancellation", "visit_id",
    },
    special={
        "patient_name": Special(read=lambda appointment: appointment.patient.name),
        "reservations": Special(read=lambda appointment: list(map(reservation_message, appointment.reservations))),
    },
)  # fmt: skip

VISIT = Mapping(
    Visit,
    visit_pb2.Visit,
    read_only={
        "appointment_id", "walk_in", "state", "room_id", "local_date", "scheduled_time", "arrive_time", "room_time",
        "tech_start_time", "clinician_start_time", "ready_time", "complete_time", "leave_time",
    },
    special={
        "patient_name": Special(read=lambda visit: visit.patient.name),
        "room_name": Special(read=lambda visit: visit.room.name if visit.room else ""),
    },
)  # fmt: skip

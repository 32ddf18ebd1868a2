"""What is read straight from rows is what the appointment says, field by field."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.scheduling.conftest import Practice

from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2, resource_pb2
from praxis.scheduling.v1 import appointment_service_pb2 as pb
from praxis_scheduling.api.mappings import APPOINTMENT, APPOINTMENT_READING
from praxis_scheduling.store.models import Appointment


def both(practice: Practice, appointment_id: str) -> tuple[appointment_pb2.Appointment, appointment_pb2.Appointment]:
    """Return an appointment from rows and from the entity."""
    with practice.tenant.session() as session:
        entity = session.get(Appointment, (practice.tenant.id, UUID(appointment_id)))
        return APPOINTMENT_READING.get(session, appointment_id), APPOINTMENT.message(entity)


def test_booked_overridden_and_cancelled_appointments(practice: Practice) -> None:
    provider = practice.open_provider()
    practice.resource("Room 1", resource_pb2.RESOURCE_KIND_ROOM)
    roles: Any = [
        appointment_type_pb2.RequiredRole(kind=kind, count=1)
        for kind in (resource_pb2.RESOURCE_KIND_PROVIDER, resource_pb2.RESOURCE_KIND_ROOM)
    ]
    kind = practice.type(required_roles=roles)
    booked = practice.book(kind, practice.at("09:00"), provider)
    squeezed = practice.book(kind, practice.at("09:00"), provider, override_reason="The doctor asked for it")
    cancelled = practice.book(kind, practice.at("11:00"), provider)
    practice.call(
        "CancelAppointment",
        pb.CancelAppointmentRequest(id=cancelled.id, by=appointment_pb2.CANCELLED_BY_PATIENT, reason="Feels better"),
    )
    for each in (booked, squeezed, cancelled):
        rows, entity = both(practice, each.id)
        assert rows == entity
    assert len(both(practice, booked.id)[0].reservations) == 2
    assert both(practice, squeezed.id)[0].overridden
    assert both(practice, cancelled.id)[0].cancellation.reason == "Feels better"
    assert not both(practice, cancelled.id)[0].reservations


def test_a_day_in_pages_holds_the_same(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    for wall in ("09:00", "10:00", "11:00"):
        practice.book(kind, practice.at(wall), provider)
    request = pb.ListAppointmentsRequest(
        practitioner_id=provider.practitioner_id, from_date=practice.monday.isoformat(),
        until_date=practice.monday.isoformat(), page_size=2,
    )  # fmt: skip
    first = practice.call("ListAppointments", request)
    request.page_token = first.next_page_token
    found = [*first.appointments, *practice.call("ListAppointments", request).appointments]
    assert [each.local_start for each in found] == ["09:00", "10:00", "11:00"]
    assert all(each == both(practice, each.id)[1] for each in found)

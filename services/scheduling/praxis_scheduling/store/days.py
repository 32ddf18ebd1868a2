"""The hot reads of a calendar, as statements that are compiled once."""

from __future__ import annotations

from sqlalchemy import Date, DateTime, Uuid, and_, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, TSTZRANGE

from praxis.scheduling.v1 import appointment_pb2, visit_pb2
from praxis_chassis.prepared import Prepared
from praxis_scheduling.store.flow import Visit
from praxis_scheduling.store.models import Appointment, Closure, PatientCopy, Reservation

SEEN = (
    appointment_pb2.APPOINTMENT_STATE_ARRIVED,
    appointment_pb2.APPOINTMENT_STATE_COMPLETED,
)
RESOURCES = bindparam("resources", type_=ARRAY(Uuid))
START, UNTIL = bindparam("start", type_=DateTime(timezone=True)), bindparam("until", type_=DateTime(timezone=True))

APPOINTMENTS = Prepared(
    select(
        Appointment.id, Appointment.version, Appointment.patient_id, PatientCopy.name, PatientCopy.kind,
        PatientCopy.tags, Appointment.appointment_type_id, Appointment.appointment_type_name, Appointment.location_id,
        Appointment.state, Appointment.channel, Appointment.start_time, Appointment.end_time, Appointment.local_date,
        Appointment.local_start, Appointment.resource_ids, Appointment.practitioner_ids, Appointment.overridden_rules,
        Appointment.reason, Appointment.notes, Visit.id, Visit.state, Visit.arrive_time, Visit.room_id,
    )
    .join(Appointment.patient)
    .outerjoin(
        Visit,
        and_(
            Visit.tenant_id == Appointment.tenant_id,
            Visit.appointment_id == Appointment.id,
            Visit.state != visit_pb2.VISIT_STATE_ENTERED_IN_ERROR,
        ),
    )
    .where(
        Appointment.local_date.between(bindparam("first", type_=Date), bindparam("last", type_=Date)),
        Appointment.start_time < UNTIL,
        Appointment.end_time > START,
        Appointment.resource_ids.overlap(RESOURCES),
    )
    .order_by(Appointment.start_time, Appointment.id),
    "SELECT appointments",
)  # fmt: skip
PLACES = Prepared(
    select(
        Reservation.appointment_id, Reservation.resource_id, Reservation.lane,
        func.lower(Reservation.during), func.upper(Reservation.during),
    ).where(
        any_(RESOURCES) == Reservation.resource_id,
        Reservation.live,
        Reservation.during.overlaps(func.tstzrange(START, UNTIL, type_=TSTZRANGE)),
    ),
    "SELECT reservations",
)  # fmt: skip
KNOWN = Prepared(
    select(Appointment.patient_id, func.min(Appointment.start_time))
    .where(
        any_(bindparam("patients", type_=ARRAY(Uuid))) == Appointment.patient_id,
        or_(*(Appointment.state == state for state in SEEN)),
    )
    .group_by(Appointment.patient_id),
    "SELECT appointments",
)
CLOSURES = Prepared(
    select(
        Closure.location_id, Closure.resource_id, Closure.start_time, Closure.end_time, Closure.reason
    ).where(
        any_(bindparam("locations", type_=ARRAY(Uuid))) == Closure.location_id,
        Closure.active,
        Closure.start_time < UNTIL,
        Closure.end_time > START,
    ),
    "SELECT closures",
)  # fmt: skip

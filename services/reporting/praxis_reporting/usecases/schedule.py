"""Keep appointments and visits as scheduling tells them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2, visit_pb2
from praxis_chassis.mapping import moment
from praxis_reporting.store.models import Appointment, Visit
from praxis_reporting.store.upserts import put
from praxis_reporting.usecases.wire import day, identifier, instant


def keep_appointment(session: Session, appointment: appointment_pb2.Appointment) -> None:
    """Keep an appointment as it stands; reasons and notes stay with scheduling."""
    facts = {
        "appointment_id": UUID(appointment.id),
        "patient_id": UUID(appointment.patient_id),
        "appointment_type_id": identifier(appointment.appointment_type_id),
        "appointment_type_name": appointment.appointment_type_name,
        "location_id": identifier(appointment.location_id),
        "practitioner_ids": [UUID(text) for text in appointment.practitioner_ids],
        "state": appointment.state,
        "channel": appointment.channel,
        "local_date": day(appointment.local_date),
        "local_start": appointment.local_start,
        "start_time": moment(appointment.start_time),
        "end_time": moment(appointment.end_time),
        "book_time": moment(appointment.create_time),
        "overridden": appointment.overridden,
        "cancelled_by": appointment.cancellation.by,
        "late_cancellation": appointment.cancellation.late,
    }
    put(session, Appointment, facts)


def move_appointment(session: Session, appointment: appointment_pb2.Appointment) -> None:
    """Keep an appointment that was moved, and count the move."""
    keep_appointment(session, appointment)
    moved = Appointment.appointment_id == UUID(appointment.id)
    session.execute(update(Appointment).where(moved).values(move_count=Appointment.move_count + 1))


def keep_visit(session: Session, visit: visit_pb2.Visit) -> None:
    """Keep a visit as it stands."""
    facts = {
        "visit_id": UUID(visit.id),
        "appointment_id": identifier(visit.appointment_id),
        "patient_id": UUID(visit.patient_id),
        "location_id": identifier(visit.location_id),
        "practitioner_id": identifier(visit.practitioner_id),
        "state": visit.state,
        "local_date": day(visit.local_date),
        "arrive_time": instant(visit.arrive_time),
        "room_time": instant(visit.room_time),
        "complete_time": instant(visit.complete_time),
    }
    put(session, Visit, facts)

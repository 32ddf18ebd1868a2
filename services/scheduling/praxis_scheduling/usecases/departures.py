"""What becomes of the appointments of patients who died or were transferred, and of those who come back after all."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import appointment_pb2, events_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.mapping import instant, read_date
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import Appointment, PatientCopy
from praxis_scheduling.usecases import appointments, authorizations, waitlist

GONE = (patient_pb2.PATIENT_STATE_DECEASED, patient_pb2.PATIENT_STATE_TRANSFERRED)
BY_SYSTEM = appointment_pb2.CANCELLED_BY_SYSTEM


def follow(session: Session, patient: patient_pb2.Patient, before: int) -> None:
    """Cancel what a patient who is gone was expected for, or take it up again when he is back."""
    identifier = UUID(patient.id)
    if patient.state in GONE:
        died = read_date(patient.deceased_date, "deceased_date")
        left = read_date(patient.transferred_date, "transferred_date")
        key = "PATIENT_DIED" if died else "PATIENT_TRANSFERRED"
        cancel_after(session, identifier, died or left or date.max, key)
    elif before in GONE and patient.state == patient_pb2.PATIENT_STATE_ACTIVE:
        take_up_again(session, identifier)


def cancel_after(session: Session, patient_id: UUID, day: date, key: str) -> list[Appointment]:
    """Cancel all appointments after a day, and what is left of today; their times are free again.

    The lock waits for bookings of this patient that are under way, so that none of them is overlooked.
    """
    session.flush()
    session.execute(select(PatientCopy.id).where(PatientCopy.id == patient_id).with_for_update())
    now = clock.now(session)
    query = select(Appointment).where(
        Appointment.patient_id == patient_id,
        Appointment.state.in_(appointments.TO_COME),
        or_(Appointment.local_date > day, Appointment.start_time > now),
    )
    found = list(session.scalars(query.order_by(Appointment.id).with_for_update(of=Appointment)))
    catalog = context_of(session).runtime.catalog
    for appointment in found:
        reason = catalog.render("en", key, {})
        why = appointment_pb2.Cancellation(by=BY_SYSTEM, reason=reason, cancel_time=instant(now))
        appointments.call_off(session, appointment, why)
    waitlist.end_all(session, patient_id, key)
    return found


def take_up_again(session: Session, patient_id: UUID) -> list[Appointment]:
    """Give back the times that were cancelled because the patient was gone, where nobody has taken them since."""
    query = select(Appointment).where(
        Appointment.patient_id == patient_id,
        Appointment.state == appointment_pb2.APPOINTMENT_STATE_CANCELLED,
        Appointment.start_time > clock.now(session),
    )
    cancelled = session.scalars(query.order_by(Appointment.start_time).with_for_update(of=Appointment))
    return [item for item in cancelled if _by_system(item) and _taken_up(session, item)]


def _by_system(appointment: Appointment) -> bool:
    return appointment.cancellation is not None and appointment.cancellation.by == BY_SYSTEM


def _taken_up(session: Session, appointment: Appointment) -> bool:
    """Take the lanes and the unit that the appointment had, all or none; tell whether they were still free."""
    try:
        authorizations.take(session, appointment)
    except DomainError:
        return False
    before = calendar.released_with(session, appointment)
    places = {item.resource_id: spot for item in before if (spot := calendar.place_of(item))}
    if not places or set(places) != set(appointment.resource_ids):
        return False
    if not calendar.place(session, appointment.id, places):
        return False
    # No verb of people: what they cancel stays cancelled.
    appointment.state = appointment_pb2.APPOINTMENT_STATE_BOOKED
    appointment.cancellation = appointment.confirm_time = None
    session.flush()
    session.expire(appointment, ["reservations"])
    record(session, events_pb2.AppointmentTakenUpAgain, appointment)
    return True

"""What happens to an appointment after it was booked: confirmed, cancelled, missed, or the patient arrives."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Date, Select, cast, func, or_, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2, appointment_service_pb2, errors_pb2, events_pb2
from praxis_chassis import clock
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.mapping import instant
from praxis_chassis.merging import now_of
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import Appointment, AppointmentType, Reservation
from praxis_scheduling.usecases import deposits

ANNOTATIONS = ("reason", "notes")
TO_COME = (appointment_pb2.APPOINTMENT_STATE_BOOKED, appointment_pb2.APPOINTMENT_STATE_CONFIRMED)
KEPT = (appointment_pb2.APPOINTMENT_STATE_ARRIVED, appointment_pb2.APPOINTMENT_STATE_COMPLETED)
HOLDS_TIME = (*TO_COME, *KEPT)
DAY = timedelta(days=1)  # no appointment is longer


def touching(first: date | None) -> list[ColumnElement[bool]]:
    """Return the conditions that an appointment is still on at a local day, wherever it began."""
    if first is None or first == date.min:
        return []  # nothing began before all days
    last_moment = func.timezone(Appointment.time_zone, Appointment.end_time - timedelta(microseconds=1))
    goes_on = cast(last_moment, Date) >= first
    return [Appointment.local_date >= first - DAY, or_(Appointment.local_date >= first, goes_on)]


def at_the_same_time(session: Session, appointment: Appointment) -> Appointment | None:
    """Return another appointment of the same patient that overlaps this one."""
    query = select(Appointment).where(
        Appointment.patient_id == appointment.patient_id,
        Appointment.start_time.between(appointment.start_time - DAY, appointment.end_time),
        Appointment.start_time < appointment.end_time,
        Appointment.end_time > appointment.start_time,
        Appointment.state.in_(HOLDS_TIME),
    )
    if appointment.id is not None:
        query = query.where(Appointment.id != appointment.id)
    return session.scalars(query.order_by(Appointment.start_time).limit(1)).one_or_none()


def wanted(request: appointment_service_pb2.ListAppointmentsRequest, dates: list[Any]) -> Select[Any]:
    """Return the query of a list, where `dates` are conditions on the local date."""
    query = select(Appointment).where(*dates)
    if request.location_id:
        query = query.where(Appointment.location_id == UUID(request.location_id))
    if request.practitioner_id:
        query = query.where(Appointment.practitioner_ids.contains([UUID(request.practitioner_id)]))
    if request.patient_id:
        query = query.where(Appointment.patient_id == now_of(request.patient_id))
    if request.group_id:
        query = query.where(Appointment.group_id == UUID(request.group_id))
    if request.resource_id:
        taken = select(Reservation.appointment_id).where(
            Reservation.resource_id == UUID(request.resource_id), Reservation.live
        )
        query = query.where(Appointment.id.in_(taken))
    return query.where(Appointment.state.in_(request.states)) if request.states else query


def confirm(session: Session, identifier: str, etag: str) -> Appointment:
    """Note that the patient will come."""
    appointment = fetch(session, Appointment, identifier, lock=True, etag=etag)
    appointment.go("confirm")
    appointment.confirm_time = clock.now(session)
    record(session, events_pb2.AppointmentConfirmed, appointment)
    return appointment


def cancel(session: Session, request: appointment_service_pb2.CancelAppointmentRequest) -> Appointment:
    """Cancel an appointment and free its time."""
    appointment = fetch(session, Appointment, request.id, lock=True, etag=request.etag)
    now = clock.now(session)
    notice = fetch(session, AppointmentType, appointment.appointment_type_id).cancellation_notice_hours
    why = appointment_pb2.Cancellation(
        by=request.by,
        reason=request.reason,
        late=now > appointment.start_time - timedelta(hours=notice) if notice else False,
        cancel_time=instant(now),
    )
    return call_off(session, appointment, why)


def call_off(session: Session, appointment: Appointment, why: appointment_pb2.Cancellation) -> Appointment:
    """Cancel an appointment, whoever or whatever is the cause, and free its time."""
    appointment.go("cancel")
    appointment.cancellation = why
    late = why.late and why.by == appointment_pb2.CANCELLED_BY_PATIENT
    appointment.deposit_state = deposits.after(appointment.deposit_state, late=late)
    _free(session, appointment)
    record(session, events_pb2.AppointmentCancelled, appointment)
    return appointment


def mark_no_show(session: Session, identifier: str, etag: str) -> Appointment:
    """Note that the patient did not come; the rest of the time is free."""
    appointment = fetch(session, Appointment, identifier, lock=True, etag=etag)
    appointment.go("markNoShow")
    if clock.now(session) < appointment.start_time:
        time = f"{appointment.local_date} {appointment.local_start}"
        raise DomainError(errors_pb2.ERROR_REASON_NOT_STARTED, time=time)
    appointment.deposit_state = deposits.after(appointment.deposit_state, late=True)
    _free(session, appointment)
    record(session, events_pb2.AppointmentNoShowed, appointment)
    return appointment


def _free(session: Session, appointment: Appointment) -> None:
    calendar.release(session, [item.id for item in calendar.live_reservations(session, appointment.id)])
    session.flush()
    session.expire(appointment, ["reservations"])

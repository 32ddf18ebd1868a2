"""The appointments list: who was to be seen on which day, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from praxis.reporting.v1 import report_pb2, report_service_pb2
from praxis.scheduling.v1 import visit_pb2
from praxis_chassis.mapping import instant
from praxis_chassis.paging import page
from praxis_reporting.store import names
from praxis_reporting.store.models import Appointment, Visit
from praxis_reporting.usecases.filters import days_of
from praxis_reporting.usecases.freshness import freshness

Request = report_service_pb2.GetAppointmentsListRequest
ORDER = (Appointment.start_time, Appointment.appointment_id)


def appointments_list(session: Session, request: Request) -> report_service_pb2.GetAppointmentsListResponse:
    """Return a page of the appointments list with the totals of the whole."""
    where = conditions(session, request)
    found, token = page(session, select(Appointment).where(*where), order=ORDER, request=request)
    return report_service_pb2.GetAppointmentsListResponse(
        rows=rows(session, found),
        next_page_token=token,
        totals=totals(session, where),
        freshness=freshness(session),
    )


def conditions(session: Session, request: Request) -> list[ColumnElement[bool]]:
    """Return what appointments of the report have in common."""
    days = days_of(session, request.from_date, request.to_date)
    where: list[ColumnElement[bool]] = [Appointment.local_date.between(days.first, days.last)]
    if request.location_id:
        where.append(Appointment.location_id == request.location_id)
    if request.practitioner_id:
        where.append(Appointment.practitioner_ids.contains([UUID(request.practitioner_id)]))
    if request.states:
        where.append(Appointment.state.in_(request.states))
    return where


def rows(session: Session, found: Sequence[Appointment]) -> list[report_pb2.AppointmentRow]:
    """Return appointments as rows with the names that the caller may see."""
    patients = names.patient_names(session, (item.patient_id for item in found))
    locations = names.location_names(session, (item.location_id for item in found))
    everybody = {person for item in found for person in item.practitioner_ids}
    practitioners = names.practitioner_names(session, everybody)
    visits = _visits(session, (item.appointment_id for item in found))
    rows_ = []
    for item in found:
        row = _row(item)
        row.patient_name = patients.get(item.patient_id, "")
        row.location_name = locations.get(item.location_id, "") if item.location_id else ""
        row.practitioner_names.extend(practitioners.get(person, "") for person in item.practitioner_ids)
        _add_visit(row, visits.get(item.appointment_id))
        rows_.append(row)
    return rows_


def _visits(session: Session, appointment_ids: Iterable[UUID]) -> dict[UUID | None, Visit]:
    wrong = visit_pb2.VISIT_STATE_ENTERED_IN_ERROR
    query = select(Visit).where(Visit.appointment_id.in_(set(appointment_ids)), Visit.state != wrong)
    return {visit.appointment_id: visit for visit in session.scalars(query)}


def _row(item: Appointment) -> report_pb2.AppointmentRow:
    return report_pb2.AppointmentRow(
        appointment_id=str(item.appointment_id),
        patient_id=str(item.patient_id),
        local_date=item.local_date.isoformat(),
        local_start=item.local_start,
        start_time=instant(item.start_time),
        end_time=instant(item.end_time),
        appointment_type_id=str(item.appointment_type_id or ""),
        appointment_type_name=item.appointment_type_name,
        location_id=str(item.location_id or ""),
        practitioner_ids=[str(person) for person in item.practitioner_ids],
        state=item.state,
        channel=item.channel,
        overridden=item.overridden,
        late_cancellation=item.late_cancellation,
        cancelled_by=item.cancelled_by,
        book_time=instant(item.book_time),
        move_count=item.move_count,
    )


def _add_visit(row: report_pb2.AppointmentRow, visit: Visit | None) -> None:
    if visit is None:
        return
    row.visit_id = str(visit.visit_id)
    if visit.arrive_time and visit.room_time:
        row.wait_minutes = _minutes(visit.arrive_time, visit.room_time)


def _minutes(start: datetime, end: datetime) -> int:
    return max(0, int((end - start).total_seconds() // 60))


def totals(session: Session, where: Iterable[ColumnElement[bool]]) -> list[report_pb2.AppointmentTotals]:
    """Return number and minutes of appointments for each state."""
    seconds = func.extract("epoch", Appointment.end_time - Appointment.start_time)
    query = select(Appointment.state, func.count(), func.sum(seconds)).where(*where)
    return [
        report_pb2.AppointmentTotals(state=state, count=count, minutes=int(total or 0) // 60)
        for state, count, total in session.execute(query.group_by(Appointment.state).order_by(Appointment.state))
    ]

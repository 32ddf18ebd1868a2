"""The flow board: from the arrival of a patient to the check-out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from google.protobuf.message import Message
from sqlalchemy import Select, func, inspect, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import errors_pb2, events_pb2, resource_pb2, visit_pb2, visit_service_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid, not_found
from praxis_chassis.events import record
from praxis_chassis.merging import now_of
from praxis_chassis.types import new_id
from praxis_scheduling.rules.flow import Step, effective, stamps
from praxis_scheduling.store.flow import IN_A_ROOM, VISIT_STATES, Visit, VisitStatusEvent
from praxis_scheduling.store.models import Appointment, AppointmentType, Resource
from praxis_scheduling.usecases import directory

LOOKING_AFTER = (resource_pb2.RESOURCE_KIND_STAFF, resource_pb2.RESOURCE_KIND_PROVIDER)
FIXED = ("patient_id", "location_id")


def wanted(request: visit_service_pb2.ListVisitsRequest, dates: list[Any]) -> Select[Any]:
    """Return the query of the flow board, where `dates` are conditions on the local date."""
    query = select(Visit).where(*dates)
    if request.location_id:
        query = query.where(Visit.location_id == UUID(request.location_id))
    if request.practitioner_id:
        query = query.where(Visit.practitioner_id == UUID(request.practitioner_id))
    if request.patient_id:
        query = query.where(Visit.patient_id == now_of(request.patient_id))
    return query.where(Visit.state.in_(request.states)) if request.states else query


def arrive(session: Session, identifier: str, etag: str) -> Visit:
    """Open the visit of a patient who came to an appointment."""
    appointment = fetch(session, Appointment, identifier, lock=True, etag=etag)
    appointment.go("arrive")
    if clock.today(session, appointment.time_zone) < appointment.local_date:
        raise DomainError(errors_pb2.ERROR_REASON_ARRIVED_TOO_EARLY, date=appointment.local_date)
    visit = Visit(
        id=new_id(),
        appointment_id=appointment.id,
        patient_id=appointment.patient_id,
        location_id=appointment.location_id,
        practitioner_id=appointment.practitioner_ids[0] if appointment.practitioner_ids else None,
        appointment_type_id=appointment.appointment_type_id,
        scheduled_time=appointment.start_time,
        walk_in=False,
        reason=appointment.reason,
        staff_resource_ids=[],
    )
    appointment.visit_id = visit.id
    record(session, events_pb2.AppointmentArrived, appointment)
    return _open(session, visit)


def walk_in(session: Session, visit: Visit) -> Visit:
    """Open the visit of a patient who came without an appointment."""
    visit.patient_id = directory.known_patient(session, visit.patient_id).id
    _check_care(session, visit)
    visit.id, visit.walk_in = new_id(), True
    return _open(session, visit)


def change(session: Session, visit: Visit) -> Visit:
    """Record that somebody else looks after a patient, or that kind, urgency or reason are others."""
    for name in FIXED:
        if inspect(visit).attrs[name].history.has_changes():
            raise invalid(f"visit.{name}", "CANNOT_BE_CHANGED")
    with session.no_autoflush:
        _check_care(session, visit)
    record(session, events_pb2.VisitUpdated, visit)
    return visit


def _check_care(session: Session, visit: Visit) -> None:
    """Check who looks after the patient, and what for."""
    visit.urgency = visit.urgency or visit_pb2.VISIT_URGENCY_ROUTINE
    if visit.practitioner_id:
        directory.known_practitioner(session, visit.practitioner_id)
    if visit.appointment_type_id:
        fetch(session, AppointmentType, visit.appointment_type_id)
    for member in visit.staff_resource_ids:
        found = fetch(session, Resource, member)
        if found.kind not in LOOKING_AFTER:
            raise DomainError(errors_pb2.ERROR_REASON_NOT_STAFF, resource=found.name)
        _check_place(found, visit)


def _check_place(resource: Resource, visit: Visit) -> None:
    if resource.location_id != visit.location_id:
        raise DomainError(errors_pb2.ERROR_REASON_RESOURCE_ELSEWHERE, resource=resource.name)
    if not resource.active:
        raise DomainError(errors_pb2.ERROR_REASON_NOT_ACTIVE, name=resource.name)


def _open(session: Session, visit: Visit) -> Visit:
    location = directory.known_location(session, visit.location_id)
    visit.urgency = visit.urgency or visit_pb2.VISIT_URGENCY_ROUTINE
    visit.state = visit_pb2.VISIT_STATE_ARRIVED
    visit.arrive_time = clock.now(session)
    visit.local_date = visit.arrive_time.astimezone(ZoneInfo(location.time_zone)).date()
    record(session, events_pb2.VisitArrived, visit)
    _note(session, visit, visit_pb2.VISIT_STATE_UNSPECIFIED, visit.arrive_time, 1)
    session.flush()
    return visit


def steps_of(session: Session, visit: Visit) -> list[VisitStatusEvent]:
    """Return all steps of a visit, in order."""
    query = select(VisitStatusEvent).where(VisitStatusEvent.visit_id == visit.id)
    return list(session.scalars(query.order_by(VisitStatusEvent.sequence)))


def undone_steps(session: Session, visit: Visit) -> set[int]:
    """Return the numbers of the steps that were taken back."""
    step = VisitStatusEvent.undoes_sequence
    return set(session.scalars(select(step).where(VisitStatusEvent.visit_id == visit.id, step > 0)))


def _note(
    session: Session, visit: Visit, source: int, at: datetime, sequence: int, reason: str = "", undoes: int = 0
) -> VisitStatusEvent:
    """Write a step down, before the room or the practitioner change with it."""
    step = VisitStatusEvent(
        visit_id=visit.id,
        sequence=sequence,
        from_state=source,
        to_state=visit.state,
        change_time=at,
        changed_by=str(context_of(session).actor),
        reason=reason,
        undoes_sequence=undoes,
        previous_room_id=visit.room_id,
        previous_practitioner_id=visit.practitioner_id,
    )
    session.add(step)
    return step


def _advanced(session: Session, identifier: str, etag: str, verb: str, reason: str = "") -> Visit:
    """Take a step, write it down and stamp the visit with what its steps add up to."""
    visit = fetch(session, Visit, identifier, lock=True, etag=etag)
    source, now = visit.state, clock.now(session)
    visit.go(verb)
    rows = steps_of(session, visit)
    rows.append(_note(session, visit, source, now, len(rows) + 1, reason))
    for name, moment in stamps(effective(row.step for row in rows)).items():
        setattr(visit, name, moment or getattr(visit, name))
    return visit


def _recorded(session: Session, event: type[Message], visit: Visit, **facts: Any) -> Visit:
    record(session, event, visit, **facts)
    return visit


def room(session: Session, identifier: str, etag: str, room_id: str) -> Visit:
    """Note the room that the patient was brought to."""
    visit = _advanced(session, identifier, etag, "room")
    _take_room(session, visit, uuid_of(room_id, "room_id"))
    return _recorded(session, events_pb2.VisitRoomed, visit)


def _take_room(session: Session, visit: Visit, room_id: UUID) -> None:
    """Bring the patient into a room where there is a place; the locked room lets one after the other in."""
    key = (context_of(session).tenant, room_id)
    place = session.get(Resource, key, with_for_update={"key_share": True}, populate_existing=True)
    if place is None:
        raise not_found("resource", room_id)
    if place.kind != resource_pb2.RESOURCE_KIND_ROOM:
        raise DomainError(errors_pb2.ERROR_REASON_NOT_A_ROOM, resource=place.name)
    _check_place(place, visit)
    others = select(func.count()).where(Visit.room_id == room_id, Visit.state.in_(IN_A_ROOM), Visit.id != visit.id)
    if session.execute(others).scalar_one() >= place.capacity:
        raise DomainError(errors_pb2.ERROR_REASON_ROOM_OCCUPIED, resource=place.name)
    visit.room_id = place.id
    session.flush()
    session.expire(visit, ["room"])


def start_tech(session: Session, identifier: str, etag: str) -> Visit:
    """Note that a nurse or technician is with the patient."""
    visit = _advanced(session, identifier, etag, "startTech")
    return _recorded(session, events_pb2.VisitTechStarted, visit)


def start_clinician(session: Session, identifier: str, etag: str, practitioner_id: str) -> Visit:
    """Note that the practitioner is with the patient."""
    visit = _advanced(session, identifier, etag, "startClinician")
    if practitioner_id:
        visit.practitioner_id = directory.known_practitioner(session, uuid_of(practitioner_id)).id
    return _recorded(session, events_pb2.VisitClinicianStarted, visit)


def ready_for_checkout(session: Session, identifier: str, etag: str) -> Visit:
    """Note that the medical part is over."""
    visit = _advanced(session, identifier, etag, "readyForCheckout")
    return _recorded(session, events_pb2.VisitReadyForCheckout, visit)


def complete(session: Session, identifier: str, etag: str) -> Visit:
    """Note that the patient has left after the check-out."""
    visit = _advanced(session, identifier, etag, "complete")
    _complete_appointment(session, visit)
    return _recorded(session, events_pb2.VisitCompleted, visit)


def leave(session: Session, identifier: str, etag: str, reason: str) -> Visit:
    """Note that the patient left without being seen."""
    visit = _advanced(session, identifier, etag, "leave", reason)
    _complete_appointment(session, visit)
    return _recorded(session, events_pb2.VisitLeft, visit)


def _complete_appointment(session: Session, visit: Visit) -> None:
    if visit.appointment_id:
        appointment = fetch(session, Appointment, visit.appointment_id, lock=True)
        appointment.go("complete")
        record(session, events_pb2.AppointmentCompleted, appointment)


def undo(session: Session, identifier: str, etag: str, reason: str) -> Visit:
    """Take the last step back; the first one taken back means that the visit was opened in error."""
    visit = fetch(session, Visit, identifier, lock=True, etag=etag)
    rows = {row.sequence: row for row in steps_of(session, visit)}
    standing = effective(row.step for row in rows.values())
    if not standing:
        raise DomainError(errors_pb2.ERROR_REASON_NOTHING_TO_UNDO, state=VISIT_STATES[visit.state])
    left, last = visit.state, rows[standing[-1].sequence]
    visit.state = last.from_state or visit_pb2.VISIT_STATE_ENTERED_IN_ERROR
    _note(session, visit, left, clock.now(session), len(rows) + 1, reason, undoes=last.sequence)
    _restore(session, visit, last, standing[:-1])
    _reopen_appointment(session, visit, left)
    return _recorded(session, events_pb2.VisitCorrected, visit, from_state=left)


def _restore(session: Session, visit: Visit, undone: VisitStatusEvent, standing: list[Step]) -> None:
    """Give a visit the stamps, the room and the practitioner that it had before a step."""
    found = stamps(standing)
    for name, moment in found.items():
        setattr(visit, name, moment)
    visit.arrive_time = found["arrive_time"] or undone.change_time
    if undone.to_state == visit_pb2.VISIT_STATE_WITH_CLINICIAN:
        visit.practitioner_id = undone.previous_practitioner_id
    visit.room_id = undone.previous_room_id
    session.flush()
    session.expire(visit, ["room"])
    if visit.room_id and visit.state in IN_A_ROOM:
        _take_room(session, visit, visit.room_id)


def _reopen_appointment(session: Session, visit: Visit, left: int) -> None:
    """Let the appointment of a visit follow when the visit goes on, or when it never was."""
    over = left in (visit_pb2.VISIT_STATE_COMPLETED, visit_pb2.VISIT_STATE_LEFT)
    in_error = visit.state == visit_pb2.VISIT_STATE_ENTERED_IN_ERROR
    if not visit.appointment_id or not (over or in_error):
        return
    appointment = fetch(session, Appointment, visit.appointment_id, lock=True)
    appointment.go_back("goOn" if over else "awaitAgain")
    if in_error:
        appointment.visit_id = None
        if appointment.confirm_time:
            appointment.go("confirm")
    record(session, events_pb2.AppointmentReopened, appointment)

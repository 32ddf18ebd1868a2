"""The flow board: from the arrival of a patient to the check-out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from google.protobuf.message import Message
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import errors_pb2, events_pb2, resource_pb2, visit_pb2, visit_service_pb2
from praxis_chassis import clock
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.types import new_id
from praxis_scheduling.store.models import Appointment, AppointmentType, Resource, Visit
from praxis_scheduling.usecases import directory


def wanted(request: visit_service_pb2.ListVisitsRequest, dates: list[Any]) -> Select[Any]:
    """Return the query of the flow board, where `dates` are conditions on the local date."""
    query = select(Visit).where(*dates)
    if request.location_id:
        query = query.where(Visit.location_id == UUID(request.location_id))
    if request.practitioner_id:
        query = query.where(Visit.practitioner_id == UUID(request.practitioner_id))
    if request.patient_id:
        query = query.where(Visit.patient_id == UUID(request.patient_id))
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
    )
    appointment.visit_id = visit.id
    record(session, events_pb2.AppointmentArrived, appointment)
    return _open(session, visit)


def walk_in(session: Session, visit: Visit) -> Visit:
    """Open the visit of a patient who came without an appointment."""
    directory.known_patient(session, visit.patient_id)
    if visit.practitioner_id:
        directory.known_practitioner(session, visit.practitioner_id)
    if visit.appointment_type_id:
        fetch(session, AppointmentType, visit.appointment_type_id)
    visit.walk_in = True
    return _open(session, visit)


def _open(session: Session, visit: Visit) -> Visit:
    location = directory.known_location(session, visit.location_id)
    visit.state = visit_pb2.VISIT_STATE_ARRIVED
    visit.arrive_time = clock.now(session)
    visit.local_date = visit.arrive_time.astimezone(ZoneInfo(location.time_zone)).date()
    record(session, events_pb2.VisitArrived, visit)
    session.flush()
    return visit


def _advanced(session: Session, identifier: str, etag: str, verb: str) -> tuple[Visit, datetime]:
    visit = fetch(session, Visit, identifier, lock=True, etag=etag)
    visit.go(verb)
    return visit, clock.now(session)


def _recorded(session: Session, event: type[Message], visit: Visit) -> Visit:
    record(session, event, visit)
    return visit


def room(session: Session, identifier: str, etag: str, room_id: str) -> Visit:
    """Note the room that the patient was brought to."""
    visit, now = _advanced(session, identifier, etag, "room")
    place = fetch(session, Resource, room_id)
    if place.kind != resource_pb2.RESOURCE_KIND_ROOM:
        raise DomainError(errors_pb2.ERROR_REASON_NOT_A_ROOM, resource=place.name)
    if place.location_id != visit.location_id:
        raise DomainError(errors_pb2.ERROR_REASON_RESOURCE_ELSEWHERE, resource=place.name)
    visit.room_id, visit.room_time = place.id, visit.room_time or now
    session.flush()
    session.expire(visit, ["room"])
    return _recorded(session, events_pb2.VisitRoomed, visit)


def start_tech(session: Session, identifier: str, etag: str) -> Visit:
    """Note that a nurse or technician is with the patient."""
    visit, now = _advanced(session, identifier, etag, "startTech")
    visit.tech_start_time = visit.tech_start_time or now
    return _recorded(session, events_pb2.VisitTechStarted, visit)


def start_clinician(session: Session, identifier: str, etag: str, practitioner_id: str) -> Visit:
    """Note that the practitioner is with the patient."""
    visit, now = _advanced(session, identifier, etag, "startClinician")
    if practitioner_id:
        visit.practitioner_id = directory.known_practitioner(session, uuid_of(practitioner_id)).id
    visit.clinician_start_time = now
    return _recorded(session, events_pb2.VisitClinicianStarted, visit)


def ready_for_checkout(session: Session, identifier: str, etag: str) -> Visit:
    """Note that the medical part is over."""
    visit, now = _advanced(session, identifier, etag, "readyForCheckout")
    visit.ready_time = now
    return _recorded(session, events_pb2.VisitReadyForCheckout, visit)


def complete(session: Session, identifier: str, etag: str) -> Visit:
    """Note that the patient has left after the check-out."""
    visit, now = _advanced(session, identifier, etag, "complete")
    visit.complete_time = now
    _complete_appointment(session, visit)
    return _recorded(session, events_pb2.VisitCompleted, visit)


def leave(session: Session, identifier: str, etag: str) -> Visit:
    """Note that the patient left without being seen."""
    visit, now = _advanced(session, identifier, etag, "leave")
    visit.leave_time = now
    _complete_appointment(session, visit)
    return _recorded(session, events_pb2.VisitLeft, visit)


def _complete_appointment(session: Session, visit: Visit) -> None:
    if visit.appointment_id:
        appointment = fetch(session, Appointment, visit.appointment_id, lock=True)
        appointment.go("complete")
        record(session, events_pb2.AppointmentCompleted, appointment)

"""Read what a search for free times asks for."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_service_pb2
from praxis_chassis.errors import invalid
from praxis_chassis.mapping import moment
from praxis_scheduling.rules.hours import ANY_HOUR, MINUTES_PER_DAY, LocalHours, minute_of_day
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.usecases import appointments, directory, slots
from praxis_scheduling.usecases.availability import active_type, wish_for
from praxis_scheduling.usecases.slots import Leading, Search


def search_for(session: Session, request: appointment_service_pb2.FindSlotsRequest) -> Search:
    """Return the search that a request asks for."""
    kind = active_type(session, request.appointment_type_id)
    return Search(
        wish=wish_for(kind, request.channel, request.duration_minutes, _tags(session, request.patient_id)),
        start=moment(request.from_time) if request.HasField("from_time") else None,
        until=moment(request.until_time) if request.HasField("until_time") else None,
        locations=list(map(UUID, request.location_ids)),
        leading=_leading(session, request),
        hours=_hours(request),
        step=request.step_minutes or slots.USUAL_STEP,
        limit=request.limit or slots.USUAL_LIMIT,
    )


def _tags(session: Session, patient_id: str) -> frozenset[str]:
    return frozenset(directory.known_patient(session, UUID(patient_id)).tags) if patient_id else frozenset()


def _leading(session: Session, request: appointment_service_pb2.FindSlotsRequest) -> Leading:
    practitioners = set(map(UUID, request.practitioner_ids))
    if request.same_practitioner:
        if not request.patient_id:
            raise invalid("patient_id", "NEEDED_FOR_SAME_PRACTITIONER")
        practitioners.update(_usual_practitioners(session, UUID(request.patient_id)))
    resources = set(map(UUID, request.resource_ids))
    return Leading(resources, practitioners, frozenset(request.languages), request.sex)


def _usual_practitioners(session: Session, patient_id: UUID) -> Iterable[UUID]:
    query = select(Appointment.practitioner_ids).where(
        Appointment.patient_id == patient_id, Appointment.state.in_(appointments.HOLDS_TIME)
    )
    return session.scalars(query.order_by(Appointment.start_time.desc()).limit(1)).one_or_none() or []


def _hours(request: appointment_service_pb2.FindSlotsRequest) -> LocalHours:
    if not request.weekdays and not request.local_from and not request.local_until:
        return ANY_HOUR
    start = minute_of_day(request.local_from) if request.local_from else 0
    end = minute_of_day(request.local_until) if request.local_until else MINUTES_PER_DAY
    if end <= start:
        raise invalid("local_until", "ENDS_BEFORE_START")
    return LocalHours(frozenset(map(int, request.weekdays)), start, end)

"""The queue of a location: who is called next, and how long the others are likely to wait."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import resource_pb2, visit_pb2, visit_service_pb2
from praxis_chassis import clock
from praxis_chassis.database import fetch
from praxis_scheduling.rules.grid import Grid
from praxis_scheduling.rules.hours import BlockKind, Span
from praxis_scheduling.rules.queue import Waiting, expected_starts, in_order
from praxis_scheduling.store import calendar
from praxis_scheduling.store.flow import IN_A_ROOM, Visit
from praxis_scheduling.store.models import AppointmentType, LocationCopy
from praxis_scheduling.usecases.availability import spans_of

USUAL_MINUTES = 15  # of a visit that has no appointment type
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SEEING = (BlockKind.OPEN, BlockKind.WAVE, BlockKind.RESERVED)


@dataclass(frozen=True, slots=True)
class Place:
    """A visit's place in the queue."""

    visit: Visit
    position: int
    waited_minutes: int
    estimated_wait_minutes: int | None


def places(session: Session, request: visit_service_pb2.GetVisitQueueRequest) -> list[Place]:
    """Return the queue of a location; a filter hides others and does not move anybody forward."""
    location = fetch(session, LocationCopy, request.location_id)
    now = clock.now(session)
    here = _open_visits(session, location.id, clock.today(session, location.time_zone) - DAY)
    minutes = _durations(session, here)
    waiting = in_order(_waiting(visit, minutes) for visit in here if visit.state == visit_pb2.VISIT_STATE_ARRIVED)
    in_rooms = in_order(
        _waiting(visit, minutes)
        for visit in here
        if visit.state in IN_A_ROOM and visit.state != visit_pb2.VISIT_STATE_WITH_CLINICIAN
    )
    free = _free_from(session, location.id, ZoneInfo(location.time_zone), here, minutes, now)
    starts = expected_starts([*in_rooms, *waiting], free, now)
    named = {visit.id: visit for visit in here}
    found = [
        Place(named[each.visit_id], position, _minutes(now - each.arrived), _until(starts[each.visit_id], now))
        for position, each in enumerate(waiting, 1)
    ]
    return [place for place in found if _wanted(place.visit, request)]


def _wanted(visit: Visit, request: visit_service_pb2.GetVisitQueueRequest) -> bool:
    if request.appointment_type_id and str(visit.appointment_type_id) != request.appointment_type_id:
        return False
    return not request.practitioner_id or str(visit.practitioner_id or request.practitioner_id) == (
        request.practitioner_id
    )


def _open_visits(session: Session, location_id: UUID, since: Any) -> Sequence[Visit]:
    states = (visit_pb2.VISIT_STATE_ARRIVED, *IN_A_ROOM)
    query = select(Visit).where(Visit.location_id == location_id, Visit.local_date >= since, Visit.state.in_(states))
    return list(session.scalars(query))


def _durations(session: Session, visits: Iterable[Visit]) -> Mapping[UUID | None, int]:
    kinds = {visit.appointment_type_id for visit in visits} - {None}
    query = select(AppointmentType.id, AppointmentType.duration_minutes).where(AppointmentType.id.in_(kinds))
    return {row.id: row.duration_minutes for row in session.execute(query)}


def _waiting(visit: Visit, minutes: Mapping[UUID | None, int]) -> Waiting:
    return Waiting(
        visit_id=visit.id,
        urgency=visit.urgency,
        arrived=visit.arrive_time,
        scheduled=visit.scheduled_time,
        practitioner_id=visit.practitioner_id,
        minutes=minutes.get(visit.appointment_type_id, USUAL_MINUTES),
    )


def _free_from(
    session: Session,
    location_id: UUID,
    zone: ZoneInfo,
    here: Iterable[Visit],
    minutes: Mapping[UUID | None, int],
    now: datetime,
) -> dict[UUID, datetime]:
    """Return from when each practitioner is free who sees patients now, by hours or because one is there."""
    free = dict.fromkeys(_on_duty(session, location_id, zone, now), now)
    for visit in here:
        if visit.state == visit_pb2.VISIT_STATE_WITH_CLINICIAN and visit.practitioner_id and visit.clinician_start_time:
            usual = minutes.get(visit.appointment_type_id, USUAL_MINUTES) * MINUTE
            until = max(now, visit.clinician_start_time + usual)
            free[visit.practitioner_id] = max(free.get(visit.practitioner_id, now), until)
    return free


def _on_duty(session: Session, location_id: UUID, zone: ZoneInfo, now: datetime) -> list[UUID]:
    """Return the practitioners whose hours are open at a moment."""
    people = calendar.resources_for(session, [resource_pb2.RESOURCE_KIND_PROVIDER], [location_id])
    ids, grid = [person.id for person in people], Grid.around(now, now + MINUTE)
    hours = calendar.hours_of(session, ids)
    exceptions = calendar.exceptions_of(session, ids, now.date() - 2 * DAY, now.date() + 2 * DAY)
    closures = calendar.closures_of(session, [location_id], now, now + MINUTE)
    closed = {item.resource_id for item in closures}
    found = [(each, spans_of(each, hours.get(each.id, []), exceptions.get(each.id, {}), zone, grid)) for each in people]
    return [
        person.practitioner_id
        for person, own in found
        if person.practitioner_id and not closed & {None, person.id} and _open(own, now)
    ]


def _open(found: Sequence[Span] | None, now: datetime) -> bool:
    kinds = {span.kind for span in found or () if span.start <= now < span.end}
    return bool(kinds & set(SEEING)) and not kinds & {BlockKind.ADMIN, BlockKind.BREAK}


def _minutes(time: timedelta) -> int:
    return max(0, time // MINUTE)


def _until(start: datetime | None, now: datetime) -> int | None:
    return None if start is None else _minutes(start - now)

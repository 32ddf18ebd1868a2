"""Load what is open and what is taken, in the terms of the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_type_pb2, errors_pb2
from praxis_chassis import clock
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError, invalid
from praxis_scheduling.rules.availability import Availability, Guest, Need, lane_count, openness
from praxis_scheduling.rules.grid import Grid
from praxis_scheduling.rules.hours import DAY, Span, WeeklyBlock, WeeklyHours, spans
from praxis_scheduling.rules.teams import Part, Role
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import AppointmentType, Resource


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be booked, on which way, and for how long."""

    appointment_type: AppointmentType
    channel: int
    need: Need
    tags: frozenset[str] = frozenset()
    within_capacity: bool = False

    @property
    def desk(self) -> bool:
        """True when staff books."""
        return self.channel == appointment_type_pb2.CHANNEL_DESK

    @property
    def parts(self) -> list[tuple[Role, Part]]:
        """Each role with its part of the time; the first leads."""
        return [(role, role.part(self.need)) for role in self.appointment_type.roles]


def wish_for(kind: AppointmentType, channel: int, duration_minutes: int, tags: frozenset[str] = frozenset()) -> Wish:
    """Return the wish for an appointment of a type; without a duration the type's own counts."""
    channel = channel or appointment_type_pb2.CHANNEL_DESK
    if not kind.offered_on(channel):
        raise DomainError(errors_pb2.ERROR_REASON_TYPE_NOT_IN_CHANNEL, type=kind.name)
    duration = duration_minutes or kind.duration_minutes
    if duration < kind.shortest_minutes:
        raise invalid("duration_minutes", "TOO_SHORT_FOR_ROLES", minutes=kind.shortest_minutes)
    need = Need(duration, kind.buffer_before_minutes, kind.buffer_after_minutes)
    return Wish(kind, channel, need, tags)


def active_type(session: Session, identifier: str | UUID) -> AppointmentType:
    """Return an appointment type that is in use, or refuse."""
    kind = fetch(session, AppointmentType, identifier)
    if not kind.active:
        raise DomainError(errors_pb2.ERROR_REASON_NOT_ACTIVE, name=kind.name)
    return kind


def load(
    session: Session,
    resources: Sequence[Resource],
    wish: Wish,
    grid: Grid,
    zones: Mapping[UUID, str],
    but: UUID | None = None,
) -> dict[UUID, Availability]:
    """Return the availability of resources in a window, as if one appointment (`but`) were not there."""
    ids = [resource.id for resource in resources]
    locations = {resource.location_id for resource in resources}
    hours = calendar.hours_of(session, ids)
    exceptions = calendar.exceptions_of(session, ids, grid.origin.date() - 2 * DAY, grid.end.date() + 2 * DAY)
    guest = Guest(wish.appointment_type.id, wish.tags, clock.now(session))
    closures = calendar.closures_of(session, locations, grid.origin, grid.end)
    busy = _busy(grid, calendar.taken(session, ids, grid.origin, grid.end, but))
    return {
        resource.id: Availability(
            openness(
                grid,
                spans_of(
                    resource,
                    hours.get(resource.id, []),
                    exceptions.get(resource.id, {}),
                    ZoneInfo(zones[resource.location_id]),
                    grid,
                ),
                _closed_ranges(resource, closures),
                guest,
            ),
            busy.get(resource.id, {}),
            lanes := _lanes(resource, wish),
            lanes - resource.capacity,
        )
        for resource in resources
    }


def _busy(grid: Grid, taken: Sequence[calendar.Taken]) -> dict[UUID, dict[int, int]]:
    ranges: dict[UUID, dict[int, list[tuple[datetime, datetime]]]] = {}
    for item in taken:
        ranges.setdefault(item.resource_id, {}).setdefault(item.lane, []).append((item.start, item.end))
    return {key: {lane: grid.union(found) for lane, found in lanes.items()} for key, lanes in ranges.items()}


def spans_of(
    resource: Resource,
    hours: Sequence[WeeklyHours],
    exceptions: Mapping[date, Sequence[WeeklyBlock]],
    zone: ZoneInfo,
    grid: Grid,
) -> list[Span] | None:
    """Return what a resource's templates and exceptions say; nothing for a thing without any, which is always open."""
    always = not hours and not resource.needs_hours
    if always and not exceptions:
        return None
    return spans(hours, zone, grid.origin, grid.end, exceptions, always=always)


def _closed_ranges(resource: Resource, closures: Sequence[calendar.Closed]) -> list[tuple[datetime, datetime]]:
    return [
        (closed.start, closed.end)
        for closed in closures
        if closed.resource_id == resource.id
        or (closed.resource_id is None and closed.location_id == resource.location_id)
    ]


def _lanes(resource: Resource, wish: Wish) -> int:
    extra, limit = resource.double_booking_limit, wish.appointment_type.overbooking_limit
    return lane_count(
        resource.capacity,
        min(extra, limit) if limit else extra,
        switch=resource.double_booking_enabled,
        overbooking=wish.appointment_type.overbooking_allowed,
        desk=wish.desk and not wish.within_capacity,
    )

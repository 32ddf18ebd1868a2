"""Find free times over several resources and locations."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2
from praxis_chassis import clock
from praxis_chassis.errors import invalid
from praxis_chassis.mapping import instant
from praxis_scheduling.rules.availability import Availability
from praxis_scheduling.rules.grid import MINUTE, Grid
from praxis_scheduling.rules.slots import FreeTime, Role, free_times
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import Resource
from praxis_scheduling.usecases import availability
from praxis_scheduling.usecases.availability import Wish

LONGEST_SEARCH = timedelta(days=120)
USUAL_SEARCH = timedelta(days=14)
USUAL_STEP, USUAL_LIMIT = 15, 20
MINUTES_COUNT_FROM = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which free times are asked for; empty collections mean any."""

    wish: Wish
    start: datetime | None
    until: datetime | None
    locations: Collection[UUID] = ()
    resources: Collection[UUID] = ()
    practitioners: Collection[UUID] = ()
    step: int = USUAL_STEP
    limit: int = USUAL_LIMIT
    but: UUID | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The range of starts that a search looks at."""

    start: datetime
    until: datetime


def find(session: Session, search: Search) -> list[appointment_pb2.Slot]:
    """Return free times, earliest first."""
    window = _window(session, search)
    kinds = [kind for kind, _ in search.wish.appointment_type.roles]
    by_location: dict[UUID, list[Resource]] = {}
    for resource in calendar.resources_for(session, kinds, search.locations):
        by_location.setdefault(resource.location_id, []).append(resource)
    zones = calendar.zones(session, by_location)
    found = [_at(session, search, window, zones[place], team) for place, team in by_location.items()]
    return list(islice(heapq.merge(*found, key=lambda slot: slot.start_time.ToNanoseconds()), search.limit))


def _window(session: Session, search: Search) -> Window:
    now = clock.now(session)
    start = search.start or now
    if search.wish.channel == appointment_type_pb2.CHANNEL_BOOKING:
        start = max(start, now)
    until = search.until or start + USUAL_SEARCH
    if until - start > LONGEST_SEARCH:
        raise invalid("until_time", "SEARCH_TOO_LONG", days=LONGEST_SEARCH.days)
    if search.until and search.start and search.until < search.start:
        raise invalid("until_time", "ENDS_BEFORE_START")
    return Window(_whole_minute(start), until)


def _whole_minute(moment: datetime) -> datetime:
    """Round up, because a time that has begun is gone."""
    return MINUTES_COUNT_FROM - (MINUTES_COUNT_FROM - moment) // MINUTE * MINUTE


def _at(
    session: Session, search: Search, window: Window, zone: str, resources: Sequence[Resource]
) -> Iterator[appointment_pb2.Slot]:
    """Search one location; all its resources are in one time zone."""
    roles = _roles(search, resources)
    if window.until < window.start or any(len(role.candidates) < role.count for role in roles):
        return iter(())
    if _leaders(search, resources) == frozenset():
        return iter(())
    margin = search.wish.need.occupied * MINUTE
    grid = Grid.around(window.start - margin, window.until + margin + MINUTE)
    zones = {resource.location_id: zone for resource in resources}
    calendars = availability.load(session, resources, search.wish, grid, zones, search.but)
    return _free(search, window, zone, resources, grid, calendars)


def _free(
    search: Search,
    window: Window,
    zone: str,
    resources: Sequence[Resource],
    grid: Grid,
    calendars: dict[UUID, Availability],
) -> Iterator[appointment_pb2.Slot]:
    """Yield the free times in calendars that are at hand."""
    wish = search.wish
    wanted = grid.aligned(ZoneInfo(zone), search.step)
    for found in calendars.values():
        for minute in found.openness.waves:
            wanted |= 1 << minute
    wanted &= grid.mask(grid.minute(window.start), grid.minute(window.until) + 1)
    named = {resource.id: resource for resource in resources}
    leaders = _leaders(search, resources)
    times = free_times(grid, _roles(search, resources), calendars, wish.need, wanted, leaders)
    return (_slot(grid, time, wish, zone, named) for time in times)


def _roles(search: Search, resources: Sequence[Resource]) -> list[Role]:
    return [
        Role(count, [resource.id for resource in resources if resource.kind == kind])
        for kind, count in search.wish.appointment_type.roles
    ]


def _leaders(search: Search, resources: Sequence[Resource]) -> frozenset[UUID] | None:
    if not search.resources and not search.practitioners:
        return None
    lead = search.wish.appointment_type.roles[0][0]
    return frozenset(
        resource.id
        for resource in resources
        if resource.kind == lead
        and (resource.id in search.resources or resource.practitioner_id in search.practitioners)
    )


def _slot(grid: Grid, time: FreeTime, wish: Wish, zone: str, resources: dict[UUID, Resource]) -> appointment_pb2.Slot:
    start = grid.moment(time.minute)
    local = start.astimezone(ZoneInfo(zone))
    team = [resources[key] for key in time.team]
    practitioner = next((member.practitioner_id for member in team if member.practitioner_id), None)
    return appointment_pb2.Slot(
        start_time=instant(start),
        end_time=instant(start + wish.need.duration * MINUTE),
        location_id=str(team[0].location_id),
        time_zone=zone,
        local_date=local.date().isoformat(),
        local_start=f"{local:%H:%M}",
        resource_ids=[str(member.id) for member in team],
        practitioner_id=str(practitioner or ""),
        resource_name=team[0].name,
    )


def alternatives(session: Session, search: Search) -> list[appointment_pb2.Slot]:
    """Return up to three free times from the wanted one on, with the wanted leader if it has any."""
    found = find(session, search)
    return found or find(session, replace(search, resources=(), practitioners=()))


def alternatives_at_hand(
    search: Search, start: datetime, zone: str, resources: Sequence[Resource], grid: Grid,
    calendars: dict[UUID, Availability],
) -> list[appointment_pb2.Slot]:  # fmt: skip
    """Return the same from calendars that were loaded already; too few when their window is too short."""
    window = Window(_whole_minute(start), grid.end - (search.wish.need.occupied + 1) * MINUTE)
    return list(islice(_free(search, window, zone, resources, grid, calendars), search.limit))

"""Find free times over several resources and locations."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2
from praxis_chassis import clock
from praxis_chassis.errors import invalid
from praxis_chassis.mapping import instant
from praxis_scheduling.rules.availability import Availability
from praxis_scheduling.rules.grid import MINUTE, Grid
from praxis_scheduling.rules.hours import ANY_HOUR, LocalHours
from praxis_scheduling.rules.slots import Days, FreeTime, Seats, chunked, double_bookings_of, free_times, starts_of
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import AppointmentType, Resource
from praxis_scheduling.usecases import availability
from praxis_scheduling.usecases.availability import Wish

LONGEST_SEARCH = timedelta(days=120)
USUAL_SEARCH = timedelta(days=14)
USUAL_STEP, USUAL_LIMIT = 15, 20
MINUTES_COUNT_FROM = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Leading:
    """Who is acceptable in the leading role; empty collections mean anybody."""

    resources: Collection[UUID] = ()
    practitioners: Collection[UUID] = ()
    languages: Collection[str] = ()
    sex: int = 0

    @property
    def anybody(self) -> bool:
        """True when nothing is asked for."""
        return not (self.resources or self.practitioners or self.languages or self.sex)

    def accepts(self, resource: Resource) -> bool:
        """Tell whether a resource is acceptable."""
        named = self.resources or self.practitioners
        return (
            (not named or resource.id in self.resources or resource.practitioner_id in self.practitioners)
            and (not self.languages or bool(set(self.languages) & set(resource.languages)))
            and (not self.sex or resource.sex == self.sex)
        )


ANYBODY = Leading()


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which free times are asked for; empty collections mean any."""

    wish: Wish
    start: datetime | None
    until: datetime | None
    locations: Collection[UUID] = ()
    leading: Leading = ANYBODY
    hours: LocalHours = ANY_HOUR
    step: int = USUAL_STEP
    limit: int = USUAL_LIMIT
    but: UUID | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The range of starts that a search looks at."""

    start: datetime
    until: datetime


def find(session: Session, search: Search) -> list[appointment_pb2.Slot]:
    """Return free times, earliest first, and at each time those that are no double booking first."""
    return list(islice(times(session, search), search.limit))


def times(session: Session, search: Search) -> Iterator[appointment_pb2.Slot]:
    """Return the same without a limit, one after the other for who stops when it is enough."""
    window = _window(session, search)
    kinds = {role.kind for role in search.wish.appointment_type.roles}
    by_location: dict[UUID, list[Resource]] = {}
    for resource in calendar.resources_for(session, kinds, search.locations):
        by_location.setdefault(resource.location_id, []).append(resource)
    zones = calendar.zones(session, by_location)
    found = [_at(session, search, window, zones[place], team) for place, team in by_location.items()]
    return heapq.merge(*found, key=_place_in_line)


def _place_in_line(slot: appointment_pb2.Slot) -> tuple[int, bool]:
    return slot.start_time.ToNanoseconds(), slot.double_booking


def _window(session: Session, search: Search) -> Window:
    now = clock.now(session)
    start = search.start or now
    until = search.until or start + USUAL_SEARCH
    if until - start > LONGEST_SEARCH:
        raise invalid("until_time", "SEARCH_TOO_LONG", days=LONGEST_SEARCH.days)
    if search.until and search.start and search.until < search.start:
        raise invalid("until_time", "ENDS_BEFORE_START")
    if not search.wish.desk:
        earliest, latest = bounds(search.wish.appointment_type, now)
        start, until = max(start, earliest), min(until, latest) if latest else until
    return Window(_whole_minute(start), until)


def bounds(kind: AppointmentType, now: datetime) -> tuple[datetime, datetime | None]:
    """Return the first and the last start that patients and partners may book."""
    latest = now + timedelta(days=kind.horizon_days) if kind.horizon_days else None
    return now + timedelta(minutes=kind.minimum_notice_minutes), latest


def _whole_minute(moment: datetime) -> datetime:
    """Round up, because a time that has begun is gone."""
    return MINUTES_COUNT_FROM - (MINUTES_COUNT_FROM - moment) // MINUTE * MINUTE


def _at(
    session: Session, search: Search, window: Window, zone: str, resources: Sequence[Resource]
) -> Iterator[appointment_pb2.Slot]:
    """Search one location; all its resources are in one time zone."""
    seats = _seats(search, resources)
    if window.until < window.start or any(len(group.candidates) < group.count for group in seats):
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
    if search.hours is not ANY_HOUR:
        wanted &= grid.union(search.hours.ranges(ZoneInfo(zone), grid.origin, grid.end))
    seats = _seats(search, resources)
    starts = [
        {key: chunked(starts_of(calendars[key], group.part), grid.minutes) for key in group.candidates}
        for group in seats
    ]
    named = {resource.id: resource for resource in resources}
    doubled = _doubled(seats, grid, calendars) if wish.desk else ()
    times = free_times(seats, starts, chunked(wanted, grid.minutes), _leaders(search, resources), doubled)
    return (slot_of(grid, time, wish, zone, named) for time in times)


def _doubled(seats: Sequence[Seats], grid: Grid, calendars: dict[UUID, Availability]) -> list[Days]:
    """Return when each candidate would be double booked, without those who never would be."""
    found = [[(key, double_bookings_of(calendars[key], group.part)) for key in group.candidates] for group in seats]
    return [{key: chunked(mask, grid.minutes) for key, mask in of if mask} for of in found]


def _seats(search: Search, resources: Sequence[Resource]) -> list[Seats]:
    return [
        Seats(role.count, [item.id for item in resources if role.fits(item.kind, item.skills)], part)
        for role, part in search.wish.parts
    ]


def _leaders(search: Search, resources: Sequence[Resource]) -> frozenset[UUID] | None:
    if search.leading.anybody:
        return None
    lead = search.wish.appointment_type.roles[0]
    return frozenset(
        resource.id
        for resource in resources
        if lead.fits(resource.kind, resource.skills) and search.leading.accepts(resource)
    )


def slot_of(
    grid: Grid, time: FreeTime, wish: Wish, zone: str, resources: Mapping[UUID, Resource]
) -> appointment_pb2.Slot:
    """Return a free time in the terms of the contract."""
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
        double_booking=time.double_booking,
    )


def alternatives(session: Session, search: Search) -> list[appointment_pb2.Slot]:
    """Return up to three free times from the wanted one on, with the wanted leader if it has any."""
    found = find(session, search)
    return found or find(session, replace(search, leading=ANYBODY))


def alternatives_at_hand(
    search: Search, start: datetime, zone: str, resources: Sequence[Resource], grid: Grid,
    calendars: dict[UUID, Availability],
) -> list[appointment_pb2.Slot]:  # fmt: skip
    """Return the same from calendars that were loaded already; too few when their window is too short."""
    window = Window(_whole_minute(start), grid.end - (search.wish.need.occupied + 1) * MINUTE)
    return list(islice(_free(search, window, zone, resources, grid, calendars), search.limit))

"""When several patients can be seen together: one after the other with the same resources, or side by side.

Nothing is taken here. Who sits where is tried out on the calendars of one reading, one patient after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from itertools import islice
from operator import and_, or_
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2
from praxis_chassis import clock
from praxis_chassis.errors import DomainError
from praxis_scheduling.rules.availability import Availability
from praxis_scheduling.rules.grid import MINUTE, Grid, minutes_of
from praxis_scheduling.rules.hours import DAY
from praxis_scheduling.rules.slots import FreeTime, starts_of
from praxis_scheduling.rules.teams import seated, seats_of
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import LocationCopy, Resource
from praxis_scheduling.usecases import availability, slots
from praxis_scheduling.usecases.availability import Wish
from praxis_scheduling.usecases.staffing import Judge, Member, team_of

Taken = dict[UUID, dict[int, int]]


@dataclass(frozen=True, slots=True)
class Companion:
    """One of the patients: what is booked, how many minutes after the group's start, and with whom if that was said."""

    wish: Wish
    offset: int
    named: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Group:
    """Patients who are booked together at one location."""

    location: LocationCopy
    companions: Sequence[Companion]
    back_to_back: bool

    @property
    def named(self) -> set[UUID]:
        """All resources that were asked for."""
        return {key for companion in self.companions for key in companion.named}

    def with_anybody(self) -> Group:
        """Return the same group without the resources that were asked for."""
        return replace(self, companions=[replace(companion, named=()) for companion in self.companions])


@dataclass(frozen=True, slots=True)
class Chart:
    """The calendars of a location as each of the patients would meet them, from a day before a time to weeks after."""

    group: Group
    pool: Sequence[Resource]
    grid: Grid
    calendars: Sequence[Mapping[UUID, Availability]]

    @classmethod
    def of(cls, session: Session, group: Group, start: datetime) -> Chart:
        """Read the calendars around and after a time."""
        kinds = {role.kind for companion in group.companions for role in companion.wish.appointment_type.roles}
        found = calendar.resources_for(session, kinds, [group.location.id])
        known = {resource.id for resource in found}
        named = calendar.resources_of(session, group.named - known)
        pool = [*found, *(each for each in named if each.active and each.location_id == group.location.id)]
        last = group.companions[-1]
        longest = (last.offset + max(each.wish.need.occupied for each in group.companions)) * MINUTE
        grid = Grid.around(start - DAY, start + slots.USUAL_SEARCH + longest + DAY)
        zones = {group.location.id: group.location.time_zone}
        read: dict[tuple[UUID, frozenset[str]], Mapping[UUID, Availability]] = {}
        for wish in (companion.wish for companion in group.companions):
            key = (wish.appointment_type.id, wish.tags)
            if key not in read:
                read[key] = availability.load(session, pool, wish, grid, zones)
        keys = [(each.wish.appointment_type.id, each.wish.tags) for each in group.companions]
        return cls(group, pool, grid, [read[key] for key in keys])

    def teams_at(self, minute: int) -> list[list[UUID]] | None:
        """Return who would take part for each patient when the group starts at a minute, if all can be seen."""
        if not self.group.named <= {resource.id for resource in self.pool}:
            return None  # the engine says which of them is not there, not here or no longer in use
        for lead in self._leads():
            teams = self._seat(minute, lead)
            if teams is not None:
                return [[member.resource.id for member in team] for team in teams]
        return None

    def _leads(self) -> Sequence[Resource | None]:
        """Return who may lead all patients one after the other; side by side there is no such choice."""
        first = self.group.companions[0]
        if first.named or not self.group.back_to_back:
            return [None]
        lead = first.wish.appointment_type.roles[0]
        return [resource for resource in self.pool if lead.fits(resource.kind, resource.skills)]

    def _seat(self, minute: int, lead: Resource | None) -> list[list[Member]] | None:
        taken: Taken = {}
        teams: dict[int, list[Member]] = {}
        for place in self._in_turn():
            companion = self.group.companions[place]
            first = [member.resource for member in teams[0]] if self.group.back_to_back and place else []
            named = self._wanted(companion, first) or ([lead] if lead is not None else [])
            team = self._team(place, minute, named, taken)
            if team is None:
                return None
            _take(taken, self.grid, minute + companion.offset, team)
            teams[place] = team
        return [teams[place] for place in range(len(teams))]

    def _in_turn(self) -> Sequence[int]:
        """Return who is seated when: back to back by their order, side by side those with the least choice first."""
        companions = self.group.companions
        if self.group.back_to_back:
            return range(len(companions))

        def choice(place: int) -> tuple[bool, int]:
            lead = companions[place].wish.appointment_type.roles[0]
            return not companions[place].named, sum(lead.fits(item.kind, item.skills) for item in self.pool)

        return sorted(range(len(companions)), key=choice)

    def _wanted(self, companion: Companion, first: Sequence[Resource]) -> list[Resource]:
        """Return the resources that a patient is to have: those that were named, or the first patient's."""
        if companion.named:
            return [resource for resource in self.pool if resource.id in companion.named]
        return shared(companion.wish, first)

    def _team(self, place: int, minute: int, named: Sequence[Resource], taken: Taken) -> list[Member] | None:
        companion, calendars = self.group.companions[place], self.calendars[place]
        seen = {**calendars, **{key: _beside(calendars[key], lanes) for key, lanes in taken.items()}}
        known = {resource.id for resource in named}
        others = [resource for resource in self.pool if resource.id not in known]
        try:
            team = team_of(companion.wish, named, others, Judge(minute + companion.offset, seen))
        except DomainError:  # the location has too few
            return None
        return None if any(member.broken for member in team) else team

    def alternatives(self, session: Session, start: datetime, most: int) -> list[list[appointment_pb2.Slot]]:
        """Return the next starts at which all can be seen, each with a time for every patient in their order."""
        zone = self.group.location.time_zone
        named = {resource.id: resource for resource in self.pool}
        found = ((minute, self.teams_at(minute)) for minute in self._starts(session, start))
        return [
            [
                slots.slot_of(self.grid, FreeTime(minute + each.offset, tuple(team)), each.wish, zone, named)
                for each, team in zip(self.group.companions, teams, strict=True)
            ]
            for minute, teams in islice(((minute, teams) for minute, teams in found if teams), most)
        ]

    def _starts(self, session: Session, start: datetime) -> Iterator[int]:
        """Yield the minutes at which somebody would be free for each patient, which is the least that is needed."""
        wanted = self.grid.aligned(ZoneInfo(self.group.location.time_zone), slots.USUAL_STEP)
        for minute in {minute for found in self.calendars[0].values() for minute in found.openness.waves}:
            wanted |= 1 << minute
        earliest, latest = self._bounds(session, start)
        wanted &= self.grid.mask(self.grid.minute(earliest), self.grid.minute(latest) + 1)
        return minutes_of(reduce(and_, map(self._free, range(len(self.calendars))), wanted))

    def _bounds(self, session: Session, start: datetime) -> tuple[datetime, datetime]:
        """Return the first and the last start; patients and partners are held to notice and horizon of each type."""
        earliest, latest, now = start, start + slots.USUAL_SEARCH, clock.now(session)
        for companion in self.group.companions:
            if not companion.wish.desk:
                first, last = slots.bounds(companion.wish.appointment_type, now)
                earliest, latest = max(earliest, first), min(latest, last or latest)
        return earliest, latest

    def _free(self, place: int) -> int:
        companion = self.group.companions[place]
        role, part = companion.wish.parts[0]
        leads = [item for item in self.pool if role.fits(item.kind, item.skills)]
        named = [item for item in leads if item.id in companion.named]
        masks = (starts_of(self.calendars[place][item.id], part) for item in named or leads)
        return reduce(or_, masks, 0) >> companion.offset


def shared(wish: Wish, team: Sequence[Resource]) -> list[Resource]:
    """Return those of a team that another appointment has seats for."""
    seats = seats_of(wish.appointment_type.roles)
    fitting = seated([[item for item in team if role.fits(item.kind, item.skills)] for role in seats])
    return [fitting[seat] for seat in sorted(fitting)]


def _beside(found: Availability, taken: Mapping[int, int]) -> Availability:
    lanes = {lane: found.busy.get(lane, 0) | taken.get(lane, 0) for lane in {*found.busy, *taken}}
    return replace(found, busy=lanes)


def _take(taken: Taken, grid: Grid, minute: int, team: Sequence[Member]) -> None:
    for member in team:
        need = member.part.need
        first = minute + member.part.offset - need.before
        lanes = taken.setdefault(member.resource.id, {})
        lanes[member.lane] = lanes.get(member.lane, 0) | grid.mask(first, first + need.occupied)

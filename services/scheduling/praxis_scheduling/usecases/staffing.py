"""Who takes part in an appointment, in which lanes and for which part of it, and which rules stand against that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.scheduling.v1 import errors_pb2, resource_pb2
from praxis_chassis.database import enum_words
from praxis_chassis.errors import DomainError, not_found
from praxis_scheduling.rules.availability import Availability, Rule
from praxis_scheduling.rules.grid import MINUTE, Grid
from praxis_scheduling.rules.teams import Part, Role, seated, seats_of
from praxis_scheduling.store import calendar
from praxis_scheduling.store.calendar import Place
from praxis_scheduling.store.models import Appointment, Resource
from praxis_scheduling.usecases import availability
from praxis_scheduling.usecases.availability import Wish

DAY = timedelta(days=1)
KIND_WORDS = enum_words(resource_pb2.ResourceKind)[0]


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: the appointment with its time, the resources that were named, and why rules may fall."""

    appointment: Appointment
    wish: Wish
    named: Sequence[UUID]
    reason: str
    preferred: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A resource with its part of the appointment, the lane it gives, and the rules that stand against it."""

    resource: Resource
    part: Part
    lane: int
    broken: Sequence[Rule]

    def place(self, start: datetime) -> Place:
        """Return what it takes of the resource when the appointment starts at this time."""
        need = self.part.need
        first = start + (self.part.offset - need.before) * MINUTE
        return Place(self.lane, first, first + need.occupied * MINUTE)


@dataclass(frozen=True, slots=True)
class Plan:
    """Who takes part, and the calendars by which that was decided."""

    team: Sequence[Member]
    pool: Sequence[Resource]
    grid: Grid
    calendars: dict[UUID, Availability]

    @property
    def rules(self) -> list[Rule]:
        """All rules that stand against it, the most final first."""
        found = {rule for member in self.team for rule in member.broken}
        return [rule for rule in Rule if rule in found]

    @property
    def objector(self) -> Resource:
        """The member whom the first of these rules concerns."""
        first = self.rules[0]
        return next(member.resource for member in self.team if first in member.broken)

    def places(self, start: datetime) -> dict[UUID, Place]:
        """Return what is taken of each resource."""
        return {member.resource.id: member.place(start) for member in self.team}


def draw_up(session: Session, order: Order) -> Plan:
    """Decide who takes part: the resources that were named, completed by free ones."""
    start = order.appointment.start_time
    zones = {order.appointment.location_id: order.appointment.time_zone}
    with session.no_autoflush:
        named, others = _pool(session, order)
        grid = Grid.around(start - DAY, start + 3 * DAY)
        pool = [*named, *others]
        calendars = availability.load(session, pool, order.wish, grid, zones, order.appointment.id)
    judge = Judge(grid.minute(start), calendars)
    return Plan(team_of(order.wish, named, others, judge, order.preferred), pool, grid, calendars)


def _pool(session: Session, order: Order) -> tuple[list[Resource], list[Resource]]:
    """Return the resources that are wanted and, where they make no team yet, those that may complete it."""
    named = calendar.resources_of(session, order.named)
    _check_named(order, named)
    seats = seats_of(order.wish.appointment_type.roles)
    filled = seated([[member.id for member in named if role.fits(member.kind, member.skills)] for role in seats])
    missing = {role.kind for place, role in enumerate(seats) if place not in filled}
    if not missing:
        return named, []
    known = {member.id for member in named}
    others = calendar.resources_for(session, missing, [order.appointment.location_id])
    return named, [member for member in others if member.id not in known]


def _check_named(order: Order, named: Sequence[Resource]) -> None:
    known = {member.id: member for member in named}
    for key in order.named:
        if key not in known:
            raise not_found("resource", key)
        if known[key].location_id != order.appointment.location_id:
            raise DomainError(errors_pb2.ERROR_REASON_RESOURCE_ELSEWHERE, resource=known[key].name)
        if not known[key].active:
            raise DomainError(errors_pb2.ERROR_REASON_NOT_ACTIVE, name=known[key].name)


@dataclass(frozen=True, slots=True)
class Judge:
    """Knows what stands against a resource at the wanted time."""

    minute: int
    calendars: dict[UUID, Availability]

    def broken(self, resource: Resource, part: Part) -> list[Rule]:
        """Return the rules against a part of the appointment."""
        return self.calendars[resource.id].broken(self.minute + part.offset, part.need)

    def member(self, resource: Resource, part: Part, role: Role | None) -> Member:
        """Return a member of the team; without a role it was named beside all that is needed."""
        found, at = self.calendars[resource.id], self.minute + part.offset
        lane = found.lane(at, part.need)
        skilled = role is None or role.fits(resource.kind, resource.skills)
        broken = [*self.broken(resource, part), *([] if skilled else [Rule.SKILL_MISSING])]
        return Member(resource, part, found.extra_lane(at, part.need) if lane is None else lane, broken)


def team_of(
    wish: Wish,
    named: Sequence[Resource],
    others: Sequence[Resource],
    judge: Judge,
    preferred: Sequence[UUID] = (),
) -> list[Member]:
    """Complete the wanted resources to what the appointment type needs, free ones first."""
    seats = seats_of(wish.appointment_type.roles)
    parts = [role.part(wish.need) for role in seats]
    taken = _seats_of_named(seats, named)
    spare = sorted(others, key=lambda item: item.id not in preferred)
    fitting = [
        [(item, len(judge.broken(item, part))) for item in (*named, *spare) if role.fits(item.kind, item.skills)]
        for role, part in zip(seats, parts, strict=True)
    ]
    # Free ones first; only where they are too few those against whom the fewest rules stand.
    taken = seated([[item for item, broken in found if not broken or item in named] for found in fitting], taken)
    taken = seated([[item for item, _ in sorted(found, key=itemgetter(1))] for found in fitting], taken)
    for place, role in enumerate(seats):
        if place not in taken:
            raise _unfilled(role)
    team = [judge.member(taken[place], parts[place], role) for place, role in enumerate(seats)]
    whole = Part(0, wish.need)
    seated_ids = {member.resource.id for member in team}
    return [*team, *(judge.member(item, whole, None) for item in named if item.id not in seated_ids)]


def _seats_of_named(seats: Sequence[Role], named: Sequence[Resource]) -> dict[int, Resource]:
    """Seat those who were named: first where they have the skill, then where only the kind fits."""
    skilled = [[item for item in named if role.fits(item.kind, item.skills)] for role in seats]
    taken = seated(skilled)
    seated_ids = {item.id for item in taken.values()}
    left = [item for item in named if item.id not in seated_ids]
    kinds = [[item for item in left if item.kind == role.kind] for role in seats]
    return seated([kinds[place] if place not in taken else [] for place in range(len(seats))], taken)


def _unfilled(role: Role) -> DomainError:
    kind = f"{KIND_WORDS[role.kind]} ({role.skill})" if role.skill else KIND_WORDS[role.kind]
    return DomainError(errors_pb2.ERROR_REASON_ROLE_UNFILLED, kind=kind, count=role.count)

"""Free times for appointments that need several resources at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from praxis_scheduling.rules.availability import Availability, Need
from praxis_scheduling.rules.grid import Grid, at_least, minutes_of


@dataclass(frozen=True, slots=True)
class Role:
    """How many of which resources are needed; the first role of an appointment leads."""

    count: int
    candidates: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class FreeTime:
    """A minute of the grid at which this team is free; its first member leads."""

    minute: int
    team: tuple[UUID, ...]


def free_times(
    grid: Grid,
    roles: Sequence[Role],
    calendar: dict[UUID, Availability],
    need: Need,
    wanted: int,
    leaders: frozenset[UUID] | None = None,
) -> Iterator[FreeTime]:
    """Yield the wanted minutes at which all roles can be filled, earliest first, for each possible leader."""
    starts = {key: calendar[key].starts(need) for role in roles for key in role.candidates}
    possible = wanted & grid.all
    for role in roles:
        possible &= at_least((starts[key] for key in role.candidates), role.count, grid.all)
    leading = {key: starts[key] & possible for key in roles[0].candidates if leaders is None or key in leaders}
    together = 0
    for mask in leading.values():
        together |= mask
    for minute in minutes_of(together):
        for key, mask in leading.items():
            if mask >> minute & 1:
                yield FreeTime(minute, _team(key, minute, roles, starts))


def _team(leader: UUID, minute: int, roles: Sequence[Role], starts: dict[UUID, int]) -> tuple[UUID, ...]:
    team = [leader]
    for position, role in enumerate(roles):
        free = [key for key in role.candidates if key != leader and starts[key] >> minute & 1]
        team += free[: role.count - 1 if position == 0 else role.count]
    return tuple(team)

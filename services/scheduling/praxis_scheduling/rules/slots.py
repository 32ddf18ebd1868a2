"""Free times for appointments that need several resources at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from praxis_scheduling.rules.availability import Availability
from praxis_scheduling.rules.grid import at_least, minutes_of
from praxis_scheduling.rules.hours import MINUTES_PER_DAY
from praxis_scheduling.rules.teams import Part, seated

CHUNK = MINUTES_PER_DAY


@dataclass(frozen=True, slots=True)
class Seats:
    """How many of which resources are needed for which part; the first seats of an appointment lead."""

    count: int
    candidates: Sequence[UUID]
    part: Part


@dataclass(frozen=True, slots=True)
class FreeTime:
    """A minute of the grid at which this team is free, each in the order of the seats; its first member leads."""

    minute: int
    team: tuple[UUID, ...]
    double_booking: bool = False


Marks = Mapping[UUID, int]
Days = Mapping[UUID, Sequence[int]]


def starts_of(calendar: Availability, part: Part) -> int:
    """Return the minutes at which an appointment may start as far as a resource's part of it goes."""
    return calendar.starts(part.need) >> part.offset


def double_bookings_of(calendar: Availability, part: Part) -> int:
    """Return the minutes at which an appointment would be one too many for a resource that takes this part of it."""
    return calendar.double_bookings(part.need) >> part.offset


def chunked(mask: int, minutes: int) -> list[int]:
    """Cut a mask into days, because small numbers are read faster than a large one many times."""
    size = CHUNK // 8
    days = -(-minutes // CHUNK)
    whole = mask.to_bytes(max(days * size, (mask.bit_length() + 7) // 8), "little")
    return [int.from_bytes(whole[day * size : (day + 1) * size], "little") for day in range(days)]


def free_times(
    seats: Sequence[Seats],
    starts: Sequence[Days],
    wanted: Sequence[int],
    leaders: frozenset[UUID] | None = None,
    doubled: Sequence[Days] = (),
) -> Iterator[FreeTime]:
    """Yield the wanted minutes at which all seats can be filled, earliest first, for each possible leader.

    `starts` says for each entry of `seats` when its candidates are free, in days as `wanted` is. `doubled` says when
    they would be double booked: such teams are taken where nobody else is free, and come last at each minute.
    """
    for day, wish in enumerate(wanted):
        if wish:
            marks = [
                {key: mask for key in group.candidates if (mask := of[key][day] & wish)}
                for group, of in zip(seats, starts, strict=True)
            ]
            double = [{key: of[key][day] for key in of} for of in doubled] or [{} for _ in seats]
            for minute, team in _of_day(seats, marks, double, wish, leaders):
                yield FreeTime(day * CHUNK + minute, team, _is_double(minute, team, seats, double))


def _of_day(
    seats: Sequence[Seats],
    marks: Sequence[Marks],
    doubled: Sequence[Marks],
    wish: int,
    leaders: frozenset[UUID] | None,
) -> Iterator[tuple[int, tuple[UUID, ...]]]:
    possible = wish
    for group, of in zip(seats, marks, strict=True):
        possible &= at_least(of.values(), group.count, possible)
    leading = {key: mask & possible for key, mask in marks[0].items() if leaders is None or key in leaders}
    together = 0
    for mask in leading.values():
        together |= mask
    for minute in minutes_of(together):
        free = (key for key, mask in leading.items() if mask >> minute & 1)
        teams = [team for key in free if (team := _team(key, minute, seats, marks, doubled))]
        for team in sorted(teams, key=lambda team: _is_double(minute, team, seats, doubled)):
            yield minute, team


def _is_double(minute: int, team: Sequence[UUID], seats: Sequence[Seats], doubled: Sequence[Marks]) -> bool:
    of_seats = (of for group, of in zip(seats, doubled, strict=True) for _ in range(group.count))
    return any(of.get(key, 0) >> minute & 1 for key, of in zip(team, of_seats, strict=True))


def _team(
    leader: UUID, minute: int, seats: Sequence[Seats], marks: Sequence[Marks], doubled: Sequence[Marks]
) -> tuple[UUID, ...] | None:
    """Fill all seats beside the leader's, if that can be done: one person may be free for two roles but takes one."""
    if len(seats) == 1 == seats[0].count:
        return (leader,)
    free = [
        sorted(
            (key for key, mask in of.items() if key != leader and mask >> minute & 1),
            key=lambda key, double=double: double.get(key, 0) >> minute & 1,  # type: ignore[misc]
        )
        for group, of, double in zip(seats, marks, doubled, strict=True)
        for _ in range(group.count)
    ]
    team = seated([[leader], *free[1:]], {0: leader})
    return tuple(team[seat] for seat in range(len(free))) if len(team) == len(free) else None

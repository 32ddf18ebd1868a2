"""Who takes which role of an appointment: roles of a part of its time, and everybody at most one of them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from praxis_scheduling.rules.availability import Need

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Role:
    """What an appointment needs of one kind of resource; without a length to the end."""

    kind: int
    count: int = 1
    skill: str = ""
    offset: int = 0
    length: int = 0

    def fits(self, kind: int, skills: Collection[str]) -> bool:
        """Tell whether a resource can take the role."""
        return kind == self.kind and (not self.skill or self.skill in skills)

    def part(self, whole: Need) -> Part:
        """Return its part of an appointment; buffers belong to roles that begin or end with the appointment."""
        length = self.length or whole.duration - self.offset
        before = whole.before if self.offset == 0 else 0
        after = whole.after if self.offset + length == whole.duration else 0
        return Part(self.offset, Need(length, before, after))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an appointment: minutes after its start, and what it takes of a resource."""

    offset: int
    need: Need


def seats_of(roles: Sequence[Role]) -> list[Role]:
    """Return the roles with one entry for each resource that they need."""
    return [role for role in roles for _ in range(role.count)]


def seated(candidates: Sequence[Sequence[K]], settled: Mapping[int, K] | None = None) -> dict[int, K]:
    """Fill as many seats as can be filled, each candidate at most once and earlier candidates of a seat first.

    Who is `settled` keeps a seat, though perhaps another one of which they are a candidate.
    """
    by_seat = dict(settled or {})
    seat_of = {key: seat for seat, key in by_seat.items()}
    for seat in range(len(candidates)):
        if seat not in by_seat:
            _find_seat(seat, candidates, by_seat, seat_of, set())
    return by_seat


def _find_seat(
    seat: int, candidates: Sequence[Sequence[K]], by_seat: dict[int, K], seat_of: dict[K, int], tried: set[K]
) -> bool:
    """Give a seat to a candidate, letting who sits there move on to another one where that is possible."""
    for free_first in (True, False):
        for key in candidates[seat]:
            if key in tried or (free_first and key in seat_of):
                continue
            tried.add(key)
            if key not in seat_of or _find_seat(seat_of[key], candidates, by_seat, seat_of, tried):
                by_seat[seat], seat_of[key] = key, seat
                return True
    return False

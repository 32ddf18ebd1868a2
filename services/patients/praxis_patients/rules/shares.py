"""Who pays which part of a patient's bills on which day: of all charges, or of those of a revenue group."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Generic, TypeVar

WHOLE = 10_000
ALL = ""  # the scope of a share that names no group
P = TypeVar("P")


@dataclass(frozen=True)
class Share(Generic[P]):
    """A part in basis points on the days with from_date <= day < to_date; an open end is the first or last date."""

    payer: P
    basis_points: int
    from_date: date = date.min
    to_date: date = date.max
    groups: frozenset[str] = frozenset()

    def covers(self, day: date) -> bool:
        return self.from_date <= day < self.to_date

    @property
    def scopes(self) -> frozenset[str]:
        """What the share is of: each group that it names, or all charges that nobody names."""
        return self.groups or frozenset({ALL})


@dataclass(frozen=True)
class Fault:
    """The first day on which the parts of a scope do not add to the whole."""

    day: date
    total: int
    scope: str = ALL


def first_fault(shares: Iterable[Share[P]]) -> Fault | None:
    """Return the first day on which the parts of a scope do not add to exactly 10000 basis points, if there is one."""
    known = [share for share in shares if share.basis_points]
    boundaries = {date.min} | {share.from_date for share in known} | {share.to_date for share in known}
    for day in sorted(boundaries - {date.max}):
        for scope, total in sorted(totals(known, day).items()):
            if total != WHOLE:
                return Fault(day, total, scope)
    return None


def totals(shares: Iterable[Share[P]], day: date) -> dict[str, int]:
    """Return the sum of the parts of each scope on a day; a group that nobody names on that day has none."""
    sums = {ALL: 0}
    for share in shares:
        if share.basis_points and share.covers(day):
            for scope in share.scopes:
                sums[scope] = sums.get(scope, 0) + share.basis_points
    return sums


def first_repeated(shares: Sequence[Share[P]]) -> tuple[int, int] | None:
    """Return the places of the first two shares of one payer and scope that have a day in common, if there are any."""
    for later, one in enumerate(shares):
        for earlier, other in enumerate(shares[:later]):
            together = one.from_date < other.to_date and other.from_date < one.to_date
            if together and one.payer == other.payer and one.scopes & other.scopes:
                return earlier, later
    return None


def ended(shares: Iterable[Share[P]], day: date) -> list[Share[P]]:
    """Return what stays of the shares when all of them are over from the day on."""
    return [replace(share, to_date=min(share.to_date, day)) for share in shares if share.from_date < day]


class TooLittle(ValueError):
    """Somebody has less on a day than is to be taken."""

    def __init__(self, day: date, held: int) -> None:
        super().__init__(day, held)
        self.day, self.held = day, held


def handed_over(held: Sequence[Share[P]], basis_points: int, day: date) -> tuple[list[Share[P]], list[Share[P]]]:
    """Return what stays of somebody's shares from a day on, and what another one takes over; nothing means all."""
    later = from_day(held, day)
    days = sorted({share.from_date for share in later} | {share.to_date for share in later})
    kept: list[Share[P]] = []
    taken: list[Share[P]] = []
    for start, end in pairwise(days):
        parts = [replace(share, from_date=start, to_date=end) for share in later if share.covers(start)]
        total = sum(part.basis_points for part in parts)
        wanted = basis_points or total
        if parts and wanted > total:
            raise TooLittle(start, total)
        if parts:
            taken.append(replace(parts[0], payer=later[0].payer, basis_points=wanted))
            kept += _less(parts, wanted)
    return joined(kept), joined(taken)


def pooled(held: Sequence[Share[P]], more: Sequence[Share[P]]) -> list[Share[P]]:
    """Return the shares of somebody who gets more: one share on every day, that of before where there was one."""
    every = [*held, *more]
    days = sorted({share.from_date for share in every} | {share.to_date for share in every})
    found: list[Share[P]] = []
    for start, end in pairwise(days):
        if parts := [share for share in every if share.covers(start)]:
            total = sum(part.basis_points for part in parts)
            found.append(replace(parts[0], from_date=start, to_date=end, basis_points=total))
    return joined(found)


def from_day(held: Iterable[Share[P]], day: date) -> list[Share[P]]:
    """Return what of the shares lies on a day and after it."""
    return [replace(share, from_date=max(share.from_date, day)) for share in held if share.to_date > day]


def _less(parts: Sequence[Share[P]], wanted: int) -> list[Share[P]]:
    """Return what stays when so much is taken, from the first parts first."""
    left = []
    for part in parts:
        away = min(part.basis_points, wanted)
        wanted -= away
        left.append(replace(part, basis_points=part.basis_points - away))
    return [part for part in left if part.basis_points]


def joined(shares: Iterable[Share[P]]) -> list[Share[P]]:
    """Return shares of the same payer, part and groups as one where the one begins on the day the other ends."""
    found: list[Share[P]] = []
    for share in shares:
        before = next((other for other in found if replace(other, from_date=share.from_date, to_date=share.to_date)
                       == share and other.to_date == share.from_date), None)  # fmt: skip
        if before is None:
            found.append(share)
        else:
            found[found.index(before)] = replace(before, to_date=share.to_date)
    return found

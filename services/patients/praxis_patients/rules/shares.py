"""Who pays which part of a patient's bills on which day."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Generic, TypeVar

WHOLE = 10_000
P = TypeVar("P")


@dataclass(frozen=True)
class Share(Generic[P]):
    """A part in basis points on the days with from_date <= day < to_date; an open end is the first or last date."""

    payer: P
    basis_points: int
    from_date: date = date.min
    to_date: date = date.max

    def covers(self, day: date) -> bool:
        return self.from_date <= day < self.to_date


@dataclass(frozen=True)
class Fault:
    """The first day on which the parts do not add to the whole."""

    day: date
    total: int


def first_fault(shares: Iterable[Share[P]]) -> Fault | None:
    """Return the first day on which the parts do not add to exactly 10000 basis points, if there is one."""
    known = list(shares)
    boundaries = {date.min} | {share.from_date for share in known} | {share.to_date for share in known}
    for day in sorted(boundaries - {date.max}):
        total = sum(share.basis_points for share in known if share.covers(day))
        if total != WHOLE:
            return Fault(day, total)
    return None


def ended(shares: Iterable[Share[P]], day: date) -> list[Share[P]]:
    """Return what stays of the shares when all of them are over from the day on."""
    return [replace(share, to_date=min(share.to_date, day)) for share in shares if share.from_date < day]

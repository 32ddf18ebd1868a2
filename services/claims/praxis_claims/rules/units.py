"""The units of an authorization as a stock: what is left, and which services it permits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Stock:
    """Units that are permitted, reserved and used; what is not said to be either is left."""

    units: int
    reserved: int = 0
    used: int = 0

    def __post_init__(self) -> None:
        if min(self.reserved, self.used, self.remaining) < 0:
            raise ValueError(self)

    @property
    def remaining(self) -> int:
        return self.units - self.reserved - self.used

    def taken(self, units: int) -> Stock | None:
        """Return the stock after a reservation, or nothing when too few units are left."""
        return Stock(self.units, self.reserved + units, self.used) if 0 < units <= self.remaining else None

    def given_back(self, units: int) -> Stock:
        return Stock(self.units, self.reserved - units, self.used)


def outside(days: Iterable[date], first: date | None, end: date | None) -> list[date]:
    """Return the days that a span from its first day to the day on which it is over does not hold."""
    return [day for day in days if (first and day < first) or (end and day >= end)]

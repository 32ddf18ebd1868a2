"""The units of an authorization as a stock: what is left, and which services it permits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date


@dataclass(frozen=True, slots=True)
class Stock:
    """Units that are permitted, reserved and used; what is not said to be either is left.

    `booked` ones among those reserved and used belong to appointments. They are counted where appointments are booked,
    so they are noted here even if that leaves less than nothing.
    """

    units: int
    reserved: int = 0
    used: int = 0
    booked: int = 0

    def __post_init__(self) -> None:
        by_hand = self.reserved + self.used - self.booked
        if min(self.reserved, self.used, self.booked, by_hand) < 0 or by_hand > self.units:
            raise ValueError(self)

    @property
    def remaining(self) -> int:
        return self.units - self.reserved - self.used

    def taken(self, units: int) -> Stock | None:
        """Return the stock after a reservation, or nothing when too few units are left."""
        return replace(self, reserved=self.reserved + units) if 0 < units <= self.remaining else None

    def given_back(self, units: int) -> Stock:
        return replace(self, reserved=self.reserved - units)

    def followed(self, reserved: int, used: int) -> Stock:
        """Return the stock after appointments took or gave back so many units."""
        return Stock(self.units, self.reserved + reserved, self.used + used, self.booked + reserved + used)


def outside(days: Iterable[date], first: date | None, end: date | None) -> list[date]:
    """Return the days that a span from its first day to the day on which it is over does not hold."""
    return [day for day in days if (first and day < first) or (end and day >= end)]

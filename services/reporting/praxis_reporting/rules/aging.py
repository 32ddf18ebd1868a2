"""How old an open amount is, in the four buckets of the aging reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

LAST_DAYS = (30, 60, 90)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Open minor units by age."""

    days_0_to_30: int = 0
    days_31_to_60: int = 0
    days_61_to_90: int = 0
    days_over_90: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.days_0_to_30 + self.days_31_to_60 + self.days_61_to_90 + self.days_over_90

    def __add__(self, other: Buckets) -> Buckets:
        return Buckets(
            self.days_0_to_30 + other.days_0_to_30,
            self.days_31_to_60 + other.days_31_to_60,
            self.days_61_to_90 + other.days_61_to_90,
            self.days_over_90 + other.days_over_90,
        )


def bucket_of(service_date: date, aging_date: date) -> int:
    """Return the place of the bucket; a service in the future counts as current."""
    age = (aging_date - service_date).days
    return sum(age > last for last in LAST_DAYS)


def buckets(items: Iterable[tuple[date, int]], aging_date: date) -> Buckets:
    """Add open amounts up by age."""
    sums = [0, 0, 0, 0]
    for service_date, minor in items:
        sums[bucket_of(service_date, aging_date)] += minor
    return Buckets(*sums)

"""How old open charges are, counted from the service date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from praxis_chassis.types import Money

FIRST_DAYS = (0, 31, 61, 91, 121)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The open money between two ages in days; the last bucket has no end."""

    from_days: int
    to_days: int | None
    amount: Money


def age_buckets(currency: str, as_of: date, items: Iterable[tuple[date, Money]]) -> list[Bucket]:
    """Sum open amounts by age; a service date in the future counts as current."""
    sums = [Money.zero(currency) for _ in FIRST_DAYS]
    for service_date, amount in items:
        days = max(0, (as_of - service_date).days)
        place = max(index for index, first in enumerate(FIRST_DAYS) if first <= days)
        sums[place] = sums[place] + amount
    ends = [*(first - 1 for first in FIRST_DAYS[1:]), None]
    return [Bucket(first, end, total) for first, end, total in zip(FIRST_DAYS, ends, sums, strict=True)]

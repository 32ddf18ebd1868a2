"""Which shares a payment is used for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from praxis_chassis.types import Money


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A share that is not paid in full."""

    share_id: UUID
    service_date: date
    open: Money
    encounter_id: UUID
    position: int

    @property
    def age(self) -> tuple[date, UUID, int, UUID]:
        """The order in which shares are paid: by day, then as the encounter lists its charges."""
        return self.service_date, self.encounter_id, self.position, self.share_id


@dataclass(frozen=True, slots=True)
class Use:
    """A part of a payment that goes to, or when negative comes back from, a share."""

    share_id: UUID
    amount: Money


def oldest_first(available: Money, items: Iterable[OpenItem]) -> list[Use]:
    """Use money for the oldest service first."""
    uses = []
    for item in sorted(items, key=lambda item: item.age):
        amount = min(available, item.open)
        if amount.minor <= 0:
            continue
        uses.append(Use(item.share_id, amount))
        available = available - amount
    return uses

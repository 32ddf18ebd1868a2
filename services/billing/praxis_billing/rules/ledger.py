"""Journals before they are written: lines with their dimensions, and what they do to shares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from praxis_chassis.types import Money


class Effect(StrEnum):
    """What a receivable line does to its share."""

    ASSIGNED = "assigned"
    PAID = "paid"
    ADJUSTED = "adjusted"


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What a line is about; ids only."""

    patient_id: UUID | None = None
    account_id: UUID | None = None
    payer_id: UUID | None = None
    location_id: UUID | None = None
    encounter_id: UUID | None = None
    charge_id: UUID | None = None
    share_id: UUID | None = None
    payment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One entry: debits are positive, credits negative."""

    ledger_account: str
    amount: Money
    dimensions: Dimensions
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """How the figures of one share change; all three are positive where they grow."""

    assigned: int = 0
    paid: int = 0
    adjusted: int = 0

    @property
    def open(self) -> int:
        """The change of what is still open."""
        return self.assigned - self.paid - self.adjusted


class UnbalancedError(ValueError):
    """The lines of a journal do not sum to zero; this is a defect of the caller, never of the input."""


def checked(lines: Iterable[Line]) -> list[Line]:
    """Return the lines without zero amounts; raise unless they sum to zero in each currency."""
    kept = [line for line in lines if line.amount]
    sums: dict[str, int] = defaultdict(int)
    for line in kept:
        sums[line.amount.currency] += line.amount.minor
    if any(sums.values()) or len(kept) == 1:
        raise UnbalancedError(f"a journal is off by {dict(sums)}")
    return kept


def reversing(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that take a journal back exactly."""
    return [replace(line, amount=-line.amount) for line in lines]


def movements(lines: Iterable[Line]) -> dict[UUID, Movement]:
    """Return how each share changes when the lines are posted."""
    found: dict[UUID, Movement] = {}
    for line in lines:
        share_id = line.dimensions.share_id
        if line.effect is not None and share_id is not None:
            found[share_id] = _add(found.get(share_id, Movement()), line.effect, line.amount.minor)
    return found


def _add(movement: Movement, effect: Effect, minor: int) -> Movement:
    if effect is Effect.ASSIGNED:
        return replace(movement, assigned=movement.assigned + minor)
    if effect is Effect.PAID:
        return replace(movement, paid=movement.paid - minor)
    return replace(movement, adjusted=movement.adjusted - minor)

"""What an insurer's decision about one charge does to the shares of that charge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from praxis_chassis.types import Money


class Action(StrEnum):
    """What is done with an adjustment of the insurer."""

    CONTRACTUAL = "contractual"
    TRANSFER_TO_NEXT = "transfer_to_next"
    LEAVE_OPEN = "leave_open"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True)
class Reason:
    """One adjustment as the insurer gave it, with its sign."""

    group_code: str
    reason_code: str
    amount: Money
    action: Action

    @property
    def code(self) -> str:
        """Group and reason as people write them, such as `PR-1`."""
        return f"{self.group_code}-{self.reason_code}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the insurer paid for a charge and why it paid no more."""

    paid: Money
    reasons: tuple[Reason, ...]

    def total(self, action: Action) -> Money:
        """Sum the adjustments with one action."""
        return Money.total(self.paid.currency, (r.amount for r in self.reasons if r.action is action))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is posted: paid and taken off the insurer's share, and what moves on (positive) or comes back (negative)."""

    paid: Money
    contractual: Money
    moved: Money
    left_open: Money


class ExceedsShareError(ValueError):
    """The decision is about more money than the insurer's share and the later shares hold."""


def judge(decision: Decision, open_amount: Money, later_assigned: Money, later_movable: Money) -> Outcome:
    """Work out the posting from what is open on the insurer's share and what later shares were assigned already.

    The patient's part may have been assigned at checkout as a copay: only what exceeds it moves on, and when the
    insurer pays more than its share the surplus of the copay comes back, as far as it can still be moved.
    """
    contractual = decision.total(Action.CONTRACTUAL)
    remaining = open_amount - decision.paid - contractual
    if remaining.minor < 0:
        if -remaining > later_movable:
            raise ExceedsShareError
        return Outcome(decision.paid, contractual, remaining, Money.zero(remaining.currency))
    wanted = decision.total(Action.TRANSFER_TO_NEXT) - later_assigned
    moved = max(wanted, Money.zero(wanted.currency))
    if moved > remaining:
        raise ExceedsShareError
    return Outcome(decision.paid, contractual, moved, remaining - moved)


def spread(paid: Money, reasons: Sequence[Reason], open_amounts: Sequence[Money]) -> list[Decision]:
    """Spread what belongs to a claim as a whole over its charges, by what is open on each."""
    weights = [max(amount.minor, 0) for amount in open_amounts]
    if not any(weights):
        weights = [1] * len(weights)
    shared = [reason.amount.split(weights) for reason in reasons]
    return [
        Decision(part, tuple(replace(r, amount=shared[i][place]) for i, r in enumerate(reasons) if shared[i][place]))
        for place, part in enumerate(paid.split(weights))
    ]


def joined(first: Decision, second: Decision) -> Decision:
    """Add what belongs to a charge itself and its part of what belongs to the claim."""
    return Decision(first.paid + second.paid, (*first.reasons, *second.reasons))

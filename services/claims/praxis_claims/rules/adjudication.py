"""What a payer's decision means: which adjustments are written off, moved on or left open, and what came of a claim."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum, StrEnum

from praxis_claims.edi.remittance_records import Adjustment, ClaimPayment

# Written off for payers that name no reasons of their own: fee schedule, discount, sequestration, capitation.
DEFAULT_CONTRACTUAL = frozenset({"CO-45", "CO-131", "CO-253", "CO-24"})
# Deductible, coinsurance and copay.
PATIENT_REASONS = frozenset({"1", "2", "3"})
PRIOR_PAYER = "OA-23"


class Action(IntEnum):
    """What billing is asked to do, with the numbers of the contract's `AdjustmentAction`."""

    CONTRACTUAL = 1
    TRANSFER_TO_NEXT = 2
    LEAVE_OPEN = 3
    INFORMATION = 4


class Outcome(IntEnum):
    """What came of a claim, with the numbers of the contract's `ClaimOutcome`."""

    UNSPECIFIED = 0
    PAID = 1
    PARTIAL = 2
    DENIED = 3
    PATIENT_RESPONSIBILITY = 4


class Kind(StrEnum):
    """What the status of a claim payment (CLP02) asks for."""

    PAYMENT = "payment"
    REVERSAL = "reversal"
    INFORMATION = "information"
    MANUAL = "manual"


KINDS = {
    **dict.fromkeys(("1", "2", "3", "4", "19", "20", "21"), Kind.PAYMENT),
    "22": Kind.REVERSAL,
    "23": Kind.INFORMATION,
    "25": Kind.INFORMATION,
}


# Processed, and forwarded to the next insurer.
FORWARDED = frozenset({"19", "20", "21"})


def kind_of(status: str) -> Kind:
    """Return what to do with a status; older and unknown ones are for people."""
    return KINDS.get(status, Kind.MANUAL)


def action_for(group: str, reason: str, contractual: Collection[str]) -> Action:
    """Return what to do with one adjustment; what nobody decided in advance stays open for a person."""
    code = f"{group}-{reason}"
    if code in (contractual or DEFAULT_CONTRACTUAL):
        return Action.CONTRACTUAL
    if group == "PR" and reason in PATIENT_REASONS:
        return Action.TRANSFER_TO_NEXT
    return Action.INFORMATION if code == PRIOR_PAYER else Action.LEAVE_OPEN


def forwarded_to(payment: ClaimPayment) -> str | None:
    """Return the insurer to which the payer forwarded the claim, empty where it is not named; None where it did not."""
    carrier = payment.name("TT")
    if carrier is None and payment.status not in FORWARDED:
        return None
    return carrier.last if carrier else ""


def adjustments_of(payment: ClaimPayment) -> list[Adjustment]:
    """Return the adjustments of the claim and of all its lines."""
    return [*payment.adjustments, *(item for line in payment.lines for item in line.adjustments)]


def patient_cents(adjustments: Iterable[Adjustment]) -> int:
    """Sum what the payer leaves to the patient."""
    return sum(item.cents for item in adjustments if item.group == "PR")


def outcome_of(
    status: str, paid_cents: int, adjustments: Iterable[Adjustment], contractual: Collection[str]
) -> Outcome:
    """Judge a decision by its amounts, because a claim with a status of processed may be a denial all the same."""
    actions = {action_for(item.group, item.reason, contractual) for item in adjustments if item.cents}
    if paid_cents > 0:
        return Outcome.PARTIAL if Action.LEAVE_OPEN in actions else Outcome.PAID
    if status == "4" or Action.LEAVE_OPEN in actions:
        return Outcome.DENIED
    return Outcome.PATIENT_RESPONSIBILITY if Action.TRANSFER_TO_NEXT in actions else Outcome.DENIED


Reasons = dict[tuple[str, str], int]


def negates(reversal: ClaimPayment, charge_cents: int, paid_cents: int, adjustments: Reasons) -> bool:
    """Whether a reversal takes back exactly an earlier decision; senders may put all of it in group CR."""
    if (reversal.charge_cents, reversal.paid_cents) != (-charge_cents, -paid_cents):
        return False
    own: Reasons = {}
    for item in adjustments_of(reversal):
        own[item.group, item.reason] = own.get((item.group, item.reason), 0) + item.cents
    if {group for group, _ in own} == {"CR"}:
        return sum(own.values()) == -sum(adjustments.values())
    return _nonzero(own) == _nonzero({key: -cents for key, cents in adjustments.items()})


def _nonzero(amounts: Reasons) -> Reasons:
    return {key: cents for key, cents in amounts.items() if cents}

"""Why a share is open: the facts in the order in which they are told, each as a text key with its amount."""

from __future__ import annotations

from dataclasses import dataclass

from praxis_chassis.types import Money


@dataclass(frozen=True, slots=True)
class ShareFacts:
    """The figures of one charge and of the account's part of it, up to a date."""

    charged: Money
    assigned: Money
    insurer_paid: Money
    contractual: Money
    paid: Money
    written_off: Money
    paid_by_others: Money

    @property
    def open(self) -> Money:
        """What the account still owes for the charge."""
        return self.assigned - self.paid - self.written_off


def reasons(facts: ShareFacts) -> list[tuple[str, Money]]:
    """Return the sentences that lead from the price of a charge to what is open."""
    told = [("EXPLAIN_CHARGED", facts.charged)]
    if facts.insurer_paid:
        told.append(("EXPLAIN_INSURER_PAID", facts.insurer_paid))
    if facts.contractual:
        told.append(("EXPLAIN_CONTRACTUAL", facts.contractual))
    if facts.assigned != facts.charged:
        told.append(("EXPLAIN_PART", facts.assigned))
    if facts.paid != facts.paid_by_others:
        told.append(("EXPLAIN_PAID", facts.paid - facts.paid_by_others))
    if facts.paid_by_others:
        told.append(("EXPLAIN_OTHERS_PAID", facts.paid_by_others))
    if facts.written_off:
        told.append(("EXPLAIN_WRITTEN_OFF", facts.written_off))
    if facts.open != facts.assigned or facts.open == facts.charged:
        told.append(("EXPLAIN_OPEN", facts.open))
    return told

"""What an 835 says, as immutable records; tuples rather than dataclasses because millions of them are made per file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple, TypeVar

from praxis_claims.edi.envelope import Provenance
from praxis_claims.edi.errors import Finding, Level
from praxis_claims.edi.tokenizer import Segment
from praxis_claims.edi.values import Procedure

Value = TypeVar("Value")


class Adjustment(NamedTuple):
    """One CAS triplet exactly as received: the sign is never repaired."""

    segment_number: int
    group: str
    reason: str
    cents: int
    quantity: str


class Name(NamedTuple):
    """One NM1 of a claim: QC patient, IL insured, 74 corrected insured, 82 rendering, TT crossover carrier."""

    entity: str
    kind: str
    last: str
    first: str
    middle: str
    suffix: str
    qualifier: str
    identifier: str


class ServicePayment(NamedTuple):
    """One SVC with what belongs to it."""

    segment_number: int
    procedure: Procedure
    charge_cents: int
    paid_cents: int
    revenue_code: str
    paid_units: str
    original_procedure: Procedure | None
    original_units: str
    dates: tuple[tuple[str, date], ...]
    adjustments: tuple[Adjustment, ...]
    references: tuple[tuple[str, str], ...]
    amounts: tuple[tuple[str, int], ...]
    remarks: tuple[str, ...]
    balances: bool

    @property
    def control_number(self) -> str:
        """REF*6R: the number that the claim gave to this line."""
        return first(self.references, "6R") or ""

    @property
    def allowed_cents(self) -> int | None:
        """AMT*B6: what the payer allows."""
        return first(self.amounts, "B6")

    @property
    def service_from(self) -> date | None:
        """The day of service, or the first of a range."""
        return first(self.dates, "472") or first(self.dates, "150")


class ClaimPayment(NamedTuple):
    """One CLP with its lines; `balances` and `lines_balance` say whether its own arithmetic holds."""

    provenance: Provenance
    segment_number: int
    control_number: str
    status: str
    charge_cents: int
    paid_cents: int
    patient_cents: int | None
    filing_indicator: str
    payer_control_number: str
    facility_code: str
    frequency: str
    adjustments: tuple[Adjustment, ...]
    names: tuple[Name, ...]
    references: tuple[tuple[str, str], ...]
    dates: tuple[tuple[str, date], ...]
    amounts: tuple[tuple[str, int], ...]
    remarks: tuple[str, ...]
    lines: tuple[ServicePayment, ...]
    balances: bool
    lines_balance: bool
    findings: tuple[Finding, ...]

    def name(self, entity: str) -> Name | None:
        """The first name of this kind."""
        return next((name for name in self.names if name.entity == entity), None)

    @property
    def holds(self) -> bool:
        """Whether this claim must wait for a person and nothing of it may be posted."""
        return not self.balances or any(finding.level in (Level.ERROR, Level.FATAL) for finding in self.findings)


class ProviderAdjustment(NamedTuple):
    """One PLB pair: a positive amount takes money away from the provider, a negative one adds to it."""

    segment_number: int
    provider: str
    fiscal_date: date | None
    code: str
    reference: str
    cents: int


class Party(NamedTuple):
    """The payer or the payee as its N1 loop names it."""

    name: str = ""
    qualifier: str = ""
    identifier: str = ""
    references: tuple[tuple[str, str], ...] = ()


class Payment(NamedTuple):
    """BPR, TRN and the parties: what one transaction set pays, by which means, and who to whom."""

    provenance: Provenance
    segment_number: int
    version: str
    usage: str
    purpose: str
    cents: int
    credit_debit: str
    method: str
    payment_date: date | None
    trace_number: str
    trace_payer: str
    production_date: date | None
    payer: Party
    payee: Party

    @property
    def payer_identifier(self) -> str:
        """The payer's identifier in N1, else TRN03, which every 835 carries."""
        return self.payer.identifier or self.trace_payer

    @property
    def payee_identifier(self) -> str:
        """The payee's NPI or tax id, whichever N104 holds."""
        return self.payee.identifier


class Totals(NamedTuple):
    """What one transaction set sums up to, and everything remarkable in it."""

    claims: int
    lines: int
    charge_cents: int
    paid_cents: int
    adjustment_cents: dict[str, int]
    adjustment_counts: dict[str, int]
    status_counts: dict[str, int]
    unbalanced_claims: int
    unbalanced_lines: int
    provider_adjustments: tuple[ProviderAdjustment, ...]
    provider_cents: int
    balances: bool
    findings: tuple[Finding, ...]

    @property
    def quarantined(self) -> bool:
        """Whether nothing of this transaction set may be posted."""
        return not self.balances or any(finding.level is Level.FATAL for finding in self.findings)


class Remittance(NamedTuple):
    """One transaction set, whole."""

    payment: Payment
    claims: tuple[ClaimPayment, ...]
    totals: Totals


Record = Payment | ClaimPayment | Totals
# What a reader does with one segment (its elements and number); it returns the records that this completes.
Step = Callable[[Segment, int], "list[Record] | None"]


class RemittanceFile(NamedTuple):
    """A whole file: its transaction sets in order and what was odd about the envelope."""

    remittances: tuple[Remittance, ...]
    findings: tuple[Finding, ...]


def first(pairs: tuple[tuple[str, Value], ...], qualifier: str) -> Value | None:
    """The first value under this qualifier."""
    for key, value in pairs:
        if key == qualifier:
            return value
    return None

"""Enters what a payer decided on each claim: posts nothing itself, but says what can be posted and what is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.claims.v1 import remittance_pb2
from praxis_chassis.types import Money, new_id
from praxis_claims.edi.errors import Finding, Level
from praxis_claims.edi.remittance_records import ClaimPayment
from praxis_claims.rules.adjudication import (
    Kind,
    Outcome,
    Reasons,
    adjustments_of,
    forwarded_to,
    kind_of,
    negates,
    outcome_of,
)
from praxis_claims.rules.line_matching import ClaimedLine, match_lines
from praxis_claims.store import remittance_queries as queries
from praxis_claims.store.models import Claim, Payer, Remittance, RemittanceClaim
from praxis_claims.usecases import progress
from praxis_claims.usecases import remittance_messages as messages
from praxis_claims.usecases.remittance_matching import Match, claimed_lines, names_another_patient

MATCHED = remittance_pb2.REMITTANCE_CLAIM_STATE_MATCHED
HELD = remittance_pb2.REMITTANCE_CLAIM_STATE_HELD
UNMATCHED = remittance_pb2.REMITTANCE_CLAIM_STATE_UNMATCHED
INFORMATION = remittance_pb2.REMITTANCE_CLAIM_STATE_INFORMATION


class Decisions:
    """The decisions of one remittance, entered in the order of the file."""

    def __init__(self, session: Session, remittance: Remittance, file_id: UUID, *, quarantined: bool) -> None:
        self._session, self._remittance, self._file_id = session, remittance, file_id
        self._quarantined = quarantined
        self._numbers: dict[UUID, frozenset[str]] = {}
        self._payers: dict[UUID, Payer] = {}
        self._earlier: dict[UUID, list[RemittanceClaim]] = {}

    def enter(self, payments: Sequence[ClaimPayment], matches: Sequence[Match | None]) -> list[RemittanceClaim]:
        """Store a row for each claim payment and move the claims that were decided."""
        claims = {match.claim.id: match.claim for match in matches if match}
        self._numbers = queries.numbers_of(self._session, claims)
        self._payers = queries.payers(self._session, {claim.payer_id for claim in claims.values()})
        self._earlier = queries.decisions_on(self._session, claims)
        rows = [self._enter(p, m, place) for place, (p, m) in enumerate(zip(payments, matches, strict=True), 1)]
        self._session.add_all(rows)
        self._session.flush()
        return rows

    def _enter(self, payment: ClaimPayment, match: Match | None, position: int) -> RemittanceClaim:
        row = self._row(payment, position)
        if match is None:
            row.state = UNMATCHED
            row.adjustments = messages.adjustments(payment.adjustments, ())
            row.lines = messages.lines(payment, [None] * len(payment.lines), ())
            return row
        claim, contractual = match.claim, self._contractual(match.claim)
        lines = match_lines(payment.lines, claimed_lines(claim), self._numbers.get(claim.id, frozenset()))
        row.claim_id, row.patient_id, row.match_method = claim.id, claim.patient_id, match.method
        row.adjustments = messages.adjustments(payment.adjustments, contractual)
        row.lines = messages.lines(payment, lines, contractual)
        problems = list(self._problems(payment, claim, lines, row))
        row.findings = [*row.findings, *map(messages.finding, problems)]
        row.state = self._state(payment, problems)
        if row.state == MATCHED:
            self._decide(claim, payment, row)
        return row

    def _row(self, payment: ClaimPayment, position: int) -> RemittanceClaim:
        patient = payment.name("QC")
        return RemittanceClaim(
            id=new_id(),
            remittance_id=self._remittance.id,
            position=position,
            claim_number=payment.control_number,
            status_code=payment.status,
            payer_control_number=payment.payer_control_number,
            currency_code=messages.CURRENCY,
            charge_amount_minor=payment.charge_cents,
            paid_amount_minor=payment.paid_cents,
            patient_responsibility_amount_minor=payment.patient_cents or 0,
            findings=[messages.finding(found) for found in payment.findings],
            remark_codes=list(payment.remarks),
            patient_name=" ".join(filter(None, (patient.first, patient.last))) if patient else "",
        )

    def _contractual(self, claim: Claim) -> list[str]:
        payer = self._payers.get(claim.payer_id)
        return payer.contractual_reasons if payer else []

    def _state(self, payment: ClaimPayment, problems: Iterable[Finding]) -> int:
        if kind_of(payment.status) is Kind.INFORMATION:
            return INFORMATION
        stopped = self._quarantined or payment.holds or any(p.level is Level.ERROR for p in problems)
        return HELD if stopped else MATCHED

    # ── what keeps a claim from being posted ──────────────────────────────────────────────────────────

    def _problems(
        self, payment: ClaimPayment, claim: Claim, lines: Sequence[ClaimedLine | None], row: RemittanceClaim
    ) -> Iterable[Finding]:
        place, kind = payment.segment_number, kind_of(payment.status)
        if names_another_patient(payment, claim):
            text = "The claim number is ours, but the patient named is another. Ask the payer."
            yield Finding(Level.ERROR, "PATIENT_DIFFERS", place, "NM103", text)
        if kind is Kind.MANUAL:
            text = f"Status {payment.status[:4]} has no rule for posting; decide by hand."
            yield Finding(Level.ERROR, "STATUS_MANUAL", place, "CLP02", text)
        if kind is Kind.REVERSAL:
            yield from self._reverse(payment, claim, row)
        if payment.lines_balance and None in lines:
            missing = payment.lines[lines.index(None)]
            text = f"The service {missing.procedure.code[:10]} answers no line of the claim for certain."
            yield Finding(Level.ERROR, "LINE_UNMATCHED", missing.segment_number, "SVC01", text)
        if kind is Kind.PAYMENT and payment.charge_cents != claim.charge_amount_minor:
            text = "The charge is not the one that was claimed; the payer may have split the claim."
            yield Finding(Level.WARNING, "CHARGE_DIFFERS", place, "CLP03", text)

    def _reverse(self, payment: ClaimPayment, claim: Claim, row: RemittanceClaim) -> Iterable[Finding]:
        """Find the decision that is taken back; only its exact negation may be posted without a person."""
        for entry in reversed(_standing(self._earlier.get(claim.id, []))):
            if negates(payment, entry.charge_amount_minor, entry.paid_amount_minor, _reasons(entry)):
                row.reverses_id = None if self._quarantined or payment.holds else entry.id
                return
        text = "No earlier decision on this claim has exactly these amounts; take it back by hand."
        yield Finding(Level.ERROR, "REVERSAL_UNMATCHED", payment.segment_number, "CLP02", text)

    # ── what the decision does to the claim ───────────────────────────────────────────────────────────

    def _decide(self, claim: Claim, payment: ClaimPayment, row: RemittanceClaim) -> None:
        decisions = [*self._earlier.get(claim.id, []), row]
        standing = _standing(decisions)
        paid = sum(entry.paid_amount_minor for entry in standing)
        left = sum(_patient_cents(entry) for entry in standing)
        moved = progress.adjudicate(
            self._session,
            claim,
            outcome=int(self._outcome(payment, claim)),
            paid=Money(messages.CURRENCY, paid),
            patient_responsibility=Money(messages.CURRENCY, left),
            payer_control_number=payment.payer_control_number,
            forwarded_to=forwarded_to(payment),
            remittance_id=self._remittance.id,
            file_id=self._file_id,
        )
        if moved:
            self._earlier[claim.id] = decisions
            return
        text = "The claim was decided on although it is not with the payer. Look at its timeline."
        problem = Finding(Level.ERROR, "CLAIM_NOT_SENT", payment.segment_number, "CLP01", text)
        row.state, row.reverses_id = HELD, None
        row.findings = [*row.findings, messages.finding(problem)]

    def _outcome(self, payment: ClaimPayment, claim: Claim) -> Outcome:
        if kind_of(payment.status) is Kind.REVERSAL:
            return Outcome.UNSPECIFIED
        adjustments = adjustments_of(payment)
        return outcome_of(payment.status, payment.paid_cents, adjustments, self._contractual(claim))


def _standing(decisions: Iterable[RemittanceClaim]) -> list[RemittanceClaim]:
    """Leave out what was taken back and what takes it back, which need not use the same adjustment groups."""
    entries = list(decisions)
    gone = {entry.reverses_id for entry in entries}
    return [entry for entry in entries if entry.id not in gone and entry.reverses_id is None]


def _all_adjustments(row: RemittanceClaim) -> list[remittance_pb2.RemittanceAdjustment]:
    return [*row.adjustments, *(item for line in row.lines for item in line.adjustments)]


def _reasons(row: RemittanceClaim) -> Reasons:
    sums: Counter[tuple[str, str]] = Counter()
    for item in _all_adjustments(row):
        sums[item.group_code, item.reason_code] += messages.cents(item.amount)
    return dict(sums)


def _patient_cents(row: RemittanceClaim) -> int:
    return sum(messages.cents(item.amount) for item in _all_adjustments(row) if item.group_code == "PR")

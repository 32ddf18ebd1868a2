"""Enters one transaction set of an 835: the remittance, its claims with their matches, and what is to happen now."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.claims.v1 import events_pb2, remittance_pb2
from praxis_chassis.events import record
from praxis_chassis.types import new_id
from praxis_claims.edi.errors import Finding, Level
from praxis_claims.edi.remittance_records import Payment, Totals, first
from praxis_claims.edi.remittance_records import Remittance as Received
from praxis_claims.store import remittance_queries as queries
from praxis_claims.store.models import Payer, Remittance, RemittanceFile
from praxis_claims.usecases import remittance_messages as messages
from praxis_claims.usecases import remittance_postings as postings
from praxis_claims.usecases.remittance_decisions import Decisions
from praxis_claims.usecases.remittance_matching import Match, find_claims

SHOWN_FINDINGS = 200
SEEN_BEFORE = "PAYMENT_SEEN_BEFORE"


def enter(
    session: Session, upload: RemittanceFile, position: int, received: Received, about: Sequence[Finding]
) -> set[UUID]:
    """Store a remittance and start what follows from it; returns the patients it is about."""
    remittance = _remittance(upload, position, received, about)
    quarantined = received.totals.quarantined or _was_seen(session, remittance)
    matches = find_claims(session, received.claims)
    payer = _payer(session, received.payment, matches)
    remittance.payer_id = payer.id if payer else None
    session.add(remittance)
    session.flush()
    decisions = Decisions(session, remittance, upload.file_id, quarantined=quarantined)
    rows = decisions.enter(received.claims, matches)
    if quarantined:
        remittance.state = remittance_pb2.REMITTANCE_STATE_QUARANTINED
        record(session, events_pb2.RemittanceQuarantined, remittance)
    else:
        record(session, events_pb2.RemittanceReceived, remittance)
        postings.start(session, remittance, payer, rows)
    return {row.patient_id for row in rows if row.patient_id}


def enter_again(session: Session, upload: RemittanceFile, remittance: Remittance, received: Received) -> set[UUID]:
    """Match and decide what was kept back only for its number; it then waits for approval. Returns its patients."""
    for row in queries.rows_of(session, remittance.id):
        session.delete(row)
    session.flush()
    matches = find_claims(session, received.claims)
    payer = _payer(session, received.payment, matches)
    remittance.payer_id = payer.id if payer else None
    rows = Decisions(session, remittance, upload.file_id, quarantined=False).enter(received.claims, matches)
    remittance.state = remittance_pb2.REMITTANCE_STATE_UNMATCHED
    if payer is not None and postings.concern_us(rows):
        remittance.state = remittance_pb2.REMITTANCE_STATE_AWAITING_APPROVAL
    remittance.findings = [_lowered(finding) for finding in remittance.findings]
    return {row.patient_id for row in rows if row.patient_id}


def _lowered(finding: remittance_pb2.RemittanceFinding) -> remittance_pb2.RemittanceFinding:
    """Return the finding about the payment number as one that stops nothing any more."""
    kept = remittance_pb2.RemittanceFinding()
    kept.CopyFrom(finding)
    if kept.code == SEEN_BEFORE:
        kept.level = remittance_pb2.REMITTANCE_FINDING_LEVEL_WARNING
    return kept


def _remittance(upload: RemittanceFile, position: int, received: Received, about: Sequence[Finding]) -> Remittance:
    payment, totals, held = received.payment, received.totals, _claim_errors(received)
    return Remittance(
        id=new_id(),
        remittance_file_id=upload.id,
        position=position,
        control_number=payment.provenance.transaction,
        payer_name=payment.payer.name,
        payer_identifier=payment.payer_identifier,
        payee_identifier=payment.payee_identifier,
        trace_number=payment.trace_number,
        payment_date=payment.payment_date,
        payment_method_code=payment.method,
        currency_code=messages.CURRENCY,
        payment_amount_minor=payment.cents,
        state=remittance_pb2.REMITTANCE_STATE_RECEIVED,
        findings=[messages.finding(found) for found in (*totals.findings, *about, *held)][:SHOWN_FINDINGS],
        **_sums(totals),
    )


def _sums(totals: Totals) -> dict[str, object]:
    return {
        "charge_amount_minor": totals.charge_cents,
        "paid_amount_minor": totals.paid_cents,
        "provider_adjustment_amount_minor": totals.provider_cents,
        "adjustment_amounts": dict(totals.adjustment_cents),
        "claim_count": totals.claims,
        "line_count": totals.lines,
        "balances": totals.balances,
        "provider_adjustments": messages.provider_adjustments(totals.provider_adjustments),
    }


def _claim_errors(received: Received) -> list[Finding]:
    return [found for claim in received.claims for found in claim.findings if found.level is not Level.INFO]


def _was_seen(session: Session, remittance: Remittance) -> bool:
    """Whether the number of the payment came before with other content; it is kept back and never dropped."""
    if not remittance.trace_number or queries.same_payment(session, remittance) is None:
        return False
    text = (
        f"Payment {remittance.trace_number} of {remittance.payer_name} was received before with other content. "
        "Compare the two, because payers reuse numbers and also send corrections and the same payment again. If it "
        "says the same, discard this one. If it is to take the place of the earlier one, discard that, which is "
        "possible as long as nothing of it was posted, and post this one. If its amount or date is another and it is "
        "a payment of its own, post it beside the earlier one."
    )
    seen = Finding(Level.FATAL, SEEN_BEFORE, 0, "TRN02", text)
    remittance.findings = [messages.finding(seen), *remittance.findings]
    return True


def _payer(session: Session, payment: Payment, matches: Sequence[Match | None]) -> Payer | None:
    """Return who pays: the payer of the file's ids, else the one payer of all claims that were found."""
    ids = {payment.payer.identifier, first(payment.payer.references, "2U") or "", payment.trace_payer}
    known = queries.payer_known_as(session, ids - {""})
    claimed = {match.claim.payer_id for match in matches if match}
    if known is None and len(claimed) == 1:
        return queries.payers(session, claimed).popitem()[1]
    return known

"""Absorb what insurers decided: the payment once, each claim once, and never a line that makes things fit."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.billing.v1 import errors_pb2, events_pb2, ledger_pb2, payment_pb2
from praxis.claims.v1 import events_pb2 as claims_events
from praxis.claims.v1 import remittance_pb2
from praxis_billing.rules.chart import LedgerCode
from praxis_billing.rules.ledger import Line
from praxis_billing.store import queries
from praxis_billing.store.mappings import ALLOCATION
from praxis_billing.store.models import Allocation, Payment, RemittancePosting
from praxis_billing.usecases import civil_dates, claim_postings, payments
from praxis_billing.usecases.allocations import waiting_dimensions
from praxis_billing.usecases.ledger import Heading, post
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date, read_money
from praxis_chassis.types import Money, new_id

METHODS = {
    "CHK": payment_pb2.PAYMENT_METHOD_CHECK,
    "NON": payment_pb2.PAYMENT_METHOD_NON_PAYMENT,
}


def absorb(session: Session, event: claims_events.RemittanceReady) -> None:
    """Post one part of a remittance; a claim that cannot be posted is refused and does not stop the others."""
    encounters = {UUID(posting.encounter_id) for posting in event.postings if posting.encounter_id}
    queries.lock_payments_for(session, encounters, UUID(event.remittance.id))
    payment = _payment(session, event)
    known = {row.id for row in payment.allocations} if payment else set()
    reversal = remittance_pb2.CLAIM_POSTING_KIND_REVERSAL
    for posting in sorted(event.postings, key=lambda item: item.kind != reversal):
        _absorb_claim(session, event.remittance, payment, posting)
    if payment is not None:
        _tell_allocations(session, payment, known)


def _tell_allocations(session: Session, payment: Payment, known: set[UUID]) -> None:
    added: list[Allocation] = [row for row in payment.allocations if row.id not in known]
    if added:
        session.flush()
        record(session, events_pb2.PaymentAllocated, payment, allocations=[ALLOCATION.message(row) for row in added])


def paid_on(session: Session, remittance: remittance_pb2.Remittance) -> date:
    """Return the day from which a remittance counts: the payment's, or today while the money is still on its way.

    The date of a payment (BPR16) may be that of a transfer in some days; what the insurer left to the patient is owed
    from the day on which the insurer's decision is known.
    """
    today = civil_dates.today(session)
    return min(read_date(remittance.payment_date, "payment_date") or today, today)


# ── the payment and what the insurer settled with the practice itself ─────────────────────────────────


def _payment(session: Session, event: claims_events.RemittanceReady) -> Payment | None:
    """Return the payment of the remittance, written with its first part; None when it is refused."""
    remittance = event.remittance
    query = select(Payment).where(Payment.remittance_id == UUID(remittance.id)).with_for_update()
    found = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if found is not None:
        return found
    header = _posting(session, remittance, f"remittance:{remittance.id}")
    if not _adds_up(remittance):
        _refuse(session, header, errors_pb2.ERROR_REASON_REMITTANCE_NOT_SUPPORTED_BY_PAYMENT)
        return None
    payment = _enter(session, remittance)
    header.journal_id = _settle_with_practice(session, event, payment)
    header.payment_id = payment.id
    header.state = ledger_pb2.REMITTANCE_POSTING_STATE_APPLIED
    record(session, events_pb2.RemittancePostingApplied, header)
    return payment


def _adds_up(remittance: remittance_pb2.Remittance) -> bool:
    """Tell whether the payment is what the claims come to less what the insurer took away."""
    payment = read_money(remittance.payment_amount, "payment_amount")
    claims = read_money(remittance.paid_amount, "paid_amount")
    taken = _amount(remittance.provider_adjustment_amount, payment.currency)
    return payment.minor >= 0 and claims.currency == payment.currency and payment == claims - taken


def _amount(message: object, currency: str) -> Money:
    amount = getattr(message, "amount", "")
    return read_money(message, "amount") if amount else Money.zero(currency)  # type: ignore[arg-type]


def _enter(session: Session, remittance: remittance_pb2.Remittance) -> Payment:
    amount = read_money(remittance.payment_amount, "payment_amount")
    payment = Payment(
        payer_kind=payment_pb2.PAYER_KIND_INSURER,
        payer_id=UUID(remittance.payer_id),
        method=METHODS.get(remittance.payment_method_code, payment_pb2.PAYMENT_METHOD_BANK_TRANSFER),
        reference=remittance.trace_number,
        currency_code=amount.currency,
        amount_minor=amount.minor,
        received_date=paid_on(session, remittance),
        allocation_policy=payment_pb2.ALLOCATION_POLICY_LISTED,
        remittance_id=UUID(remittance.id),
    )
    payments.enter(session, payment)
    return payment


def _settle_with_practice(session: Session, event: claims_events.RemittanceReady, payment: Payment) -> UUID | None:
    """Write provider-level amounts against suspense; a positive amount was taken away from the payment."""
    about = waiting_dimensions(payment)
    lines = []
    for item in event.provider_adjustments or event.remittance.provider_adjustments:
        amount = read_money(item.amount, "amount")
        lines += [
            Line(LedgerCode.PROVIDER_ADJUSTMENTS, amount, about),
            Line(LedgerCode.SUSPENSE, -amount, about),
        ]
        payment.unapplied_minor += amount.minor
    heading = Heading(
        kind=ledger_pb2.JOURNAL_KIND_PROVIDER_ADJUSTMENT,
        key=f"remittance:{payment.remittance_id}:provider",
        effective_date=payment.received_date,
        source_type="payment",
        source_id=payment.id,
    )
    return post(session, heading, lines)


# ── one claim ─────────────────────────────────────────────────────────────────────────────────────────


def _absorb_claim(
    session: Session,
    remittance: remittance_pb2.Remittance,
    payment: Payment | None,
    asked: remittance_pb2.ClaimPosting,
) -> None:
    """Post one claim unless it is posted; what the rules refuse leaves no trace but the refusal."""
    posting = _posting(session, remittance, claim_key(asked.remittance_claim_id), asked)
    if posting.state in (
        ledger_pb2.REMITTANCE_POSTING_STATE_APPLIED,
        ledger_pb2.REMITTANCE_POSTING_STATE_REVERSED,
    ):
        return
    if payment is None:
        _refuse(session, posting, errors_pb2.ERROR_REASON_REMITTANCE_NOT_SUPPORTED_BY_PAYMENT)
        return
    try:
        claim_postings.apply(session, posting, payment, asked)
    except DomainError as refusal:
        if refusal.enum is not None:
            raise
        _refuse(session, posting, refusal.reason)
        return
    posting.state = ledger_pb2.REMITTANCE_POSTING_STATE_APPLIED
    posting.refusal_reason = ""
    posting.payment_id = payment.id
    record(session, events_pb2.RemittancePostingApplied, posting)


def claim_key(remittance_claim_id: str) -> str:
    """Return the key under which a claim of a remittance is posted once."""
    return f"remittance-claim:{remittance_claim_id}"


def _posting(
    session: Session,
    remittance: remittance_pb2.Remittance,
    key: str,
    asked: remittance_pb2.ClaimPosting | None = None,
) -> RemittancePosting:
    query = select(RemittancePosting).where(RemittancePosting.key == key).with_for_update()
    found = session.scalars(query).one_or_none()
    if found is not None:
        return found
    return RemittancePosting(
        id=new_id(),
        key=key,
        remittance_id=UUID(remittance.id),
        remittance_claim_id=_uuid(asked.remittance_claim_id) if asked else None,
        reverses_remittance_claim_id=_uuid(asked.reverses_remittance_claim_id) if asked else None,
        claim_id=_uuid(asked.claim_id) if asked else None,
        encounter_id=_uuid(asked.encounter_id) if asked else None,
        payer_id=_uuid(remittance.payer_id),
        state=ledger_pb2.REMITTANCE_POSTING_STATE_UNSPECIFIED,
        refusal_reason="",
        currency_code=remittance.payment_amount.currency_code,
        paid_minor=0,
        adjusted_minor=0,
        transferred_minor=0,
        held_minor=0,
        effective_date=paid_on(session, remittance),
    )


def _uuid(value: str) -> UUID | None:
    return UUID(value) if value else None


def _refuse(session: Session, posting: RemittancePosting, reason: int) -> None:
    posting.state = ledger_pb2.REMITTANCE_POSTING_STATE_REFUSED
    posting.refusal_reason = errors_pb2.ErrorReason.Name(reason).removeprefix("ERROR_REASON_")  # type: ignore[arg-type]
    record(session, events_pb2.RemittancePostingRefused, posting)

"""Take amounts off shares, and take that back."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from praxis.billing.v1 import errors_pb2, events_pb2, ledger_pb2, payment_pb2, payment_service_pb2
from praxis_billing.rules.chart import LedgerCode, receivable
from praxis_billing.rules.ledger import Dimensions, Effect, Line
from praxis_billing.store.models import Adjustment, Share
from praxis_billing.usecases import civil_dates
from praxis_billing.usecases.ledger import Heading, lock_shares, post
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import read_money
from praxis_chassis.types import Money, new_id


def adjust(session: Session, asked: payment_pb2.Adjustment) -> Adjustment:
    """Take an amount off a share because a person decided so."""
    share_id = uuid_of(asked.share_id, "adjustment.share_id")
    share = lock_shares(session, [share_id])[share_id]
    amount = read_money(asked.amount, "adjustment.amount")
    _check(share, amount)
    adjustment = entity(share, amount, asked.reason, civil_dates.today_at(session, share.location_id))
    adjustment.note = asked.note
    session.add(adjustment)
    session.flush()
    heading = Heading(
        kind=ledger_pb2.JOURNAL_KIND_ADJUSTMENT,
        key=f"adjustment:{adjustment.id}",
        effective_date=adjustment.effective_date,
        source_type="adjustment",
        source_id=adjustment.id,
    )
    adjustment.journal_id = post(session, heading, lines(share, amount, asked.reason))
    record(session, events_pb2.AdjustmentPosted, adjustment)
    return adjustment


def _check(share: Share, amount: Money) -> None:
    if amount.currency != share.currency_code:
        raise DomainError(
            errors_pb2.ERROR_REASON_CURRENCY_MISMATCH, currency=amount.currency, expected=share.currency_code
        )
    if amount.minor <= 0:
        raise invalid("adjustment.amount", "AMOUNT_NOT_POSITIVE")
    if amount > share.open:
        raise DomainError(errors_pb2.ERROR_REASON_ADJUSTMENT_EXCEEDS_SHARE, open=share.open)


def entity(share: Share, amount: Money, reason: int, day: date) -> Adjustment:
    """Return a posted adjustment of a share, not yet in the session."""
    return Adjustment(
        id=new_id(),
        share_id=share.id,
        reason=reason,
        amount_minor=amount.minor,
        currency_code=amount.currency,
        note="",
        group_code="",
        reason_code="",
        encounter_id=share.encounter_id,
        charge_id=share.charge_id,
        patient_id=share.patient_id,
        account_id=share.account_id,
        payer_id=share.payer_id,
        effective_date=day,
        state=payment_pb2.ADJUSTMENT_STATE_POSTED,
    )


def lines(share: Share, amount: Money, reason: int) -> list[Line]:
    """Return the two ledger lines of an adjustment."""
    contractual = reason == payment_pb2.ADJUSTMENT_REASON_CONTRACTUAL
    account = LedgerCode.CONTRACTUAL if contractual else LedgerCode.WRITE_OFFS
    about = Dimensions(
        patient_id=share.patient_id,
        payer_id=share.payer_id,
        location_id=share.location_id,
        encounter_id=share.encounter_id,
        charge_id=share.charge_id,
    )
    owed = Line(receivable(share.payer_id), -amount, share.dimensions(), Effect.ADJUSTED)
    return [Line(account, amount, about), owed]


def reverse(session: Session, request: payment_service_pb2.ReverseAdjustmentRequest) -> Adjustment:
    """Take an adjustment of a person back."""
    adjustment = fetch(session, Adjustment, request.id, lock=True, etag=request.etag)
    if adjustment.remittance_id is not None:
        raise DomainError(errors_pb2.ERROR_REASON_ADJUSTMENT_OF_REMITTANCE)
    if adjustment.state == payment_pb2.ADJUSTMENT_STATE_REVERSED:
        raise DomainError(errors_pb2.ERROR_REASON_ADJUSTMENT_ALREADY_REVERSED)
    share = lock_shares(session, [adjustment.share_id])[adjustment.share_id]
    undo(session, adjustment, civil_dates.today_at(session, share.location_id))
    return adjustment


def undo(session: Session, adjustment: Adjustment, day: date) -> None:
    """Take a posted adjustment of a locked share back by a journal of its own."""
    share = lock_shares(session, [adjustment.share_id])[adjustment.share_id]
    heading = Heading(
        kind=ledger_pb2.JOURNAL_KIND_ADJUSTMENT_REVERSAL,
        key=f"adjustment:{adjustment.id}:reversal",
        effective_date=day,
        source_type="adjustment",
        source_id=adjustment.id,
        reverses_id=adjustment.journal_id,
    )
    post(session, heading, lines(share, -adjustment.amount, adjustment.reason))
    mark_reversed(session, adjustment, day)


def mark_reversed(session: Session, adjustment: Adjustment, day: date) -> None:
    """Note that an adjustment no longer counts; its ledger lines were reversed by the caller."""
    adjustment.state = payment_pb2.ADJUSTMENT_STATE_REVERSED
    record(session, events_pb2.AdjustmentReversed, adjustment, effective_date=day)

"""Use payments for shares and take uses back; every use is a row and a pair of ledger lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from praxis.billing.v1 import errors_pb2, events_pb2, ledger_pb2, payment_pb2
from praxis_billing.rules.allocation import Use
from praxis_billing.rules.chart import LedgerCode, receivable
from praxis_billing.rules.ledger import Dimensions, Effect, Line
from praxis_billing.store.models import Account, Allocation, Payment, Share
from praxis_billing.usecases.ledger import Heading, lock_shares, post
from praxis_chassis import clock
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.types import Money, new_id


def waiting_account(payment: Payment) -> LedgerCode:
    """Return where the unused part of a payment waits: insurers' money in suspense, accounts' money as credit."""
    return LedgerCode.SUSPENSE if payment.payer_id else LedgerCode.UNAPPLIED


def waiting_dimensions(payment: Payment) -> Dimensions:
    """Return what a line on waiting money is about."""
    return Dimensions(
        account_id=payment.account_id,
        payer_id=payment.payer_id,
        location_id=payment.location_id,
        payment_id=payment.id,
    )


def use(session: Session, payment: Payment, uses: Sequence[Use], day: date) -> list[Allocation]:
    """Use a locked payment for shares; negative uses take earlier ones back."""
    if not uses:
        return []
    shares = lock_shares(session, [item.share_id for item in uses])
    before = used_by_share(session, payment)
    rows = []
    for item in uses:
        share = shares[item.share_id]
        _check(payment, share, item, before)
        _check_account(session, payment, share, item)
        before[share.id] += item.amount.minor
        rows.append(write(session, payment, share, item.amount, day))
    heading = Heading(
        kind=ledger_pb2.JOURNAL_KIND_ALLOCATION,
        key=f"allocation:{rows[0].id}",
        effective_date=day,
        source_type="payment",
        source_id=payment.id,
    )
    post(session, heading, [line for row in rows for line in lines(payment, shares[row.share_id], row.amount)])
    _tell(session, payment, rows)
    return rows


def used_by_share(session: Session, payment: Payment) -> defaultdict[UUID, int]:
    """Return what a payment is used for now, by share."""
    query = (
        select(Allocation.share_id, func.sum(Allocation.amount_minor))
        .where(Allocation.payment_id == payment.id)
        .group_by(Allocation.share_id)
    )
    return defaultdict(int, {share_id: int(total) for share_id, total in session.execute(query)})


def _check(payment: Payment, share: Share, item: Use, before: dict[UUID, int]) -> None:
    if item.amount.currency != payment.currency_code or share.currency_code != payment.currency_code:
        raise DomainError(
            errors_pb2.ERROR_REASON_CURRENCY_MISMATCH, currency=item.amount.currency, expected=payment.currency_code
        )
    if item.amount.minor > payment.unapplied_minor:
        raise DomainError(errors_pb2.ERROR_REASON_ALLOCATION_EXCEEDS_PAYMENT, left=payment.unapplied)
    if item.amount.minor > 0 and item.amount > share.open:
        raise DomainError(errors_pb2.ERROR_REASON_ALLOCATION_EXCEEDS_SHARE, open=share.open)
    if before[share.id] + item.amount.minor < 0:
        used = Money(payment.currency_code, before[share.id])
        raise DomainError(errors_pb2.ERROR_REASON_ALLOCATION_EXCEEDS_USE, used=used)


def _check_account(session: Session, payment: Payment, share: Share, item: Use) -> None:
    """The holder of an account pays for that account, a third party for others; neither pays what an insurer owes."""
    if item.amount.minor > 0 and share.payer_id is not None and payment.payer_id is None:
        raise DomainError(errors_pb2.ERROR_REASON_ALLOCATION_TO_INSURER)
    own = payment.payer_kind != payment_pb2.PAYER_KIND_ACCOUNT or payment.account_id == share.account_id
    if item.amount.minor > 0 and not own:
        number = fetch(session, Account, share.account_id).number
        raise DomainError(errors_pb2.ERROR_REASON_ALLOCATION_TO_ANOTHER_ACCOUNT, number=number)


def write(session: Session, payment: Payment, share: Share, amount: Money, day: date) -> Allocation:
    """Add the row of one use and lower what is left of the payment."""
    row = Allocation(
        id=new_id(),
        payment_id=payment.id,
        share_id=share.id,
        encounter_id=share.encounter_id,
        charge_id=share.charge_id,
        patient_id=share.patient_id,
        account_id=share.account_id,
        payer_id=share.payer_id,
        amount_minor=amount.minor,
        currency_code=amount.currency,
        effective_date=day,
        allocate_time=clock.now(session),
    )
    payment.allocations.append(row)
    payment.unapplied_minor -= amount.minor
    return row


def lines(payment: Payment, share: Share, amount: Money) -> list[Line]:
    """Return the two ledger lines of one use."""
    return [
        Line(waiting_account(payment), amount, waiting_dimensions(payment)),
        Line(receivable(share.payer_id), -amount, share.dimensions(payment.id), Effect.PAID),
    ]


def _tell(session: Session, payment: Payment, rows: Iterable[Allocation]) -> None:
    from praxis_billing.store.mappings import ALLOCATION

    session.flush()
    record(session, events_pb2.PaymentAllocated, payment, allocations=[ALLOCATION.message(row) for row in rows])


def take_back(session: Session, share: Share, amount: Money, day: date) -> None:
    """Take uses of payments for a locked share back, latest first, until the amount is free."""
    left = amount
    for payment_id, used in _uses_of(session, share):
        part = min(left, Money(share.currency_code, used))
        if part:
            payment = fetch(session, Payment, payment_id, lock=True)
            use(session, payment, [Use(share.id, -part)], day)
            left = left - part


def take_back_all(session: Session, shares: Iterable[Share], day: date) -> None:
    """Take all uses of payments for locked shares back."""
    for share in shares:
        take_back(session, share, share.paid, day)


def _uses_of(session: Session, share: Share) -> list[tuple[UUID, int]]:
    total = func.sum(Allocation.amount_minor)
    query = (
        select(Allocation.payment_id, total)
        .where(Allocation.share_id == share.id)
        .group_by(Allocation.payment_id)
        .having(total > 0)
        .order_by(func.max(Allocation.allocate_time).desc(), Allocation.payment_id.desc())
    )
    return [(payment_id, int(used)) for payment_id, used in session.execute(query)]

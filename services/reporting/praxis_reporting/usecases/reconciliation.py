"""Check every report against figures that came another way: shares against movements, sums against the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from praxis.billing.v1 import payment_pb2
from praxis.reporting.v1 import report_pb2, report_service_pb2
from praxis_chassis.context import context_of
from praxis_chassis.types import Money
from praxis_reporting.store.models import Claim, ClaimTransition, Entry, LedgerCheck, Movement, Payment, Receivable
from praxis_reporting.usecases.day_sheet import ADJUSTMENTS, CHARGES, PAYMENTS
from praxis_reporting.usecases.freshness import freshness

SHOWN_OBJECTS = 100
Amounts = dict[str, int]


def reconcile(session: Session) -> report_service_pb2.GetReconciliationResponse:
    """Return all checks."""
    fresh = freshness(session)
    checks = [
        *_aging(session, "PATIENT_AGING", Receivable.payer_id.is_(None), Movement.payer_id.is_(None)),
        *_aging(session, "PAYER_AGING", Receivable.payer_id.is_not(None), Movement.payer_id.is_not(None)),
        *_charges(session),
        *_payments(session),
        *_adjustments(session),
        _claims(session),
        *_ledger(session),
        _check(session, "EVENTS", "0", str(fresh.unapplied_event_count)),
    ]
    passed = all(check.passed for check in checks)
    return report_service_pb2.GetReconciliationResponse(checks=checks, passed=passed, freshness=fresh)


def _aging(
    session: Session, code: str, of_shares: ColumnElement[bool], of_movements: ColumnElement[bool]
) -> list[report_pb2.ReconciliationCheck]:
    dated = Receivable.service_date.is_not(None)
    reported = _sums(session, Receivable.currency_code, Receivable.open_minor, [of_shares, dated])
    moved = _sums(session, Movement.currency_code, Movement.amount_minor, [of_movements])
    checks = _compare(session, code, moved, reported)
    for check in checks:
        if not check.passed:
            check.object_ids.extend(str(share) for share in _disagreeing_shares(session))
    return checks


def _disagreeing_shares(session: Session) -> Iterable[UUID]:
    moved = select(Movement.share_id, func.sum(Movement.amount_minor).label("minor")).group_by(Movement.share_id)
    sums = moved.subquery()
    differs = func.coalesce(sums.c.minor, 0) != Receivable.open_minor
    joined = select(Receivable.share_id).outerjoin(sums, sums.c.share_id == Receivable.share_id)
    return session.scalars(joined.where(differs).order_by(Receivable.share_id).limit(SHOWN_OBJECTS)).all()


def _charges(session: Session) -> list[report_pb2.ReconciliationCheck]:
    assigned = _sums(
        session, Movement.currency_code, Movement.amount_minor, [Movement.kind.in_(("charge", "reversal"))]
    )
    return _compare(session, "DAY_SHEET_CHARGES", assigned, _entered(session, CHARGES))


def _payments(session: Session) -> list[report_pb2.ReconciliationCheck]:
    """Money of insurers may also be settled without a share, so only payments of accounts can be compared."""
    of_accounts = and_(
        Payment.payer_kind != payment_pb2.PAYER_KIND_INSURER, Payment.state == payment_pb2.PAYMENT_STATE_POSTED
    )
    ids = select(Payment.payment_id).where(Payment.payer_kind != payment_pb2.PAYER_KIND_INSURER)
    used = _sums(session, Movement.currency_code, Movement.amount_minor, [Movement.payment_id.in_(ids)])
    unused = _sums(session, Payment.currency_code, Payment.unapplied_minor, [of_accounts])
    expected = {currency: unused.get(currency, 0) - used.get(currency, 0) for currency in {*used, *unused}}
    return _compare(session, "DAY_SHEET_PAYMENTS", expected, _entered(session, PAYMENTS, Entry.payment_id.in_(ids)))


def _adjustments(session: Session) -> list[report_pb2.ReconciliationCheck]:
    moved = _sums(session, Movement.currency_code, Movement.amount_minor, [Movement.kind == "adjustment"])
    expected = {currency: -minor for currency, minor in moved.items()}
    return _compare(session, "DAY_SHEET_ADJUSTMENTS", expected, _entered(session, ADJUSTMENTS))


def _claims(session: Session) -> report_pb2.ReconciliationCheck:
    created = select(func.count()).select_from(ClaimTransition).where(ClaimTransition.verb == "created")
    listed = session.scalar(select(func.count()).select_from(Claim))
    return _check(session, "CLAIMS", str(session.scalar(created)), str(listed))


def _ledger(session: Session) -> list[report_pb2.ReconciliationCheck]:
    """Return how the reports compared with billing's own sums, when both had last seen the same events."""
    kept = session.scalars(select(LedgerCheck).order_by(LedgerCheck.code, LedgerCheck.currency_code))
    return [
        check
        for row in kept
        for check in _compare(
            session, row.code, {row.currency_code: row.expected_minor}, {row.currency_code: row.actual_minor}
        )
    ]


def _entered(session: Session, kinds: tuple[int, ...], *more: ColumnElement[bool]) -> Amounts:
    return _sums(session, Entry.currency_code, Entry.amount_minor, [Entry.kind.in_(kinds), *more])


def _sums(
    session: Session,
    currency: InstrumentedAttribute[str],
    minor: InstrumentedAttribute[int],
    where: Iterable[ColumnElement[bool]],
) -> Amounts:
    query = select(currency, func.sum(minor)).where(*where).group_by(currency)
    return {code: int(total) for code, total in session.execute(query)}


def _compare(session: Session, code: str, expected: Amounts, actual: Amounts) -> list[report_pb2.ReconciliationCheck]:
    checks = []
    for currency in sorted({*expected, *actual}):
        figures = (Money(currency, side.get(currency, 0)).amount for side in (expected, actual))
        checks.append(_check(session, code, *figures, currency_code=currency))
    return checks


def _check(session: Session, code: str, expected: str, actual: str, **more: Any) -> report_pb2.ReconciliationCheck:
    context = context_of(session)
    text = context.runtime.catalog.render(context.locale, f"RECONCILIATION_{code}", {})
    return report_pb2.ReconciliationCheck(
        code=code, passed=expected == actual, text=text, expected=expected, actual=actual, **more
    )

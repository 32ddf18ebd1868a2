"""Patient aging and payer aging: what is open, by the age of the service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from praxis.billing.v1 import payment_pb2
from praxis.reporting.v1 import report_pb2, report_service_pb2
from praxis_chassis.mapping import wire_money
from praxis_chassis.paging import page
from praxis_chassis.types import Money
from praxis_reporting.rules.aging import Buckets, buckets
from praxis_reporting.store import names
from praxis_reporting.store.models import Account, Payer, Payment, Receivable
from praxis_reporting.usecases.filters import aging_day
from praxis_reporting.usecases.freshness import freshness

SHOWN_ENCOUNTERS = 100
OPEN = Receivable.open_minor != 0
OWED_BY_ACCOUNTS = (OPEN, Receivable.payer_id.is_(None), Receivable.service_date.is_not(None))
OWED_BY_PAYERS = (OPEN, Receivable.payer_id.is_not(None), Receivable.service_date.is_not(None))
UNUSED = (
    Payment.unapplied_minor != 0,
    Payment.account_id.is_not(None),
    Payment.state == payment_pb2.PAYMENT_STATE_POSTED,
)


@dataclass(slots=True)
class Owed:
    """What one account or insurer owes in one currency."""

    amounts: Buckets = field(default_factory=Buckets)
    unapplied: int = 0
    oldest: date | None = None
    encounters: list[str] = field(default_factory=list)


def patient_aging(
    session: Session, request: report_service_pb2.GetPatientAgingRequest
) -> report_service_pb2.GetPatientAgingResponse:
    """Return a page of accounts with the totals of all."""
    day = aging_day(session, request.aging_date)
    query = owing_accounts(request.account_id)
    accounts, token = page(session, query, order=[Account.account_id], request=request)
    return report_service_pb2.GetPatientAgingResponse(
        rows=account_rows(session, accounts, day),
        next_page_token=token,
        totals=account_totals(session, day, request.account_id),
        aging_date=day.isoformat(),
        freshness=freshness(session),
    )


def payer_aging(
    session: Session, request: report_service_pb2.GetPayerAgingRequest
) -> report_service_pb2.GetPayerAgingResponse:
    """Return a page of insurers with the totals of all."""
    day = aging_day(session, request.aging_date)
    payers, token = page(session, owing_payers(request.payer_id), order=[Payer.payer_id], request=request)
    return report_service_pb2.GetPayerAgingResponse(
        rows=payer_rows(session, payers, day),
        next_page_token=token,
        totals=payer_totals(session, day, request.payer_id),
        aging_date=day.isoformat(),
        freshness=freshness(session),
    )


def owing_accounts(account_id: str = "") -> Any:
    """Return the query for accounts that owe something or have unused payments."""
    owing = select(Receivable.account_id).where(*OWED_BY_ACCOUNTS)
    paying = select(Payment.account_id).where(*UNUSED)
    query = select(Account).where(or_(Account.account_id.in_(owing), Account.account_id.in_(paying)))
    return query.where(Account.account_id == account_id) if account_id else query


def owing_payers(payer_id: str = "") -> Any:
    """Return the query for insurers that owe something."""
    query = select(Payer).where(Payer.payer_id.in_(select(Receivable.payer_id).where(*OWED_BY_PAYERS)))
    return query.where(Payer.payer_id == payer_id) if payer_id else query


def account_rows(session: Session, accounts: Sequence[Account], day: date) -> list[report_pb2.PatientAgingRow]:
    """Return what accounts owe, with the names that the caller may see."""
    ids = [account.account_id for account in accounts]
    owed = _owed(session, Receivable.account_id, (*OWED_BY_ACCOUNTS, Receivable.account_id.in_(ids)), day)
    _add_unapplied(session, owed, ids)
    holders, last = names.account_names(session, ids), _last_payments(session, ids)
    rows = []
    for account in accounts:
        for currency, found in sorted(owed[account.account_id].items()):
            row = report_pb2.PatientAgingRow(
                account_id=str(account.account_id),
                account_number=account.number,
                account_name=holders.get(account.account_id, ""),
                buckets=_wire_buckets(currency, found.amounts),
                unapplied=wire_money(Money(currency, found.unapplied)),
                balance=wire_money(Money(currency, found.amounts.total - found.unapplied)),
                oldest_service_date=found.oldest.isoformat() if found.oldest else "",
                last_payment_date=last[account.account_id].isoformat() if account.account_id in last else "",
                encounter_ids=found.encounters[:SHOWN_ENCOUNTERS],
            )
            rows.append(row)
    return rows


def payer_rows(session: Session, payers: Sequence[Payer], day: date) -> list[report_pb2.PayerAgingRow]:
    """Return what insurers owe."""
    ids = [payer.payer_id for payer in payers]
    owed = _owed(session, Receivable.payer_id, (*OWED_BY_PAYERS, Receivable.payer_id.in_(ids)), day)
    return [
        report_pb2.PayerAgingRow(
            payer_id=str(payer.payer_id),
            payer_name=payer.name,
            buckets=_wire_buckets(currency, found.amounts),
            open_encounter_count=len(found.encounters),
            oldest_service_date=found.oldest.isoformat() if found.oldest else "",
            encounter_ids=found.encounters[:SHOWN_ENCOUNTERS],
        )
        for payer in payers
        for currency, found in sorted(owed[payer.payer_id].items())
    ]


def _owed(
    session: Session, key: InstrumentedAttribute[UUID | None], where: Iterable[ColumnElement[bool]], day: date
) -> dict[UUID, dict[str, Owed]]:
    columns = (key, Receivable.currency_code, Receivable.service_date, Receivable.encounter_id)
    query: Any = select(*columns, func.sum(Receivable.open_minor)).where(*where).group_by(*columns)
    found: dict[UUID, dict[str, Owed]] = defaultdict(lambda: defaultdict(Owed))
    for debtor, currency, service_date, encounter_id, minor in session.execute(
        query.order_by(Receivable.service_date, Receivable.encounter_id)
    ):
        owed = found[debtor][currency]
        owed.amounts += buckets([(service_date, int(minor))], day)
        owed.oldest = owed.oldest or service_date
        owed.encounters.append(str(encounter_id))
    return found


def _add_unapplied(session: Session, owed: dict[UUID, dict[str, Owed]], ids: list[UUID]) -> None:
    columns = (Payment.account_id, Payment.currency_code)
    query: Any = select(*columns, func.sum(Payment.unapplied_minor)).where(*UNUSED, Payment.account_id.in_(ids))
    for account_id, currency, minor in session.execute(query.group_by(*columns)):
        owed[account_id][currency].unapplied = int(minor)


def _last_payments(session: Session, ids: list[UUID]) -> dict[UUID, date]:
    posted = (Payment.account_id.in_(ids), Payment.state == payment_pb2.PAYMENT_STATE_POSTED)
    query: Any = select(Payment.account_id, func.max(Payment.received_date)).where(*posted).group_by(Payment.account_id)
    return {account: day for account, day in session.execute(query) if day is not None}


def account_totals(session: Session, day: date, account_id: str = "") -> list[report_pb2.AgingTotals]:
    """Return what all accounts owe, for each currency."""
    mine = [Receivable.account_id == account_id] if account_id else []
    sums = _sums(session, [*OWED_BY_ACCOUNTS, *mine], day)
    paid = [Payment.account_id == account_id] if account_id else []
    query = select(Payment.currency_code, func.sum(Payment.unapplied_minor)).where(*UNUSED, *paid)
    unapplied = dict(session.execute(query.group_by(Payment.currency_code)).all())
    count = session.scalar(select(func.count()).select_from(owing_accounts(account_id).subquery())) or 0
    return [
        _totals(currency, sums.get(currency, Buckets()), int(unapplied.get(currency, 0)), count)
        for currency in sorted({*sums, *unapplied})
    ]


def payer_totals(session: Session, day: date, payer_id: str = "") -> list[report_pb2.AgingTotals]:
    """Return what all insurers owe, for each currency."""
    mine = [Receivable.payer_id == payer_id] if payer_id else []
    sums = _sums(session, [*OWED_BY_PAYERS, *mine], day)
    count = session.scalar(select(func.count()).select_from(owing_payers(payer_id).subquery())) or 0
    return [_totals(currency, found, 0, count) for currency, found in sorted(sums.items())]


def _sums(session: Session, where: Iterable[ColumnElement[bool]], day: date) -> dict[str, Buckets]:
    columns = (Receivable.currency_code, Receivable.service_date)
    query: Any = select(*columns, func.sum(Receivable.open_minor)).where(*where).group_by(*columns)
    found: dict[str, Buckets] = defaultdict(Buckets)
    for currency, service_date, minor in session.execute(query):
        found[currency] += buckets([(service_date, int(minor))], day)
    return found


def _totals(currency: str, amounts: Buckets, unapplied: int, count: int) -> report_pb2.AgingTotals:
    return report_pb2.AgingTotals(
        currency_code=currency,
        buckets=_wire_buckets(currency, amounts),
        unapplied=wire_money(Money(currency, unapplied)),
        count=count,
    )


def _wire_buckets(currency: str, amounts: Buckets) -> report_pb2.AgingBuckets:
    names_ = ("days_0_to_30", "days_31_to_60", "days_61_to_90", "days_over_90", "total")
    return report_pb2.AgingBuckets(**{name: wire_money(Money(currency, getattr(amounts, name))) for name in names_})

"""Prove that the ledger agrees with itself and with the open items that follow it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from praxis.billing.v1 import encounter_pb2, ledger_pb2
from praxis.type.v1 import type_pb2
from praxis_billing.rules.aging import age_buckets
from praxis_billing.rules.chart import RECEIVABLES, LedgerCode
from praxis_billing.store import queries
from praxis_billing.store.models import Charge, Encounter, Entry, Payment, Share
from praxis_billing.usecases import civil_dates
from praxis_chassis.mapping import read_money, wire_money
from praxis_chassis.types import Money

LISTED = 100


def trial_balance(session: Session, as_of: date | None) -> list[ledger_pb2.TrialBalanceLine]:
    """Return debits and credits of every account of the ledger."""
    debit = func.coalesce(func.sum(case((Entry.amount_minor > 0, Entry.amount_minor))), 0)
    credit = func.coalesce(func.sum(case((Entry.amount_minor < 0, -Entry.amount_minor))), 0)
    query = select(Entry.ledger_account, Entry.currency_code, debit, credit)
    if as_of is not None:
        query = query.where(Entry.effective_date <= as_of)
    key = (Entry.ledger_account, Entry.currency_code)
    rows = session.execute(query.group_by(*key).order_by(*key))
    return [
        ledger_pb2.TrialBalanceLine(
            ledger_account=account,
            debit=_wire(currency, debited),
            credit=_wire(currency, credited),
            balance=_wire(currency, debited - credited),
        )
        for account, currency, debited, credited in rows
    ]


def balanced(lines: Iterable[ledger_pb2.TrialBalanceLine]) -> bool:
    """Tell whether debits and credits agree in every currency."""
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[line.balance.currency_code] += read_money(line.balance, "balance").minor
    return not any(sums.values())


def _wire(currency: str, minor: int) -> type_pb2.Money:
    return wire_money(Money(currency, int(minor)))


def checks(session: Session) -> list[ledger_pb2.ReconciliationCheck]:
    """Return all comparisons for every currency that the ledger has."""
    currencies = sorted(set(session.scalars(select(Entry.currency_code).distinct()))) or ["USD"]
    return [check for currency in currencies for check in _for_currency(session, currency)]


def _for_currency(session: Session, currency: str) -> list[ledger_pb2.ReconciliationCheck]:
    control = _control(session, currency)
    open_items = int(session.scalar(_sum(Share.open_minor).where(Share.currency_code == currency)) or 0)
    everything = int(session.scalar(_sum(Entry.amount_minor).where(Entry.currency_code == currency)) or 0)
    return [
        _check("R1", currency, 0, everything, "All entries of the ledger sum to zero."),
        _check(
            "R2", currency, control, open_items, "The open shares come to the receivables.", _drifted(session, currency)
        ),
        _charges_check(session, currency),
        _check("I4", currency, control, _aged(session, currency), "The age buckets come to the receivables."),
        _unapplied_check(session, currency),
        _suspense_check(session, currency),
    ]


def _sum(column: InstrumentedAttribute[int]) -> Select[int]:
    return select(func.sum(column))


def _control(session: Session, currency: str) -> int:
    return queries.ledger_balance(session, RECEIVABLES).get(currency, 0)


def _check(
    code: str, currency: str, expected: int, actual: int, text: str, objects: Sequence[object] = ()
) -> ledger_pb2.ReconciliationCheck:
    return ledger_pb2.ReconciliationCheck(
        code=code,
        passed=expected == actual and not objects,
        text=text,
        expected=_wire(currency, expected),
        actual=_wire(currency, actual),
        difference=_wire(currency, actual - expected),
        object_ids=[str(item) for item in objects],
    )


def _drifted(session: Session, currency: str) -> list[object]:
    """Return shares whose figures differ from the ledger's entries on them."""
    sums = (
        select(Entry.share_id, func.sum(Entry.amount_minor).label("minor"))
        .where(Entry.effect.is_not(None))
        .group_by(Entry.share_id)
        .subquery()
    )
    query = (
        select(Share.id)
        .outerjoin(sums, sums.c.share_id == Share.id)
        .where(Share.currency_code == currency, Share.open_minor != func.coalesce(sums.c.minor, 0))
    )
    return list(session.scalars(query.order_by(Share.id).limit(LISTED)))


def _charges_check(session: Session, currency: str) -> ledger_pb2.ReconciliationCheck:
    parts = select(Share.charge_id, func.sum(Share.amount_minor).label("minor")).group_by(Share.charge_id).subquery()
    owed = case((Encounter.state == encounter_pb2.ENCOUNTER_STATE_POSTED, Charge.total_minor), else_=0)
    joined = (
        select(func.sum(owed), func.sum(func.coalesce(parts.c.minor, 0)))
        .select_from(Charge)
        .join(Charge.encounter)
        .outerjoin(parts, parts.c.charge_id == Charge.id)
        .where(Charge.currency_code == currency)
    )
    expected, actual = session.execute(joined).one()
    wrong = joined.with_only_columns(Charge.id).where(owed != func.coalesce(parts.c.minor, 0)).limit(LISTED)
    text = "Each charge is paid, adjusted or open to the cent."
    return _check("I2", currency, int(expected or 0), int(actual or 0), text, list(session.scalars(wrong)))


def _aged(session: Session, currency: str) -> int:
    as_of = civil_dates.today(session)
    query = (
        select(Share.service_date, func.sum(Share.open_minor))
        .where(Share.currency_code == currency)
        .group_by(Share.service_date)
    )
    items = [(day, Money(currency, int(minor))) for day, minor in session.execute(query)]
    return sum(bucket.amount.minor for bucket in age_buckets(currency, as_of, items))


def _unapplied_check(session: Session, currency: str) -> ledger_pb2.ReconciliationCheck:
    waiting = -queries.ledger_balance(session, [LedgerCode.UNAPPLIED, LedgerCode.SUSPENSE]).get(currency, 0)
    left = session.scalar(_sum(Payment.unapplied_minor).where(Payment.currency_code == currency))
    return _check("UNAPPLIED", currency, waiting, int(left or 0), "What is left of the payments waits in the ledger.")


def _suspense_check(session: Session, currency: str) -> ledger_pb2.ReconciliationCheck:
    """List insurers' money that waits for a decision; listed money is no error."""
    waiting = -queries.ledger_balance(session, [LedgerCode.SUSPENSE]).get(currency, 0)
    query = select(Payment.id, Payment.unapplied_minor).where(
        Payment.payer_id.is_not(None), Payment.unapplied_minor != 0, Payment.currency_code == currency
    )
    rows = list(session.execute(query.order_by(Payment.id)))
    text = "The insurers' money in suspense belongs to the listed payments."
    check = _check("SUSPENSE", currency, waiting, _total(rows), text)
    check.object_ids.extend(str(payment_id) for payment_id, _ in rows[:LISTED])
    return check


def _total(rows: Iterable[tuple[object, int]]) -> int:
    return sum(minor for _, minor in rows)

"""Sum the ledger up for others that keep figures of their own, with a count of the events that led to the sums."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from praxis.billing.v1 import events_pb2, ledger_pb2
from praxis_billing.store.models import ControlTotals, Entry
from praxis_chassis import tables
from praxis_chassis.context import context_of
from praxis_chassis.events import event_type, record
from praxis_chassis.mapping import wire_money
from praxis_chassis.types import Money

AGGREGATE = event_type(events_pb2.ControlTotalsTaken.DESCRIPTOR).aggregate


def take(session: Session) -> None:
    """Tell what every account of the ledger comes to, when anything was recorded since it was told last."""
    if not _anything_new(session):
        return
    sums, counts = _at_one_moment(session)
    tenant = context_of(session).tenant
    totals = session.get(ControlTotals, (tenant, tenant)) or ControlTotals(id=tenant)
    record(
        session,
        events_pb2.ControlTotalsTaken,
        totals,
        totals=[
            ledger_pb2.ControlTotal(ledger_account=code, balance=wire_money(Money(currency, int(minor))))
            for code, currency, minor in sums
        ],
        event_counts={aggregate: int(count) for aggregate, count in counts},
    )


def _anything_new(session: Session) -> bool:
    table = tables.events
    told = select(func.max(table.c.position)).where(table.c.aggregate == AGGREGATE)
    newer = table.c.position > func.coalesce(told.scalar_subquery(), 0)
    return session.execute(select(table.c.id).where(newer, table.c.aggregate != AGGREGATE).limit(1)).first() is not None


def _at_one_moment(session: Session) -> tuple[list[tuple[str, str, int]], list[tuple[str, int]]]:
    """Return sums and counts by one statement, because one statement sees one state of the database."""
    key = (Entry.ledger_account, Entry.currency_code)
    sums = select(*key, func.sum(Entry.amount_minor).label("minor")).group_by(*key).order_by(*key).subquery()
    events = tables.events
    told = select(events.c.aggregate, func.count().label("count")).where(events.c.aggregate != AGGREGATE)
    counts = told.group_by(events.c.aggregate).subquery()
    row = session.execute(
        select(
            select(func.json_agg(func.json_build_array(*sums.c))).scalar_subquery(),
            select(func.json_agg(func.json_build_array(*counts.c))).scalar_subquery(),
        )
    ).one()
    return row[0] or [], row[1] or []

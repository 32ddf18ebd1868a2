"""Gap-free numbers per tenant that people can say aloud: chart, invoice and claim numbers."""

from __future__ import annotations

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis_chassis import tables
from praxis_chassis.context import context_of


def next_number(session: Session, name: str, start: int = 1) -> int:
    """Return the next number of a series; others wait for theirs until the transaction ends, so nothing is skipped.

    They are served in the order in which they came, which the lock is for: of those who wait at the row alone, all try
    anew whenever somebody is through, and one may lose every time.
    """
    table, tenant = tables.numbers, context_of(session).tenant
    turn = func.pg_advisory_xact_lock(func.hashtextextended(f"{name} of {tenant}", 0)).table_valued("turn")
    first = select(literal(tenant), literal(name), literal(start)).select_from(turn)
    taken = (
        insert(table)
        .from_select([table.c.tenant_id, table.c.name, table.c.last], first)
        .on_conflict_do_update(index_elements=[table.c.tenant_id, table.c.name], set_={"last": table.c.last + 1})
        .returning(table.c.last)
    )
    return int(session.execute(taken).scalar_one())

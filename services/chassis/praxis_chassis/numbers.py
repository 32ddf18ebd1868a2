"""Gap-free numbers per tenant that people can say aloud: chart, invoice and claim numbers."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis_chassis import tables
from praxis_chassis.context import context_of


def next_number(session: Session, name: str, start: int = 1) -> int:
    """Return the next number of a series; the row stays locked until the transaction ends, so nothing is skipped."""
    table = tables.numbers
    first = insert(table).values(tenant_id=context_of(session).tenant, name=name, last=start)
    taken = first.on_conflict_do_update(
        index_elements=[table.c.tenant_id, table.c.name], set_={"last": table.c.last + 1}
    ).returning(table.c.last)
    return int(session.execute(taken).scalar_one())

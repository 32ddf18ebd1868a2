"""The one door to the ledger: a journal is written and its shares move in the same step, or nothing happens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from praxis_billing.rules.ledger import Line, Movement, checked, movements
from praxis_billing.store.models import Base, Share
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.errors import not_found
from praxis_chassis.types import new_id

JOURNALS = Base.metadata.tables["journals"]
ENTRIES = Base.metadata.tables["entries"]
LEDGER_ACCOUNTS = Base.metadata.tables["ledger_accounts"]


@dataclass(frozen=True, slots=True)
class Heading:
    """What a journal is about; the key makes sure that it is written once."""

    kind: int
    key: str
    effective_date: date
    source_type: str
    source_id: UUID
    reverses_id: UUID | None = None


def post(session: Session, heading: Heading, lines: Iterable[Line]) -> UUID | None:
    """Write a journal and move its shares; a journal without money is not written. The shares must be locked."""
    kept = checked(lines)
    if not kept:
        return None
    move_shares(session, movements(kept))
    session.flush()
    journal_id = new_id()
    _open_ledger_accounts(session, kept)
    session.execute(insert(JOURNALS).values(_journal_row(session, heading, journal_id)))
    session.execute(insert(ENTRIES).values(_entry_rows(session, heading, journal_id, kept)))
    return journal_id


def move_shares(session: Session, moved: dict[UUID, Movement]) -> None:
    """Bring the figures of open items in line with what is about to be written."""
    tenant = context_of(session).tenant
    for share_id, movement in moved.items():
        share = session.get_one(Share, (tenant, share_id))
        share.amount_minor += movement.assigned
        share.paid_minor += movement.paid
        share.adjusted_minor += movement.adjusted


def lock_shares(session: Session, share_ids: Iterable[UUID]) -> dict[UUID, Share]:
    """Lock shares in the order of their ids, so that two payments never wait for each other; one missing is told."""
    wanted = set(share_ids)
    query = select(Share).where(Share.id.in_(wanted)).order_by(Share.id).with_for_update()
    found = {share.id: share for share in session.scalars(query.execution_options(populate_existing=True))}
    for missing in wanted - found.keys():
        raise not_found("share", missing)
    return found


def _open_ledger_accounts(session: Session, lines: Sequence[Line]) -> None:
    tenant = context_of(session).tenant
    used = sorted({(line.ledger_account, line.amount.currency) for line in lines})
    rows = [{"tenant_id": tenant, "code": str(code), "currency_code": currency} for code, currency in used]
    session.execute(upsert(LEDGER_ACCOUNTS).values(rows).on_conflict_do_nothing())


def _journal_row(session: Session, heading: Heading, journal_id: UUID) -> dict[str, object]:
    return {
        "tenant_id": context_of(session).tenant,
        "id": journal_id,
        "kind": heading.kind,
        "idempotency_key": heading.key,
        "effective_date": heading.effective_date,
        "post_time": clock.now(session),
        "source_type": heading.source_type,
        "source_id": heading.source_id,
        "reverses_id": heading.reverses_id,
    }


def _entry_rows(session: Session, heading: Heading, journal_id: UUID, lines: Sequence[Line]) -> list[dict[str, object]]:
    """Return one row for each line; they must reach the database in one statement, which its trigger then sums."""
    tenant = context_of(session).tenant
    return [
        {
            "tenant_id": tenant,
            "journal_id": journal_id,
            "line": number,
            "ledger_account": str(line.ledger_account),
            "currency_code": line.amount.currency,
            "amount_minor": line.amount.minor,
            "effect": str(line.effect) if line.effect else None,
            "effective_date": heading.effective_date,
            **asdict(line.dimensions),
        }
        for number, line in enumerate(lines, 1)
    ]

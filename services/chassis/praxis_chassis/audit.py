"""Who did or saw what: one row per call, in the transaction of the call, sealed later into a hash chain per tenant."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, bindparam, insert, select, text, update
from sqlalchemy.orm import Session

from praxis.policy.v1 import policy_pb2
from praxis_chassis import clock, tables
from praxis_chassis.context import Context
from praxis_chassis.prepared import Prepared
from praxis_chassis.types import new_id

# Most ids of patients that one row names; a list shows at most a page of them.
MOST_PATIENTS = 500
SEALED_FIELDS = ("id", "at", "actor", "action", "class", "resource", "patient_ids", "purpose", "outcome", "request_id")
CLASSES = {
    value.number: value.name.removeprefix("AUDIT_CLASS_").lower() for value in policy_pb2.AuditClass.DESCRIPTOR.values
}
ANY_OPEN = text("SELECT EXISTS (SELECT FROM audit WHERE sequence IS NULL)")
LOCK = text("SELECT pg_try_advisory_xact_lock(7261003)")
ROW = Prepared(
    insert(tables.audit).values({name: bindparam(name) for name in ("tenant_id", *SEALED_FIELDS)}), "INSERT audit"
)


def write(session: Session, context: Context, action: str, policy: Any, outcome: str = "ok") -> None:
    """Write the row of one call; RPCs on reference data leave none unless they were denied."""
    if policy.audit_class == policy_pb2.AUDIT_CLASS_NONE and outcome != "denied":
        return
    if context.tenant_id is None:
        return
    ROW.run(
        session,
        tenant_id=context.tenant_id,
        id=new_id(),
        at=clock.now(session),
        actor=str(context.actor),
        action=action,
        resource=policy.resource,
        patient_ids=sorted(context.subjects)[:MOST_PATIENTS],
        purpose=context.purpose,
        outcome=outcome,
        request_id=context.request_id,
        **{"class": CLASSES[policy.audit_class]},
    )


def digest(previous: bytes, row: Any) -> bytes:
    """Return the chained hash of a row: SHA-256 of the previous hash and the row's canonical form."""
    canonical = {name: _plain(row[name]) for name in SEALED_FIELDS}
    return hashlib.sha256(previous + orjson.dumps(canonical, option=orjson.OPT_SORT_KEYS)).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [str(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def seal(connection: Connection, limit: int = 2000) -> int:
    """Chain the rows that are not chained yet and return how many; the relay's role calls it every second."""
    if not connection.execute(ANY_OPEN).scalar() or not connection.execute(LOCK).scalar():
        return 0
    table = tables.audit
    waiting = select(table).where(table.c.sequence.is_(None)).order_by(table.c.tenant_id, table.c.id).limit(limit)
    rows = list(connection.execute(waiting).mappings())
    heads: dict[UUID, tuple[int, bytes]] = {}
    for row in rows:
        tenant = row["tenant_id"]
        sequence, previous = heads.get(tenant) or _head(connection, tenant)
        hashed = digest(previous, row)
        values = {"sequence": sequence + 1, "previous_hash": previous, "hash": hashed}
        connection.execute(update(table).where(table.c.tenant_id == tenant, table.c.id == row["id"]).values(values))
        heads[tenant] = sequence + 1, hashed
    return len(rows)


def _head(connection: Connection, tenant: UUID) -> tuple[int, bytes]:
    table = tables.audit
    query = (
        select(table.c.sequence, table.c.hash)
        .where(table.c.tenant_id == tenant, table.c.sequence.is_not(None))
        .order_by(table.c.sequence.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return (row.sequence, row.hash) if row else (0, b"")


def verify(session: Session) -> list[str]:
    """Return what is wrong with the tenant's chain: altered, missing or reordered rows; an empty list is good."""
    table = tables.audit
    rows = session.execute(select(table).where(table.c.sequence.is_not(None)).order_by(table.c.sequence)).mappings()
    return list(_faults(rows))


def _faults(rows: Iterable[Any]) -> Iterable[str]:
    expected, previous = 1, b""
    for row in rows:
        if row["sequence"] != expected:
            yield f"rows {expected} to {row['sequence'] - 1} are missing"
        elif row["previous_hash"] != previous:
            yield f"row {expected} does not follow the row before it"
        if row["hash"] != digest(row["previous_hash"], row):
            yield f"row {row['sequence']} was altered"
        expected, previous = row["sequence"] + 1, row["hash"]

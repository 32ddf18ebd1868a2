"""Keys per person: event bodies about somebody are sealed with that person's key, and deleting it erases them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from sqlalchemy import Connection, any_, bindparam, delete, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis_chassis import clock, files, tables
from praxis_chassis.context import context_of
from praxis_chassis.keys import NONCE, KeyRing
from praxis_chassis.prepared import Prepared
from praxis_chassis.remains import remains_of

PURPOSE = "subject-keys"
KEY = Prepared(
    select(tables.subject_keys.c.sealed_key).where(tables.subject_keys.c.subject_id == bindparam("subject")),
    "SELECT subject_keys",
)
KEYS = text(
    "SELECT tenant_id, subject_id, sealed_key FROM subject_keys"
    " WHERE sealed_key IS NOT NULL AND (tenant_id, subject_id) IN"
    " (SELECT * FROM unnest(CAST(:tenants AS uuid[]), CAST(:subjects AS uuid[])))"
)


def seal_for(session: Session, subject_id: UUID, payload: bytes) -> bytes | None:
    """Seal an event body with the key of the person it is about; nothing when that person was erased."""
    key = _key_of(session, subject_id)
    if key is None:
        return None
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, payload, subject_id.bytes)


def _key_of(session: Session, subject_id: UUID) -> bytes | None:
    context, table = context_of(session), tables.subject_keys
    known: dict[UUID, bytes | None] = session.info.setdefault("subject_keys", {})
    if subject_id in known:
        return known[subject_id]
    rows = KEY.rows(session, subject=subject_id)
    if not rows:
        fresh = context.runtime.keys.seal(context.tenant, PURPOSE, secrets.token_bytes(32), subject_id.bytes)
        values = {"tenant_id": context.tenant, "subject_id": subject_id, "sealed_key": fresh}
        session.execute(insert(table).values(values).on_conflict_do_nothing())
        rows = KEY.rows(session, subject=subject_id)
    ring: KeyRing = context.runtime.keys
    sealed = rows[0][0]
    known[subject_id] = None if sealed is None else ring.open(context.tenant, PURPOSE, sealed, subject_id.bytes)
    return known[subject_id]


def body_of(connection: Connection, keys: KeyRing, row: Mapping[str, Any]) -> tuple[bytes, bool]:
    """Return the opened body of an event and whether its person was erased.

    The key may go between reading the row and opening it; then the row is read again, as the erasure left it.
    """
    payload, erased = bytes(row["payload"]), bool(row["erased"])
    if row["subject_id"] is None or erased:
        return payload, erased
    opened = open_payload(connection, keys, row["tenant_id"], row["subject_id"], payload)
    if opened:
        return opened, False
    table = tables.events
    again = select(table.c.payload, table.c.erased).where(
        table.c.tenant_id == row["tenant_id"], table.c.id == row["id"]
    )
    now = connection.execute(again).one()
    return bytes(now.payload) if now.erased else b"", True


def bodies_of(connection: Connection, keys: KeyRing, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[bytes, bool]]:
    """Return what `body_of` returns for each row, with one look for the keys of all."""
    sealed = {(row["tenant_id"], row["subject_id"]) for row in rows if row["subject_id"] and not row["erased"]}
    known = _wrapped(connection, sealed) if sealed else {}
    for row in rows:
        subject = row["tenant_id"], row["subject_id"]
        opened = _open(keys, *subject, known[subject], bytes(row["payload"])) if subject in known else b""
        yield (opened, False) if opened else body_of(connection, keys, row)


def _wrapped(connection: Connection, subjects: Set[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], bytes]:
    tenants, people = zip(*subjects, strict=True)
    rows = connection.execute(KEYS, {"tenants": list(tenants), "subjects": list(people)})
    return {(row.tenant_id, row.subject_id): row.sealed_key for row in rows}


def open_payload(connection: Connection, keys: KeyRing, tenant_id: UUID, subject_id: UUID, sealed: bytes) -> bytes:
    """Return the body of an event about somebody, or nothing when that person was erased."""
    wrapped = _wrapped(connection, {(tenant_id, subject_id)}).get((tenant_id, subject_id))
    return _open(keys, tenant_id, subject_id, wrapped, sealed) if wrapped else b""


def _open(keys: KeyRing, tenant_id: UUID, subject_id: UUID, wrapped: bytes, sealed: bytes) -> bytes:
    return _opened(keys.open(tenant_id, PURPOSE, wrapped, subject_id.bytes), subject_id, sealed) if sealed else b""


def _opened(key: bytes, subject_id: UUID, sealed: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], subject_id.bytes)
    except InvalidTag:
        return b""


def forget(session: Session, subject_id: UUID) -> None:
    """Erase what the chassis keeps about a person: key, words of events, stored replies, dead letters and files."""
    keys, tenant = tables.subject_keys, context_of(session).tenant
    _strip_events(session, subject_id)
    _strip_letters(session, subject_id)
    gone = {"sealed_key": None, "erased_at": clock.now(session)}
    row = insert(keys).values(tenant_id=tenant, subject_id=subject_id, **gone)
    session.execute(row.on_conflict_do_update(index_elements=[keys.c.tenant_id, keys.c.subject_id], set_=gone))
    session.execute(delete(tables.replies).where(any_(tables.replies.c.subject_ids) == subject_id))
    files.erase_files_of(session, subject_id)
    session.info.setdefault("subject_keys", {})[subject_id] = None


def _strip_events(session: Session, subject_id: UUID) -> None:
    table = tables.events
    mine = (table.c.subject_id == subject_id, table.c.erased.is_(False))
    rows = session.execute(select(table.c.id, table.c.type, table.c.payload).where(*mine)).all()
    key = _key_of(session, subject_id) if rows else None
    bodies = [
        {"event": row.id, "body": remains_of(row.type, _opened(key, subject_id, row.payload) if key else b"")}
        for row in rows
    ]
    if bodies:
        change = update(table).where(table.c.id == bindparam("event"))
        session.connection().execute(change.values(payload=bindparam("body"), erased=True), bodies)


def _strip_letters(session: Session, subject_id: UUID) -> None:
    """Strip what is set aside about a person; of what this release cannot read nothing is kept."""
    table = tables.dead_letters
    # Whoever could not read an event could not tell whom it is about either, but it may be the person's own.
    whose = or_(table.c.subject_id == subject_id, table.c.aggregate_id == subject_id)
    query = select(table.c.event_id, table.c.type, table.c.payload).where(whose)
    rows = session.execute(query).all()
    bodies = [{"event": row.event_id, "body": _readable_remains(row.type, row.payload)} for row in rows]
    if bodies:
        change = update(table).where(table.c.event_id == bindparam("event"))
        session.connection().execute(change.values(payload=bindparam("body")), bodies)


def _readable_remains(event_type: str, payload: bytes) -> bytes:
    try:
        return remains_of(event_type, payload)
    except (ImportError, KeyError, ValueError, DecodeError):
        return b""

"""Keys per person: event bodies about somebody are sealed with that person's key, and deleting it erases them."""

from __future__ import annotations

import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, any_, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis_chassis import clock, files, tables
from praxis_chassis.context import context_of
from praxis_chassis.keys import NONCE, KeyRing

PURPOSE = "subject-keys"


def seal_for(session: Session, subject_id: UUID, payload: bytes) -> bytes:
    """Seal an event body with the key of the person it is about; an erased person's events carry no body."""
    key = _key_of(session, subject_id)
    if key is None:
        return b""
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, payload, subject_id.bytes)


def _key_of(session: Session, subject_id: UUID) -> bytes | None:
    context, table = context_of(session), tables.subject_keys
    known: dict[UUID, bytes | None] = session.info.setdefault("subject_keys", {})
    if subject_id in known:
        return known[subject_id]
    lookup = select(table.c.sealed_key).where(table.c.subject_id == subject_id)
    row = session.execute(lookup).one_or_none()
    if row is None:
        fresh = context.runtime.keys.seal(context.tenant, PURPOSE, secrets.token_bytes(32), subject_id.bytes)
        values = {"tenant_id": context.tenant, "subject_id": subject_id, "sealed_key": fresh}
        session.execute(insert(table).values(values).on_conflict_do_nothing())
        row = session.execute(lookup).one()
    ring: KeyRing = context.runtime.keys
    sealed = row.sealed_key
    known[subject_id] = None if sealed is None else ring.open(context.tenant, PURPOSE, sealed, subject_id.bytes)
    return known[subject_id]


def open_payload(connection: Connection, keys: KeyRing, tenant_id: UUID, subject_id: UUID, sealed: bytes) -> bytes:
    """Return the body of an event about somebody, or nothing when that person was erased."""
    table = tables.subject_keys
    lookup = select(table.c.sealed_key).where(table.c.tenant_id == tenant_id, table.c.subject_id == subject_id)
    wrapped = connection.execute(lookup).scalar_one_or_none()
    if wrapped is None or not sealed:
        return b""
    key = keys.open(tenant_id, PURPOSE, wrapped, subject_id.bytes)
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], subject_id.bytes)
    except InvalidTag:
        return b""


def forget(session: Session, subject_id: UUID) -> None:
    """Erase what the chassis keeps about a person: key, event bodies, stored replies, dead letters and files."""
    keys, tenant = tables.subject_keys, context_of(session).tenant
    gone = {"sealed_key": None, "erased_at": clock.now(session)}
    row = insert(keys).values(tenant_id=tenant, subject_id=subject_id, **gone)
    session.execute(row.on_conflict_do_update(index_elements=[keys.c.tenant_id, keys.c.subject_id], set_=gone))
    events, letters = tables.events, tables.dead_letters
    session.execute(update(events).where(events.c.subject_id == subject_id).values(payload=b"", erased=True))
    session.execute(update(letters).where(letters.c.subject_id == subject_id).values(payload=b""))
    session.execute(delete(tables.replies).where(any_(tables.replies.c.subject_ids) == subject_id))
    files.erase_files_of(session, subject_id)
    session.info.setdefault("subject_keys", {})[subject_id] = None

"""Make a write safe to repeat: the first answer is stored in the transaction of its effect and given again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis.type.v1 import errors_pb2 as common
from praxis_chassis import clock, tables
from praxis_chassis.context import Context
from praxis_chassis.errors import common_error

KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer that was given before, and the patients that it is about."""

    reply: bytes
    subject_ids: list[UUID]


def request_hash(method: str, request: Message) -> bytes:
    """Return what tells two requests apart: the method and the body, without the key itself."""
    copy = type(request)()
    copy.CopyFrom(request)
    if "request_id" in copy.DESCRIPTOR.fields_by_name:
        copy.ClearField("request_id")
    return hashlib.sha256(method.encode() + b"\0" + copy.SerializeToString(deterministic=True)).digest()


def claim(session: Session, context: Context, method: str, request: Message) -> Stored | None:
    """Take the key for this transaction, or return the stored answer; a twin in flight is waited for."""
    table, hashed = tables.replies, request_hash(method, request)
    identity = {"tenant_id": context.tenant, "actor": str(context.actor), "key": context.idempotency_key}
    row = {**identity, "method": method, "request_hash": hashed, "subject_ids": [], "create_time": clock.wall()}
    taken = session.execute(insert(table).values(row).on_conflict_do_nothing().returning(table.c.key)).first()
    if taken is not None:
        return None
    stored = session.execute(
        select(table.c.request_hash, table.c.reply, table.c.subject_ids).where(
            table.c.actor == row["actor"], table.c.key == row["key"]
        )
    ).one()
    if stored.request_hash != hashed:
        raise common_error(common.COMMON_ERROR_REASON_IDEMPOTENCY_KEY_REUSED)
    return Stored(bytes(stored.reply), list(stored.subject_ids))


def store(session: Session, context: Context, reply: Message) -> None:
    """Keep the answer beside the effect that it reports."""
    table = tables.replies
    session.execute(
        update(table)
        .where(table.c.actor == str(context.actor), table.c.key == context.idempotency_key)
        .values(reply=reply.SerializeToString(), subject_ids=sorted(context.subjects))
    )


def prune(session: Session) -> Any:
    """Forget answers after seven days."""
    table = tables.replies
    return session.execute(delete(table).where(table.c.create_time < clock.wall() - KEPT))

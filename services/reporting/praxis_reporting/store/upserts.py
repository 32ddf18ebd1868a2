"""Writes that may come in any order and more than once: one row per key, the newest values win."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from praxis_chassis.context import context_of


def put(session: Session, entity: type[Any], values: Mapping[str, Any], **on_conflict: Any) -> None:
    """Insert a row, or replace the given values; `on_conflict` gives expressions for some of them instead."""
    statement = _insert(session, entity, values)
    keys = _keys(entity)
    changed = {name: statement.excluded[name] for name in values if name not in keys} | on_conflict
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def put_once(session: Session, entity: type[Any], values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is there; tell whether it was inserted."""
    statement = _insert(session, entity, values).on_conflict_do_nothing(index_elements=_keys(entity))
    return session.execute(statement.returning(entity.tenant_id)).first() is not None


def ensure(session: Session, entity: type[Any], key: str, identifier: UUID | None) -> None:
    """Insert a bare row for something whose own event has not arrived."""
    if identifier is not None:
        put_once(session, entity, {key: identifier})


def _insert(session: Session, entity: type[Any], values: Mapping[str, Any]) -> Insert:
    return insert(entity).values(tenant_id=context_of(session).tenant, **values)


def _keys(entity: type[Any]) -> list[str]:
    return [column.name for column in inspect(entity).primary_key]

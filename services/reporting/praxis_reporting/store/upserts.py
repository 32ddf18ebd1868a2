"""Writes that may come in any order and more than once: one row per key, the newest values win."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, inspect
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from praxis_chassis.context import context_of
from praxis_chassis.prepared import Prepared


def put(session: Session, entity: type[Any], values: Mapping[str, Any], **on_conflict: Any) -> None:
    """Insert a row, or replace the given values; `on_conflict` gives expressions for some of them instead."""
    if not on_conflict:
        session.flush()
        statement: Prepared = _putting(entity, tuple(values))  # type: ignore[arg-type] # every class is hashable
        statement.run(session, tenant_id=context_of(session).tenant, **values)
        return
    row = _insert(session, entity, values)
    changed = {name: row.excluded[name] for name in values if name not in _keys(entity)} | on_conflict
    session.execute(row.on_conflict_do_update(index_elements=_keys(entity), set_=changed))


def put_once(session: Session, entity: type[Any], values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is there; tell whether it was inserted."""
    statement = _insert(session, entity, values).on_conflict_do_nothing(index_elements=_keys(entity))
    return session.execute(statement.returning(entity.tenant_id)).first() is not None


def ensure(session: Session, entity: type[Any], key: str, identifier: UUID | None) -> None:
    """Insert a bare row for something whose own event has not arrived."""
    if identifier is not None:
        put_once(session, entity, {key: identifier})


@lru_cache(maxsize=256)
def _putting(entity: type[Any], names: tuple[str, ...]) -> Prepared:
    """Return the statement that writes these values; columns that are left out get the default that they have."""
    columns = entity.__table__.columns
    values = {name: bindparam(name, type_=columns[name].type) for name in ("tenant_id", *names)}
    left = {column.name: column.default.arg for column in columns if column.name not in values and column.default}
    statement = insert(entity.__table__).values(values | left)
    changed = {name: statement.excluded[name] for name in names if name not in _keys(entity)}
    written = statement.on_conflict_do_update(index_elements=_keys(entity), set_=changed)
    return Prepared(written, f"INSERT {entity.__tablename__}")


def _insert(session: Session, entity: type[Any], values: Mapping[str, Any]) -> Insert:
    return insert(entity).values(tenant_id=context_of(session).tenant, **values)


def _keys(entity: type[Any]) -> list[str]:
    return [column.name for column in inspect(entity).primary_key]

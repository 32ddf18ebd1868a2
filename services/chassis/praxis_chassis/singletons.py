"""What a practice group has exactly one of, such as its settings: one row whose id is the tenant's."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from praxis_chassis.context import context_of
from praxis_chassis.database import Aggregate, spoken

S = TypeVar("S", bound=Aggregate)


def singleton(session: Session, entity: type[S], *, lock: bool = False) -> S:
    """Return the one row of a class, or what counts until it is made: a row of defaults that is not stored.

    With `lock` it is for change. A row that is not there cannot be locked, and two who make it at once would both
    succeed in that; they wait for each other by its name instead, so that the second one meets the first one's etag.
    """
    tenant = context_of(session).tenant
    if lock:
        name = f"{spoken(entity)} {tenant}"
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
    found = session.get(entity, (tenant, tenant), populate_existing=lock)
    return found or entity(**{"id": tenant, **_defaults(entity)})


def _defaults(entity: type[Aggregate]) -> dict[str, Any]:
    """Return the constants that columns of a new row have; SQLAlchemy fills them in only when it is stored."""
    columns = inspect(entity).column_attrs
    found = ((each.key, each.columns[0].default) for each in columns)
    return {key: default.arg for key, default in found if default is not None and default.is_scalar}

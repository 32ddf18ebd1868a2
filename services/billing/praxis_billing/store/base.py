"""The declarative base of billing's tables."""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import DeclarativeBase

from praxis_chassis.database import Tenanted, metadata


class Base(DeclarativeBase):
    metadata = metadata()
    type_annotation_map = Tenanted.type_annotation_map


def within_tenant(column: str, target: str) -> ForeignKeyConstraint:
    """Return a foreign key that cannot leave the tenant."""
    return ForeignKeyConstraint(["tenant_id", column], [f"{target}.tenant_id", f"{target}.id"])

"""The base of all mapped classes of reporting."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase

from praxis_chassis.database import metadata


class Base(DeclarativeBase):
    metadata = metadata()

"""Ids of facts, made from what they are about, so that a rebuild gives every fact the same id."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid5

SPACE = UUID("6f1a9c52-0f0e-5d8e-9a44-7f3a2b1c0d9e")


def fact_id(*parts: object) -> UUID:
    """Return the id of the fact that these parts name."""
    return uuid5(SPACE, "/".join(str(part) for part in parts))


def moment_of(identifier: UUID) -> datetime | None:
    """Return the time in a UUIDv7, or nothing for other ids."""
    if identifier.version != 7:
        return None
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)

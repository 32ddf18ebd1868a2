"""Read what events carry: ids, dates and money that may be empty."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from praxis.type.v1 import type_pb2
from praxis_chassis.mapping import moment
from praxis_chassis.types import Money


def identifier(text: str) -> UUID | None:
    """Return an id, or nothing for an empty string."""
    return UUID(text) if text else None


def day(text: str) -> date | None:
    """Return a civil date, or nothing for an empty string."""
    return date.fromisoformat(text) if text else None


def instant(stamp: Timestamp) -> datetime | None:
    """Return a moment, or nothing for one that was not set."""
    return moment(stamp) if stamp.seconds or stamp.nanos else None


def minor(value: type_pb2.Money) -> int:
    """Return minor units; money that was not set is zero."""
    return Money.parse(value.currency_code, value.amount).minor if value.currency_code else 0

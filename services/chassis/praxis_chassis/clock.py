"""The one place that knows what time it is; a test practice carries an offset that every service obeys."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from praxis_chassis.context import context_of
from praxis_chassis.machine import MACHINE

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def wall() -> datetime:
    """Return the machine's time in UTC, for technical stamps such as token life and delivery."""
    return datetime.fromtimestamp(MACHINE.time(), UTC)


def now(session: Session) -> datetime:
    """Return the practice's time in UTC."""
    return wall() + context_of(session).clock_offset


def today(session: Session, zone: str) -> date:
    """Return the practice's civil date in an IANA time zone."""
    return now(session).astimezone(ZoneInfo(zone)).date()

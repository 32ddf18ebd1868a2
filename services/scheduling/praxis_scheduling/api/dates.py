"""Ranges of local dates in list requests."""

from __future__ import annotations

from datetime import date
from typing import Any, Protocol

from praxis_chassis.errors import invalid
from praxis_chassis.mapping import read_date


class DateRange(Protocol):
    """A request with a first and a last date, both optional."""

    from_date: str
    until_date: str


def days_of(request: DateRange) -> tuple[date | None, date | None]:
    """Return the first and the last date of a request."""
    first, last = read_date(request.from_date, "from_date"), read_date(request.until_date, "until_date")
    if first and last and last < first:
        raise invalid("until_date", "ENDS_BEFORE_START")
    return first, last


def between(column: Any, request: DateRange) -> list[Any]:
    """Return the conditions that keep a column between the dates, both included."""
    first, last = days_of(request)
    lower = [column >= first] if first else []
    return [*lower, column <= last] if last else lower

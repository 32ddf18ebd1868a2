"""Ranges of days that a report may cover."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

LONGEST_DAYS = 366


class RangeReversed(ValueError):
    """The last day is before the first."""


class RangeTooLong(ValueError):
    """The range has more days than a report may cover."""


@dataclass(frozen=True, slots=True)
class Days:
    """Days from the first to the last, both included."""

    first: date
    last: date


def days(first: date | None, last: date | None, today: date) -> Days:
    """Return the range that is meant: today when nothing is said, one day when no last day is."""
    begin = first or last or today
    end = last or begin
    if end < begin:
        raise RangeReversed
    if (end - begin).days >= LONGEST_DAYS:
        raise RangeTooLong
    return Days(begin, end)

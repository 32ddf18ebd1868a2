"""Read what a request asks for: a range of days, a day from which ages are counted, ids."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from praxis_chassis.errors import invalid
from praxis_chassis.mapping import read_date
from praxis_reporting.rules.ranges import LONGEST_DAYS, Days, RangeReversed, RangeTooLong, days
from praxis_reporting.usecases.freshness import today


def days_of(session: Session, from_date: str, to_date: str) -> Days:
    """Return the days that are asked for; a range that makes no sense is an invalid field."""
    first, last = read_date(from_date, "from_date"), read_date(to_date, "to_date")
    try:
        return days(first, last, today(session))
    except RangeReversed:
        raise invalid("to_date", "RANGE_REVERSED", first=from_date, last=to_date) from None
    except RangeTooLong:
        raise invalid("to_date", "RANGE_TOO_LONG", days=LONGEST_DAYS) from None


def aging_day(session: Session, aging_date: str) -> date:
    """Return the day from which ages are counted."""
    return read_date(aging_date, "aging_date") or today(session)

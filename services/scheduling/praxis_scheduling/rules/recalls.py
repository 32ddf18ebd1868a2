"""Dates of recalls: when one is due, which step comes next, and from when on a visit counts for it."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date, timedelta

USUAL_EXPIRY = 90
LONGEST_LEAD = timedelta(days=30)


def months_later(day: date, months: int) -> date:
    """Return the same day so many months later or earlier; the last day of a month that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def counts_from(made: date, due: date) -> date:
    """Return from when on a visit counts for a recall: a month before it is due, and never what caused it.

    Of a shorter time the second half counts, so that the visit after which somebody is to come in three weeks does not.
    """
    return max(due - LONGEST_LEAD, made + (due - made) / 2) if due > made else made


def next_step(due: date, offsets: Sequence[int], taken: int, expiry: int) -> date:
    """Return when the next step is taken, or the recall is given up after the last one."""
    days = offsets[taken] if taken < len(offsets) else max(expiry or USUAL_EXPIRY, max(offsets, default=0))
    return due + timedelta(days=days)


def reached(due: date, offsets: Sequence[int], taken: int, today: date) -> int | None:
    """Return the newest step that is due by today; older ones that were missed are passed over."""
    late = [at for at in range(taken, len(offsets)) if due + timedelta(days=offsets[at]) <= today]
    return late[-1] if late else None

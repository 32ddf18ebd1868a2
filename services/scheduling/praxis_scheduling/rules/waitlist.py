"""When somebody on the waitlist can come, and until when an offer of a time stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from praxis_scheduling.rules.hours import MINUTES_PER_DAY
from praxis_scheduling.rules.quiet import QuietHours

# Less than this is no time to answer in.
SHORTEST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Window:
    """Dates, weekdays (Monday is 1; none means all) and a part of the day, in local minutes since midnight."""

    first: date | None = None
    last: date | None = None
    weekdays: frozenset[int] = frozenset()
    start: int = 0
    end: int = MINUTES_PER_DAY

    def holds(self, start: datetime, end: datetime) -> bool:
        """Tell whether a time in local wall time lies in it as a whole; one that goes over midnight never does."""
        day, first = start.date(), start.hour * 60 + start.minute
        last = first + (end.replace(tzinfo=None) - start.replace(tzinfo=None)) // timedelta(minutes=1)
        return (
            (self.first is None or self.first <= day)
            and (self.last is None or day <= self.last)
            and (not self.weekdays or day.isoweekday() in self.weekdays)
            and self.start <= first
            and last <= self.end
        )


def fits(windows: Sequence[Window], start: datetime, end: datetime) -> bool:
    """Tell whether a time in local wall time lies in any of the windows; without any it always does."""
    return not windows or any(window.holds(start, end) for window in windows)


def expiry(
    now: datetime, start: datetime, notice: timedelta, stands: timedelta, quiet: QuietHours, zone: ZoneInfo
) -> datetime | None:
    """Return until when an offer stands: its time counts from when the patient may be told, and ends with the notice.

    Nothing means that there would be no time to answer.
    """
    told = quiet.next_allowed(now, zone)
    latest = min(told + stands, start - notice)
    return latest if latest - told >= SHORTEST else None

"""Quiet hours: the next moment at which somebody may be written to, by the clock on the wall where the patient is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from praxis_scheduling.rules.hours import instant_of, minute_of_day

DAY = timedelta(days=1)
USUAL_FROM, USUAL_UNTIL = "21:00", "08:00"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Wall times between which nothing is sent; they may pass midnight, and two equal ones mean none."""

    since: int
    until: int

    @classmethod
    def read(cls, since: str, until: str) -> QuietHours:
        """Read `HH:MM`; what is not said is the usual."""
        return cls(minute_of_day(since or USUAL_FROM), minute_of_day(until or USUAL_UNTIL))

    def is_quiet(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Tell whether nothing may be sent at a moment."""
        return self._quiet(moment, zone) is not None

    def next_allowed(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Return the moment itself, or the end of the quiet hours it lies in."""
        found = self._quiet(moment, zone)
        return found[1] if found else moment

    def last_allowed(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Return the moment itself, or the last minute before the quiet hours it lies in."""
        found = self._quiet(moment, zone)
        return found[0] - timedelta(minutes=1) if found else moment

    def _quiet(self, moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """Return the quiet hours around a moment; those of yesterday may still last."""
        if self.since == self.until:
            return None
        today = moment.astimezone(zone).date()
        for day in (today - DAY, today):
            start = instant_of(day, self.since, zone)
            end = instant_of(day if self.until > self.since else day + DAY, self.until, zone)
            if start <= moment < end:
                return start, end
        return None


def time_to_send(due: datetime, latest: datetime, quiet: QuietHours, zone: ZoneInfo) -> datetime:
    """Return when something that is due is sent: after the quiet hours, or before them where after is too late."""
    after = quiet.next_allowed(due, zone)
    return after if after < latest else quiet.last_allowed(due, zone)

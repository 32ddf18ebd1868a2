"""Time as bits: one whole number holds a mark for each minute of a window, so that searching is arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from praxis_scheduling.rules.hours import MINUTES_PER_DAY, instant_of, local_dates

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Grid:
    """A window of minutes; bit 0 is its first minute."""

    origin: datetime
    minutes: int

    @classmethod
    def around(cls, start: datetime, end: datetime) -> Grid:
        """Return the grid from one instant to another."""
        return cls(start, max(0, (end - start) // MINUTE))

    @property
    def end(self) -> datetime:
        """The instant behind the last minute."""
        return self.origin + self.minutes * MINUTE

    @property
    def all(self) -> int:
        """The mask with every minute set."""
        return (1 << self.minutes) - 1

    def minute(self, moment: datetime) -> int:
        """Return the minute that an instant lies in; outside the window it is negative or too large."""
        return (moment - self.origin) // MINUTE

    def moment(self, minute: int) -> datetime:
        """Return the instant at which a minute begins."""
        return self.origin + minute * MINUTE

    def mask(self, start: int, end: int) -> int:
        """Return the mask of the minutes from `start` to before `end`, clipped to the window."""
        start, end = max(0, start), min(self.minutes, end)
        return ((1 << (end - start)) - 1) << start if end > start else 0

    def between(self, start: datetime, end: datetime) -> int:
        """Return the mask of all minutes that a range of instants touches."""
        return self.mask(*self._minutes_between(start, end))

    def _minutes_between(self, start: datetime, end: datetime) -> tuple[int, int]:
        """Return the first minute that a range touches and the one behind its last, inside the window."""
        first = min(max(0, self.minute(start)), self.minutes)
        return first, max(first, min(self.minutes, -((self.origin - end) // MINUTE)))

    def union(self, ranges: Iterable[tuple[datetime, datetime]]) -> int:
        """Return the mask of the minutes that any of the ranges touches.

        Marks are set in a row of digits that is read once: joining thousands of large numbers copies each of them.
        """
        digits = bytearray(b"0") * (self.minutes + 1)
        for start, end in ranges:
            first, last = self._minutes_between(start, end)
            digits[first:last] = b"1" * (last - first)
        return int(digits[::-1], 2)

    def aligned(self, zone: ZoneInfo, step: int) -> int:
        """Return the mask of the minutes whose local wall time is a multiple of `step` since midnight."""
        every = sum(1 << minute for minute in range(0, MINUTES_PER_DAY, step))
        whole = 0
        for day in local_dates(self.origin, self.end, zone):
            whole |= self._aligned_day(day, zone, step, every)
        return whole & self.all

    def _aligned_day(self, day: date, zone: ZoneInfo, step: int, every: int) -> int:
        midnight, next_midnight = instant_of(day, 0, zone), instant_of(day, MINUTES_PER_DAY, zone)
        if next_midnight - midnight == timedelta(days=1):
            first = self.minute(midnight)
            return every << first if first >= 0 else every >> -first
        moments = (instant_of(day, minute, zone) for minute in range(0, MINUTES_PER_DAY, step))
        return sum(1 << minute for minute in {self.minute(moment) for moment in moments} if minute >= 0)


def runs(free: int, length: int) -> int:
    """Return the minutes at which `length` set minutes in a row begin, in a logarithmic number of steps."""
    have = 1
    while have < length:
        step = min(have, length - have)
        free &= free >> step
        have += step
    return free


def at_least(masks: Iterable[int], count: int, whole: int) -> int:
    """Return the minutes at which at least `count` of the masks are set."""
    levels = [whole] + [0] * count
    for mask in masks:
        for level in range(count, 0, -1):
            levels[level] |= levels[level - 1] & mask
    return levels[count]


def minutes_of(mask: int) -> Iterator[int]:
    """Yield the set minutes, earliest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest

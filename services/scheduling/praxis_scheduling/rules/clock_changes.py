"""When the clock of a zone is changed, and which local times it skips or shows twice then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from praxis_scheduling.rules.grid import MINUTE
from praxis_scheduling.rules.hours import DAY, MINUTES_PER_DAY, WeeklyBlock, change_between, instant_of

# No zone changes its clock twice within this time.
STEP = timedelta(hours=12)


class Effect(StrEnum):
    """What a change does to something that goes on around it; the words of the contract."""

    STARTS_FIRST = "starts_first"
    STARTS_SECOND = "starts_second"
    CROSSES = "crosses"


@dataclass(frozen=True, slots=True)
class LocalTimes:
    """Minutes of one local date, from the first to before the last."""

    day: date
    start: int
    end: int

    def holds(self, minute: int) -> bool:
        """Tell whether a minute of the day is one of them."""
        return self.start <= minute < self.end

    def meets(self, block: WeeklyBlock) -> bool:
        """Tell whether a block of that date has any of them."""
        return block.start < self.end and self.start < block.end


@dataclass(frozen=True, slots=True)
class ClockChange:
    """The moment at which a clock is put forward or back, with the offsets before and from then on."""

    moment: datetime
    before: timedelta
    after: timedelta

    @property
    def forward(self) -> bool:
        """True when the clock skips local times, false when it shows some twice."""
        return self.after > self.before

    @property
    def local(self) -> tuple[datetime, datetime]:
        """The first local time that is skipped or shown twice, and the first behind those."""
        plain = self.moment.replace(tzinfo=None)
        return plain + min(self.before, self.after), plain + max(self.before, self.after)

    @property
    def times(self) -> list[LocalTimes]:
        """The local times that are skipped or shown twice, by their dates; few changes have more than one."""
        start, end = self.local
        days = range((end - MINUTE).date().toordinal() - start.date().toordinal() + 1)
        midnights = [datetime.combine(start.date() + number * DAY, time()) for number in days]
        return [
            LocalTimes(
                midnight.date(),
                max(0, (start - midnight) // MINUTE),
                min(MINUTES_PER_DAY, (end - midnight) // MINUTE),
            )
            for midnight in midnights
        ]

    @property
    def around(self) -> tuple[datetime, datetime]:
        """The instants whose local time is shown twice; only the moment itself when the clock skips."""
        repeated = max(self.before - self.after, timedelta())
        return self.moment - repeated, self.moment + repeated

    def effect(self, start: datetime, end: datetime) -> Effect | None:
        """Return what it does to something that goes on from one instant to another; mostly nothing."""
        first, last = self.around
        if start >= last or end <= first:
            return None
        if start < first or self.forward:
            return Effect.CROSSES
        return Effect.STARTS_FIRST if start < self.moment else Effect.STARTS_SECOND


def clock_changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[ClockChange]:
    """Yield the changes of a zone's clock from one whole minute to before another, earliest first."""
    before = start - MINUTE
    while before < end:
        after = before + STEP
        if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            change = _change_at(change_between(before, after, zone), zone)
            if change.moment < end:
                yield change
        before = after


def _change_at(moment: datetime, zone: ZoneInfo) -> ClockChange:
    old, new = ((moment + step).astimezone(zone).utcoffset() or timedelta() for step in (-MINUTE, timedelta()))
    return ClockChange(moment, old, new)


def minutes_on(block: WeeklyBlock, day: date, zone: ZoneInfo) -> int:
    """Return how many minutes a block lasts on a local date."""
    return (instant_of(day, block.end, zone) - instant_of(day, block.start, zone)) // MINUTE

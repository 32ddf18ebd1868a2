"""Weekly rules in local time, and what they mean as instants, also across changes of the clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MINUTES_PER_DAY = 1440


class BlockKind(StrEnum):
    """What a block of a template is for; the words of the contract."""

    OPEN = "open"
    WAVE = "wave"
    HOLD = "hold"
    ADMIN = "admin"
    BREAK = "break"
    RESERVED = "reserved"


@dataclass(frozen=True, slots=True)
class WeeklyBlock:
    """A part of a weekday (Monday is 1) in local minutes since midnight."""

    weekday: int
    start: int
    end: int
    kind: BlockKind
    wave_size: int = 0
    allowed: frozenset[UUID] = frozenset()
    tags: frozenset[str] = frozenset()
    release_hours: int = 0
    color: str = ""


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """The blocks of one template and the half-open range of local dates on which they count."""

    first: date
    until: date | None
    blocks: tuple[WeeklyBlock, ...]

    def counts_on(self, day: date) -> bool:
        """Tell whether the template is valid on a local date."""
        return self.first <= day and (self.until is None or day < self.until)


@dataclass(frozen=True, slots=True)
class Span:
    """One occurrence of a block as instants."""

    start: datetime
    end: datetime
    kind: BlockKind
    wave_size: int
    allowed: frozenset[UUID]
    tags: frozenset[str] = frozenset()
    release_hours: int = 0
    color: str = ""

    @property
    def release(self) -> datetime | None:
        """When a reserved block becomes open for everybody; never for some."""
        if self.kind is not BlockKind.RESERVED or not self.release_hours:
            return None
        return self.start - timedelta(hours=self.release_hours)

    def welcomes(self, tags: frozenset[str], now: datetime) -> bool:
        """Tell whether patients with these tags may be booked in it now, as far as it is reserved."""
        return bool(self.tags & tags) or (self.release is not None and self.release <= now)

    def allows(self, appointment_type: UUID) -> bool:
        """Tell whether appointments of a type may be booked in it."""
        return not self.allowed or appointment_type in self.allowed


@dataclass(frozen=True, slots=True)
class LocalHours:
    """Days of the week (Monday is 1; none means all) and a part of the day, in local minutes since midnight."""

    weekdays: frozenset[int] = frozenset()
    start: int = 0
    end: int = MINUTES_PER_DAY

    def ranges(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield what they mean as instants on the days that touch a range."""
        for day in local_dates(start, end, zone):
            if not self.weekdays or day.isoweekday() in self.weekdays:
                yield instant_of(day, self.start, zone), instant_of(day, self.end, zone)


ANY_HOUR = LocalHours()


def minute_of_day(text: str) -> int:
    """Read `HH:MM`; `24:00` is the end of the day."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def instant_of(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return the instant of a local wall time, so that later wall times never give earlier instants.

    A time that the clock skips becomes the moment of the change; one that it shows twice becomes the first.
    """
    whole, rest = divmod(minute, MINUTES_PER_DAY)
    wall = datetime.combine(day + whole * DAY, time(rest // 60, rest % 60))
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    return change_between(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first, zone)


def change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which the offset of a zone changes between two instants, to the minute."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(minutes=1):
        middle = before + timedelta(minutes=(after - before) // timedelta(minutes=2))
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def local_dates(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[date]:
    """Yield the local dates whose blocks can touch a range of instants."""
    day, last = start.astimezone(zone).date() - DAY, end.astimezone(zone).date()
    while day <= last:
        yield day
        day += DAY


def spans(
    hours: Iterable[WeeklyHours],
    zone: ZoneInfo,
    start: datetime,
    end: datetime,
    exceptions: Mapping[date, Sequence[WeeklyBlock]] = {},
    *,
    always: bool = False,
) -> list[Span]:
    """Return all occurrences of the blocks that touch a range of instants.

    A date with an exception has the exception's blocks; `always` opens all other dates whole.
    """
    templates, found = list(hours), []
    for day in local_dates(start, end, zone):
        blocks = exceptions[day] if day in exceptions else (WHOLE_DAY,) if always else _blocks_on(templates, day)
        found += [_occurrence(block, day, zone) for block in blocks]
    return [span for span in found if span.start < end and span.end > start and span.start < span.end]


WHOLE_DAY = WeeklyBlock(0, 0, MINUTES_PER_DAY, BlockKind.OPEN)


def _blocks_on(templates: Iterable[WeeklyHours], day: date) -> list[WeeklyBlock]:
    weekday = day.isoweekday()
    return [
        block
        for template in templates
        if template.counts_on(day)
        for block in template.blocks
        if block.weekday == weekday
    ]


def _occurrence(block: WeeklyBlock, day: date, zone: ZoneInfo) -> Span:
    start, end = instant_of(day, block.start, zone), instant_of(day, block.end, zone)
    return Span(start, end, block.kind, block.wave_size, block.allowed, block.tags, block.release_hours, block.color)

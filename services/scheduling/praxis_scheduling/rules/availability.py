"""When one resource can take one kind of appointment, and which rule forbids it otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from praxis_scheduling.rules.grid import Grid, at_least, runs
from praxis_scheduling.rules.hours import BlockKind, Span

EXTRA_LANE = 1000
NEVER = datetime.min.replace(tzinfo=UTC)


class Rule(StrEnum):
    """What can stand against a time, most final first; the words of the contract."""

    CLOSED = "closed"
    OUTSIDE_HOURS = "outside_hours"
    BLOCK_HELD = "block_held"
    BLOCK_RESERVED = "block_reserved"
    TYPE_NOT_ALLOWED = "type_not_allowed"
    WAVE_START = "wave_start"
    SKILL_MISSING = "skill_missing"
    LANES_FULL = "lanes_full"


@dataclass(frozen=True, slots=True)
class Need:
    """Minutes that an appointment takes: with the patient, and before and after for the resources alone."""

    duration: int
    before: int = 0
    after: int = 0

    @property
    def occupied(self) -> int:
        """Minutes that a resource is taken for."""
        return self.before + self.duration + self.after


@dataclass(frozen=True, slots=True)
class Openness:
    """The minutes of a grid by what a resource's template and closures make of them, for one appointment type."""

    grid: Grid
    open: int
    wave: int = 0
    held: int = 0
    foreign: int = 0
    closed: int = 0
    reserved: int = 0
    waves: Mapping[int, int] = field(default_factory=dict)

    def starts(self, duration: int) -> int:
        """Return the minutes at which an appointment may start by the rules."""
        waves = sum(1 << minute for minute in self.waves)
        return runs(self.open, duration) | (runs(self.open | self.wave, duration) & waves)

    def broken(self, start: int, duration: int) -> list[Rule]:
        """Return the rules that an appointment at this minute would break."""
        wanted = self.grid.mask(start, start + duration)
        usable = self.open | self.wave if start in self.waves else self.open
        missing = wanted & ~usable
        outside = missing & ~(self.closed | self.held | self.reserved | self.foreign | self.wave)
        found = {
            Rule.CLOSED: missing & self.closed,
            Rule.OUTSIDE_HOURS: outside,
            Rule.BLOCK_HELD: missing & self.held,
            Rule.BLOCK_RESERVED: missing & self.reserved,
            Rule.TYPE_NOT_ALLOWED: missing & self.foreign,
            Rule.WAVE_START: missing & self.wave,
        }
        return [rule for rule, minutes in found.items() if minutes]


@dataclass(frozen=True, slots=True)
class Guest:
    """For whom openness is read: the appointment type, the patient's tags, and the time at which it is asked."""

    appointment_type: UUID
    tags: frozenset[str] = frozenset()
    now: datetime = NEVER


def openness(
    grid: Grid, spans: Sequence[Span] | None, closures: Iterable[tuple[datetime, datetime]], guest: Guest
) -> Openness:
    """Read spans and closures for one guest; without any template (`None`) all time is open."""
    closed = grid.union(closures)
    if spans is None:
        return Openness(grid, open=grid.all & ~closed, closed=closed)
    blocked = _union(grid, spans, BlockKind.ADMIN, BlockKind.BREAK) | closed
    held = _union(grid, spans, BlockKind.HOLD) & ~blocked
    shut = blocked | held
    spans = [_released(span, guest) for span in spans]
    reserved = _union(grid, spans, BlockKind.RESERVED) & ~shut
    mine = [span for span in spans if span.allows(guest.appointment_type)]
    shut |= reserved
    wave = _union(grid, mine, BlockKind.WAVE) & ~shut
    any_wave = _union(grid, spans, BlockKind.WAVE) & ~shut
    opened = _union(grid, mine, BlockKind.OPEN) & ~shut & ~any_wave
    bookable = (any_wave | _union(grid, spans, BlockKind.OPEN)) & ~shut
    waves = {
        minute: span.wave_size
        for span in mine
        if span.kind is BlockKind.WAVE and (minute := grid.minute(span.start)) >= 0 and wave >> minute & 1
    }
    return Openness(grid, opened, wave, held, bookable & ~wave & ~opened, closed, reserved, waves)


def _released(span: Span, guest: Guest) -> Span:
    """Return a reserved span as an open one for whom it is open."""
    if span.kind is BlockKind.RESERVED and span.welcomes(guest.tags, guest.now):
        return replace(span, kind=BlockKind.OPEN)
    return span


def _union(grid: Grid, spans: Iterable[Span], *kinds: BlockKind) -> int:
    return grid.union((span.start, span.end) for span in spans if span.kind in kinds)


def lane_count(capacity: int, extra: int, *, switch: bool, overbooking: bool, desk: bool) -> int:
    """Return how many appointments fit beside each other without setting a rule aside."""
    return capacity + (extra if switch and overbooking and desk else 0)


@dataclass(frozen=True, slots=True)
class Availability:
    """One resource in one window: what its rules say, and which lanes are taken when.

    Of the lanes the last `extra` are beyond the capacity: the double-booking switch opens them.
    """

    openness: Openness
    busy: Mapping[int, int]
    lanes: int
    extra: int = 0

    def lanes_at(self, start: int) -> int:
        """Return how many appointments may begin at this minute; a wave brings its own number."""
        return self.openness.waves.get(start, self.lanes)

    def lane(self, start: int, need: Need) -> int | None:
        """Return the lowest lane that is free for an appointment at this minute."""
        return self._free(range(self.lanes_at(start)), start, need)

    def extra_lane(self, start: int, need: Need) -> int:
        """Return the lowest free lane among those that only an override opens."""
        lane = self._free(range(EXTRA_LANE, EXTRA_LANE + len(self.busy) + 1), start, need)
        assert lane is not None, "one lane more than are in use is always free"
        return lane

    def _free(self, lanes: range, start: int, need: Need) -> int | None:
        wanted = self.openness.grid.mask(start - need.before, start + need.duration + need.after)
        return next((lane for lane in lanes if not self.busy.get(lane, 0) & wanted), None)

    def broken(self, start: int, need: Need) -> list[Rule]:
        """Return all rules that an appointment at this minute would break."""
        rules = self.openness.broken(start, need.duration)
        return rules if self.lane(start, need) is not None else [*rules, Rule.LANES_FULL]

    def starts(self, need: Need) -> int:
        """Return the minutes at which an appointment breaks no rule and finds a lane."""
        by_rule = self.openness.starts(need.duration)
        return (by_rule & ~self._waves & self._free_starts(self.lanes, need)) | sum(
            1 << minute
            for minute in self.openness.waves
            if by_rule >> minute & 1 and self.lane(minute, need) is not None
        )

    def double_bookings(self, need: Need) -> int:
        """Return at which of its starts an appointment would be one too many for the capacity; a wave has its own."""
        capacity = self.lanes - self.extra
        if not self.extra and all(lane < capacity for lane in self.busy):
            return 0
        # A lane of the capacity may be free again while an extra one is still in use: two at a time all the same.
        full = at_least(self.busy.values(), capacity, self.openness.grid.all)
        within = self._free_starts(capacity, need) & self._starts_beside(full, need)
        return self.starts(need) & ~within & ~self._waves

    @property
    def _waves(self) -> int:
        return sum(1 << minute for minute in self.openness.waves)

    def _free_starts(self, lanes: int, need: Need) -> int:
        found = 0
        for lane in range(lanes):
            found |= self._starts_beside(self.busy.get(lane, 0), need)
        return found

    def _starts_beside(self, taken: int, need: Need) -> int:
        """Return the minutes at which an appointment and its buffers touch none of those that are taken."""
        grid = self.openness.grid
        # Behind both ends nothing is known to be taken, so buffers may reach out of the window there.
        margin = need.occupied
        whole = (1 << (grid.minutes + 2 * margin)) - 1
        return runs(whole & ~(taken << margin), need.occupied) >> (margin - need.before) & grid.all

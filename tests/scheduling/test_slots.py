"""Slot search and booking rules agree with a plain reading of the rules, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from praxis_scheduling.rules.availability import EXTRA_LANE, Availability, Need, Rule, lane_count, openness
from praxis_scheduling.rules.grid import Grid, minutes_of
from praxis_scheduling.rules.hours import BlockKind, Span
from praxis_scheduling.rules.slots import Role, free_times

START = datetime(2026, 3, 9, 8, tzinfo=UTC)
LENGTH = 120
GRID = Grid.around(START, START + timedelta(minutes=LENGTH))
MINE, OTHER = UUID(int=1), UUID(int=2)

RANGES = st.tuples(st.integers(0, LENGTH - 1), st.integers(1, 60)).map(lambda pair: (pair[0], pair[0] + pair[1]))
NEEDS = st.builds(Need, st.integers(5, 30), st.integers(0, 10), st.integers(0, 10))
BUSY = st.dictionaries(st.integers(0, 3), st.lists(RANGES, max_size=4), max_size=3)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@st.composite
def blocks(draw: st.DrawFn) -> Span:
    start, end = draw(RANGES)
    kind = draw(st.sampled_from(BlockKind))
    allowed = draw(st.sampled_from([frozenset(), frozenset({MINE}), frozenset({OTHER})]))
    return Span(at(start), at(end), kind, draw(st.integers(1, 3)) if kind is BlockKind.WAVE else 0, allowed)


def naive_rules(
    spans: list[Span], closures: list[tuple[int, int]], busy: dict[int, list[tuple[int, int]]],
    lanes: int, start: int, need: Need,
) -> set[Rule]:  # fmt: skip
    """Judge one start by looking at each of its minutes."""
    found = set()
    begins = [span for span in spans if span.kind is BlockKind.WAVE and span.start == at(start) and span.allows(MINE)]
    closed = any(first <= start < last for first, last in closures)
    in_wave = bool(begins) and not closed and _kind(spans, start)[0] is BlockKind.WAVE
    for minute in range(start, start + need.duration):
        if any(first <= minute < last for first, last in closures):
            found.add(Rule.CLOSED)
            continue
        kind, allowed = _kind(spans, minute)
        if kind in (None, BlockKind.ADMIN, BlockKind.BREAK):
            found.add(Rule.OUTSIDE_HOURS)
        elif kind is BlockKind.HOLD:
            found.add(Rule.BLOCK_HELD)
        elif not allowed:
            found.add(Rule.TYPE_NOT_ALLOWED)
        elif kind is BlockKind.WAVE and not in_wave:
            found.add(Rule.WAVE_START)
    places = begins[-1].wave_size if in_wave else lanes
    first, last = start - need.before, start + need.duration + need.after
    if not any(all(b <= first or a >= last for a, b in busy.get(lane, [])) for lane in range(places)):
        found.add(Rule.LANES_FULL)
    return found


def _kind(spans: list[Span], minute: int) -> tuple[BlockKind | None, bool]:
    """Return the winning block kind of a minute, and whether the type is allowed in one of that kind."""
    here = [span for span in spans if span.start <= at(minute) < span.end]
    for kinds in ((BlockKind.ADMIN, BlockKind.BREAK), (BlockKind.HOLD,), (BlockKind.WAVE,), (BlockKind.OPEN,)):
        matching = [span for span in here if span.kind in kinds]
        if matching:
            return matching[0].kind, any(span.allows(MINE) for span in matching)
    return None, False


def built(
    spans: list[Span], closures: list[tuple[int, int]], busy: dict[int, list[tuple[int, int]]], lanes: int
) -> Availability:
    masks = {lane: GRID.union((at(a), at(b)) for a, b in ranges) for lane, ranges in busy.items()}
    return Availability(openness(GRID, spans, [(at(a), at(b)) for a, b in closures], MINE), masks, lanes)


@settings(max_examples=150)
@given(
    spans=st.lists(blocks(), max_size=5),
    closures=st.lists(RANGES, max_size=2),
    busy=BUSY,
    lanes=st.integers(1, 3),
    need=NEEDS,
)
def test_search_and_judgement_agree_with_a_plain_reading(
    spans: list[Span], closures: list[tuple[int, int]], busy: dict[int, list[tuple[int, int]]], lanes: int, need: Need
) -> None:
    calendar = built(spans, closures, busy, lanes)
    starts = calendar.starts(need)
    for minute in range(15, LENGTH - need.duration - need.after):
        expected = naive_rules(spans, closures, busy, lanes, minute, need)
        assert set(calendar.broken(minute, need)) == expected, minute
        assert bool(starts >> minute & 1) == (not expected), minute


@given(busy=BUSY, lanes=st.integers(1, 3), need=NEEDS, start=st.integers(15, 60))
def test_a_lane_that_is_given_is_free(
    busy: dict[int, list[tuple[int, int]]], lanes: int, need: Need, start: int
) -> None:
    calendar = built([], [], busy, lanes)
    first, last = start - need.before, start + need.duration + need.after
    lane = calendar.lane(start, need)
    extra = calendar.extra_lane(start, need)
    assert extra >= EXTRA_LANE
    for given_lane in (lane, extra):
        if given_lane is not None:
            assert all(b <= first or a >= last for a, b in busy.get(given_lane, []))


@settings(max_examples=60)
@given(
    busy=st.lists(st.lists(RANGES, max_size=3), min_size=4, max_size=4),
    counts=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    need=NEEDS,
)
def test_teams_are_complete_and_free_and_no_time_is_missed(
    busy: list[list[tuple[int, int]]], counts: tuple[int, int], need: Need
) -> None:
    keys = [UUID(int=number) for number in range(4)]
    whole = openness(GRID, None, [], MINE)
    calendar = {
        key: Availability(whole, {0: GRID.union((at(a), at(b)) for a, b in ranges)}, 1)
        for key, ranges in zip(keys, busy, strict=True)
    }
    roles = [Role(counts[0], keys[:2]), Role(counts[1], keys[2:])]
    wanted = GRID.mask(20, LENGTH - 40)
    found = list(free_times(GRID, roles, calendar, need, wanted))
    assert [time.minute for time in found] == sorted(time.minute for time in found)
    free = {key: set(minutes_of(calendar[key].starts(need))) for key in keys}
    for time in found:
        assert len(set(time.team)) == sum(counts)
        assert all(time.minute in free[key] for key in time.team)
    offered = {(time.minute, time.team[0]) for time in found}
    for minute in range(20, LENGTH - 40):
        enough = all(sum(minute in free[key] for key in role.candidates) >= role.count for role in roles)
        for leader in keys[:2]:
            assert ((minute, leader) in offered) == (enough and minute in free[leader])


def test_the_switch_opens_lanes_for_the_desk_and_for_types_that_allow_it() -> None:
    assert lane_count(2, 1, switch=True, overbooking=True, desk=True) == 3
    assert lane_count(2, 1, switch=False, overbooking=True, desk=True) == 2
    assert lane_count(2, 1, switch=True, overbooking=False, desk=True) == 2
    assert lane_count(2, 1, switch=True, overbooking=True, desk=False) == 2

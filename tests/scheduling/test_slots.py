"""Slot search and booking rules agree with a plain reading of the rules, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from praxis_scheduling.rules.availability import EXTRA_LANE, Availability, Guest, Need, Rule, lane_count, openness
from praxis_scheduling.rules.grid import Grid, minutes_of
from praxis_scheduling.rules.hours import BlockKind, Span
from praxis_scheduling.rules.slots import FreeTime, Seats, chunked, free_times, starts_of
from praxis_scheduling.rules.teams import Part, seated

START = datetime(2026, 3, 9, 8, tzinfo=UTC)
LENGTH = 120
GRID = Grid.around(START, START + timedelta(minutes=LENGTH))
MINE, OTHER = UUID(int=1), UUID(int=2)
NOW = START - timedelta(hours=3)
GUEST = Guest(MINE, frozenset({"vip"}), NOW)

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
    wave_size = draw(st.integers(1, 3)) if kind is BlockKind.WAVE else 0
    tags = draw(st.sampled_from([frozenset({"vip"}), frozenset({"other"})]))
    return Span(at(start), at(end), kind, wave_size, allowed, tags, draw(st.sampled_from([0, 2, 4])))


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
        elif kind is BlockKind.RESERVED:
            found.add(Rule.BLOCK_RESERVED)
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
    here = [(_seen(span), span) for span in spans if span.start <= at(minute) < span.end]
    order = (BlockKind.HOLD, BlockKind.RESERVED, BlockKind.WAVE, BlockKind.OPEN)
    for kinds in ((BlockKind.ADMIN, BlockKind.BREAK), *((kind,) for kind in order)):
        matching = [(kind, span) for kind, span in here if kind in kinds]
        if matching:
            return matching[0][0], any(span.allows(MINE) for _, span in matching)
    return None, False


def _seen(span: Span) -> BlockKind:
    """Return what a block is for the guest: one of theirs, or a released one, is open."""
    if span.kind is not BlockKind.RESERVED:
        return span.kind
    released = span.release_hours and span.start - timedelta(hours=span.release_hours) <= NOW
    return BlockKind.OPEN if "vip" in span.tags or released else BlockKind.RESERVED


def built(
    spans: list[Span], closures: list[tuple[int, int]], busy: dict[int, list[tuple[int, int]]], lanes: int
) -> Availability:
    masks = {lane: GRID.union((at(a), at(b)) for a, b in ranges) for lane, ranges in busy.items()}
    return Availability(openness(GRID, spans, [(at(a), at(b)) for a, b in closures], GUEST), masks, lanes)


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


@given(busy=BUSY, capacity=st.integers(1, 2), extra=st.integers(0, 1), need=NEEDS)
def test_a_double_booking_is_one_more_than_the_capacity_at_some_minute_or_lane(
    busy: dict[int, list[tuple[int, int]]], capacity: int, extra: int, need: Need
) -> None:
    masks = {lane: GRID.union((at(a), at(b)) for a, b in ranges) for lane, ranges in busy.items()}
    calendar = Availability(openness(GRID, None, [], GUEST), masks, capacity + extra, extra)
    doubled = calendar.double_bookings(need)
    assert doubled & ~calendar.starts(need) == 0
    for start in minutes_of(calendar.starts(need) & GRID.mask(15, LENGTH - need.duration - need.after)):
        minutes = set(range(start - need.before, start + need.duration + need.after))
        taken = {lane: {minute for a, b in ranges for minute in range(a, b)} for lane, ranges in busy.items()}
        a_lane_is_free = any(not minutes & taken.get(lane, set()) for lane in range(capacity))
        crowded = any(sum(minute in of for of in taken.values()) >= capacity for minute in minutes)
        assert bool(doubled >> start & 1) == (crowded or not a_lane_is_free), start


def search(seats: list[Seats], calendar: dict[UUID, Availability], wanted: int) -> list[FreeTime]:
    starts = [
        {key: chunked(starts_of(calendar[key], group.part), LENGTH) for key in group.candidates} for group in seats
    ]
    return list(free_times(seats, starts, chunked(wanted, LENGTH)))


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
    whole = openness(GRID, None, [], GUEST)
    calendar = {
        key: Availability(whole, {0: GRID.union((at(a), at(b)) for a, b in ranges)}, 1)
        for key, ranges in zip(keys, busy, strict=True)
    }
    seats = [Seats(count, found, Part(0, need)) for count, found in zip(counts, (keys[:2], keys[2:]), strict=True)]
    found = search(seats, calendar, GRID.mask(20, LENGTH - 40))
    assert [time.minute for time in found] == sorted(time.minute for time in found)
    free = {key: set(minutes_of(calendar[key].starts(need))) for key in keys}
    for time in found:
        assert len(set(time.team)) == sum(counts)
        assert all(time.minute in free[key] for key in time.team)
    offered = {(time.minute, time.team[0]) for time in found}
    for minute in range(20, LENGTH - 40):
        enough = all(sum(minute in free[key] for key in group.candidates) >= group.count for group in seats)
        for leader in keys[:2]:
            assert ((minute, leader) in offered) == (enough and minute in free[leader])


def test_the_switch_opens_lanes_for_the_desk_and_for_types_that_allow_it() -> None:
    assert lane_count(2, 1, switch=True, overbooking=True, desk=True) == 3
    assert lane_count(2, 1, switch=False, overbooking=True, desk=True) == 2
    assert lane_count(2, 1, switch=True, overbooking=False, desk=True) == 2
    assert lane_count(2, 1, switch=True, overbooking=True, desk=False) == 2


@settings(max_examples=80)
@given(
    busy=st.lists(st.lists(RANGES, max_size=3), min_size=4, max_size=4),
    wants=st.lists(st.tuples(st.sets(st.integers(0, 3), min_size=1), st.integers(0, 20)), min_size=1, max_size=3),
    need=NEEDS,
)
def test_roles_of_parts_are_filled_by_different_people_whenever_that_can_be_done(
    busy: list[list[tuple[int, int]]], wants: list[tuple[set[int], int]], need: Need
) -> None:
    """Roles overlap in who can take them and need them at other times; trying all arrangements finds the same times."""
    keys = [UUID(int=number) for number in range(4)]
    whole = openness(GRID, None, [], GUEST)
    calendar = {
        key: Availability(whole, {0: GRID.union((at(a), at(b)) for a, b in ranges)}, 1)
        for key, ranges in zip(keys, busy, strict=True)
    }
    seats = [Seats(1, [keys[place] for place in sorted(who)], Part(offset, need)) for who, offset in wants]
    found = search(seats, calendar, GRID.mask(20, LENGTH - 60))
    for time in found:
        assert len(set(time.team)) == len(seats)
    free = [{key: set(minutes_of(starts_of(calendar[key], group.part))) for key in group.candidates} for group in seats]
    expected = {
        (minute, team[0])
        for minute in range(20, LENGTH - 60)
        for team in product(*(group.candidates for group in seats))
        if len(set(team)) == len(team) and all(minute in of[key] for of, key in zip(free, team, strict=True))
    }
    assert {(time.minute, time.team[0]) for time in found} == expected


@given(st.lists(st.lists(st.integers(0, 4), max_size=4, unique=True), max_size=5), st.data())
def test_as_many_seats_are_filled_as_can_be(candidates: list[list[int]], data: st.DataObject) -> None:
    found = seated(candidates)
    assert all(key in candidates[seat] for seat, key in found.items())
    assert len(set(found.values())) == len(found)
    best = max(
        len({key for key in team if key is not None})
        for team in product(*([None, *keys] for keys in candidates))
        if len({key for key in team if key is not None}) == sum(key is not None for key in team)
    )
    assert len(found) == best
    if found:
        seat = data.draw(st.sampled_from(sorted(found)))
        assert found[seat] in seated(candidates, {seat: found[seat]}).values()

"""Every change of the clock from 2024 to 2030 in twelve zones: rules stay local, and no minute is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from praxis.scheduling.v1 import errors_pb2
from praxis_chassis.errors import DomainError
from praxis_scheduling.rules.clock_changes import Effect, clock_changes, minutes_on
from praxis_scheduling.rules.grid import MINUTE, Grid, minutes_of
from praxis_scheduling.rules.hours import BlockKind, WeeklyBlock, WeeklyHours, spans
from praxis_scheduling.rules.recurrence import Frequency, Recurrence
from praxis_scheduling.usecases.attempts import start_on

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STEP = 15
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
ZONES = (
    "America/New_York", "America/Chicago", "America/Los_Angeles", "America/St_Johns", "America/Santiago",
    "Europe/London", "Europe/Berlin", "Africa/Casablanca", "Australia/Sydney", "Australia/Lord_Howe",
    "Pacific/Auckland", "Pacific/Chatham",
)  # fmt: skip
TYPE = UUID(int=1)


@cache
def changes(zone: str) -> list[datetime]:
    """Return the instants at which the clock of a zone is changed, found by looking at every hour and then closer."""
    found, place = [], ZoneInfo(zone)
    hours = int((LAST - FIRST) / HOUR)
    for before in (FIRST + number * HOUR for number in range(hours)):
        old = before.astimezone(place).utcoffset()
        if (before + HOUR).astimezone(place).utcoffset() != old:
            found.append(next(
                moment for moment in (before + number * MINUTE for number in range(61))
                if moment.astimezone(place).utcoffset() != old
            ))  # fmt: skip
    return found


def days_around(zone: str) -> Iterator[date]:
    for change in changes(zone):
        middle = change.astimezone(ZoneInfo(zone)).date()
        yield from (middle + number * DAY for number in (-1, 0, 1))


def moments_of(day: date, place: ZoneInfo) -> dict[str, list[datetime]]:
    """Return the instants of each wall time of a local day, by walking through the day minute by minute."""
    found: dict[str, list[datetime]] = {}
    start = datetime.combine(day, time(), UTC) - 15 * HOUR
    for moment in (start + number * STEP * MINUTE for number in range(54 * 60 // STEP)):
        local = moment.astimezone(place)
        if local.date() == day:
            found.setdefault(f"{local:%H:%M}", []).append(moment)
    return found


def test_the_zones_change_their_clocks_often_enough_to_show_something() -> None:
    counted = {zone: len(changes(zone)) for zone in ZONES}
    assert min(counted.values()) >= 14, counted
    assert sum(counted.values()) >= 168
    howe = ZoneInfo("Australia/Lord_Howe")
    shifts = {
        (change.astimezone(howe).utcoffset() or HOUR) - ((change - MINUTE).astimezone(howe).utcoffset() or HOUR)
        for change in changes(howe.key)
    }
    assert shifts == {timedelta(minutes=30), timedelta(minutes=-30)}


@pytest.mark.parametrize("zone", ZONES)
def test_an_occurrence_is_at_its_local_time_or_refused(zone: str) -> None:
    place, skipped, twice = ZoneInfo(zone), 0, 0
    for day in days_around(zone):
        real = moments_of(day, place)
        for minute in range(0, 1440, STEP):
            wall = f"{minute // 60:02}:{minute % 60:02}"
            if wall in real:
                assert start_on(day, wall, zone) == real[wall][0]
                twice += len(real[wall]) > 1
                continue
            skipped += 1
            with pytest.raises(DomainError) as refused:
                start_on(day, wall, zone)
            assert refused.value.reason == errors_pb2.ERROR_REASON_LOCAL_TIME_SKIPPED
    assert skipped >= 7 * 2
    assert twice >= 7 * 2


@pytest.mark.parametrize("zone", ZONES)
def test_a_weekly_series_keeps_its_local_time_across_all_changes(zone: str) -> None:
    place = ZoneInfo(zone)
    for change in changes(zone):
        first = change.astimezone(place).date() - 10 * DAY
        dates = Recurrence(Frequency.WEEKLY, count=4).dates(first, 10)
        starts = [start_on(day, "09:15", zone).astimezone(place) for day in dates]
        assert [f"{start:%Y-%m-%d %H:%M}" for start in starts] == [f"{day} 09:15" for day in dates]
        gaps = {later.astimezone(UTC) - earlier.astimezone(UTC) for earlier, later in pairwise(starts)}
        assert len(gaps) == 2, "one of the weeks is longer or shorter"


@pytest.mark.parametrize("zone", ZONES)
def test_templates_cover_each_day_without_gap_or_overlap(zone: str) -> None:
    place = ZoneInfo(zone)
    blocks = tuple(
        WeeklyBlock(weekday, start, start + STEP, BlockKind.OPEN)
        for weekday in range(1, 8)
        for start in range(0, 1440, STEP)
    )
    hours = [WeeklyHours(date(2024, 1, 1), None, blocks)]
    for change in changes(zone):
        start, end = change - 30 * HOUR, change + 30 * HOUR
        found = sorted(spans(hours, place, start, end), key=lambda span: span.start)
        assert found[0].start <= start
        assert found[-1].end >= end
        assert all(span.allows(TYPE) for span in found)
        assert [span.end for span in found[:-1]] == [span.start for span in found[1:]]


@pytest.mark.parametrize("zone", ZONES)
def test_offered_times_lie_on_the_local_clock(zone: str) -> None:
    place = ZoneInfo(zone)
    for change in changes(zone):
        grid = Grid.around(change - 26 * HOUR, change + 26 * HOUR)
        offered = [grid.moment(minute).astimezone(place) for minute in minutes_of(grid.aligned(place, STEP))]
        assert {moment.minute % STEP for moment in offered} == {0}
        assert {f"{moment:%H:%M}" for moment in offered} >= {"00:00", "09:15", "23:45"}
        assert len(offered) == len({moment.astimezone(UTC) for moment in offered}) >= 2 * 24 * 60 // STEP


@pytest.mark.parametrize("zone", ZONES)
def test_all_changes_are_found_wherever_a_search_begins_and_ends(zone: str) -> None:
    place, known = ZoneInfo(zone), changes(zone)
    assert [found.moment for found in clock_changes(place, FIRST, LAST)] == known
    for number in (0, len(known) // 2):
        assert [each.moment for each in clock_changes(place, known[number], known[number + 1])] == [known[number]]
    for change in clock_changes(place, FIRST, LAST):
        assert change.before == (change.moment - MINUTE).astimezone(place).utcoffset()
        assert change.after == change.moment.astimezone(place).utcoffset()


@pytest.mark.parametrize("zone", ZONES)
def test_what_a_change_skips_or_shows_twice_is_what_the_clock_shows(zone: str) -> None:
    place = ZoneInfo(zone)
    for change in clock_changes(place, FIRST, LAST):
        for times in change.times:
            shown = moments_of(times.day, place)
            often = {
                minute: len(shown.get(f"{minute // 60:02}:{minute % 60:02}", [])) for minute in range(0, 1440, STEP)
            }
            touched = {minute for minute, count in often.items() if count != 1}
            assert touched == {minute for minute in often if times.holds(minute)}
            assert {often[minute] for minute in touched} == {0 if change.forward else 2}


CHANGED = st.sampled_from([(zone, number) for zone in ZONES for number in range(14)])
AROUND = st.integers(-240, 240)


@settings(deadline=None)
@given(CHANGED, AROUND, st.integers(5, 240))
def test_an_appointment_is_touched_when_its_local_times_can_be_misread(
    which: tuple[str, int], offset: int, duration: int
) -> None:
    zone, number = which
    place, moment = ZoneInfo(zone), changes(zone)[number]
    (change,) = clock_changes(place, moment, moment + MINUTE)
    start, end = moment + offset * MINUTE, moment + (offset + duration) * MINUTE
    effect = change.effect(start, end)
    jumps = start.astimezone(place).utcoffset() != end.astimezone(place).utcoffset() and start < moment < end
    twice = [_shown_twice(start + minute * MINUTE, place) for minute in range(duration)]
    assert (effect is not None) == (jumps or any(twice))
    assert (effect in {Effect.STARTS_FIRST, Effect.STARTS_SECOND}) == twice[0]
    if twice[0]:
        assert (effect is Effect.STARTS_FIRST) == (start < moment)


def _shown_twice(moment: datetime, place: ZoneInfo) -> bool:
    """Tell whether the clock shows the local time of a moment at another one, too."""
    local = moment.astimezone(place).replace(tzinfo=None)
    first, second = (local.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first < second and moment in {first, second}


@settings(deadline=None)
@given(CHANGED, st.integers(0, 1439), st.integers(1, 1440))
def test_a_block_lasts_from_when_the_clock_first_shows_its_start_to_when_it_first_shows_its_end(
    which: tuple[str, int], start: int, length: int
) -> None:
    zone, number = which
    place = ZoneInfo(zone)
    (change,) = clock_changes(place, changes(zone)[number], changes(zone)[number] + MINUTE)
    day, end = change.times[0].day, min(1440, start + length)
    midnight = datetime.combine(day, time())
    began, over = (_first_shown(midnight + minute * MINUTE, place) for minute in (start, end))
    block = WeeklyBlock(day.isoweekday(), start, end, BlockKind.OPEN)
    assert minutes_on(block, day, place) == (over - began) // MINUTE
    if not any(times.meets(block) for times in change.times):
        assert minutes_on(block, day, place) == end - start


def _first_shown(wall: datetime, place: ZoneInfo) -> datetime:
    """Return the first moment at which the clock shows a wall time or a later one, by walking there."""
    moment = wall.replace(tzinfo=UTC) - 15 * HOUR
    while moment.astimezone(place).replace(tzinfo=None) < wall:
        moment += MINUTE
    return moment

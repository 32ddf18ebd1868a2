"""Weekly rules in local time stay right on every day of the year, also when the clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from praxis_scheduling.rules.grid import Grid, at_least, minutes_of, runs
from praxis_scheduling.rules.hours import BlockKind, WeeklyBlock, WeeklyHours, instant_of, minute_of_day, spans

ZONES = [
    "America/Chicago", "America/New_York", "America/Phoenix", "America/Sao_Paulo", "Europe/London", "Europe/Berlin",
    "Africa/Casablanca", "Asia/Kolkata", "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Auckland",
    "Pacific/Chatham",
]  # fmt: skip
DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))
WALLS = st.integers(0, 1440)


def transition_days(zone: ZoneInfo) -> list[date]:
    """Return the days from 2024 to 2030 that are not 24 hours long."""
    found, day = [], date(2024, 1, 1)
    while day < date(2031, 1, 1):
        if instant_of(day, 1440, zone) - instant_of(day, 0, zone) != timedelta(days=1):
            found.append(day)
        day += timedelta(days=1)
    return found


@pytest.mark.parametrize("name", ZONES)
def test_instants_never_run_backwards_on_a_day_when_the_clock_changes(name: str) -> None:
    zone = ZoneInfo(name)
    days = transition_days(zone)
    assert days or name in {"America/Phoenix", "Asia/Kolkata", "America/Sao_Paulo"}
    for day in days:
        instants = [instant_of(day, minute, zone) for minute in range(0, 1441, 10)]
        assert instants == sorted(instants)


@given(day=DAYS, wall=WALLS, name=st.sampled_from(ZONES))
def test_a_wall_time_that_exists_is_shown_again_at_its_instant(day: date, wall: int, name: str) -> None:
    zone = ZoneInfo(name)
    local = instant_of(day, wall, zone).astimezone(zone).replace(tzinfo=None)
    wanted = datetime.combine(day, datetime.min.time()) + timedelta(minutes=wall)
    exists = wanted.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wanted
    assert (local == wanted) if exists else (timedelta(0) < local - wanted <= timedelta(hours=1))


def test_a_skipped_hour_begins_when_the_clock_jumps() -> None:
    zone, day = ZoneInfo("America/New_York"), date(2026, 3, 8)
    jump = datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert [instant_of(day, minute_of_day(wall), zone) for wall in ("02:00", "02:30", "03:00")] == [jump] * 3


def test_half_an_hour_is_skipped_on_lord_howe() -> None:
    zone, day = ZoneInfo("Australia/Lord_Howe"), date(2026, 10, 4)
    assert instant_of(day, minute_of_day("02:15"), zone) == datetime(2026, 10, 3, 15, 30, tzinfo=UTC)


def test_hours_keep_their_local_time_across_the_change() -> None:
    zone = ZoneInfo("America/Chicago")
    block = WeeklyBlock(1, minute_of_day("08:00"), minute_of_day("17:00"), BlockKind.OPEN)
    hours = WeeklyHours(date(2026, 1, 1), None, (block,))
    found = spans([hours], zone, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC))
    assert [span.start.hour for span in found] == [14, 13]
    assert {span.start.astimezone(zone).hour for span in found} == {8}


def test_a_template_counts_only_between_its_dates() -> None:
    block = WeeklyBlock(1, 480, 540, BlockKind.OPEN)
    hours = WeeklyHours(date(2026, 3, 9), date(2026, 3, 16), (block,))
    found = spans([hours], ZoneInfo("UTC"), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert [span.start.date() for span in found] == [date(2026, 3, 9)]


@given(free=st.integers(0, 2**200 - 1), length=st.integers(1, 40))
def test_runs_are_the_starts_of_free_stretches(free: int, length: int) -> None:
    naive = {start for start in range(200) if all(free >> (start + i) & 1 for i in range(length))}
    assert set(minutes_of(runs(free, length))) == naive


@given(masks=st.lists(st.integers(0, 2**60 - 1), max_size=6), count=st.integers(1, 4))
def test_counting_masks_count(masks: list[int], count: int) -> None:
    naive = {bit for bit in range(60) if sum(mask >> bit & 1 for mask in masks) >= count}
    assert set(minutes_of(at_least(masks, count, 2**60 - 1))) == naive


@pytest.mark.parametrize("name", ZONES)
@given(day=DAYS, step=st.sampled_from([5, 10, 15, 20, 30, 60]))
def test_aligned_starts_follow_the_clock_on_the_wall(name: str, day: date, step: int) -> None:
    zone = ZoneInfo(name)
    start = instant_of(day, 0, zone)
    grid = Grid.around(start, instant_of(day, 1440, zone))
    walls = {grid.minute(instant_of(day, minute, zone)) for minute in range(0, 1440, step)}
    assert set(minutes_of(grid.aligned(zone, step))) == {minute for minute in walls if 0 <= minute < grid.minutes}

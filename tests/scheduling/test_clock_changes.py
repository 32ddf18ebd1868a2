"""Every change of the clock from 2024 to 2030 in twelve zones: rules stay local, and no minute is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from praxis.scheduling.v1 import errors_pb2
from praxis_chassis.errors import DomainError
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

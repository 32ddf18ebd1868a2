"""Ages, ranges of days, cells and ids of facts."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from praxis_chassis.types import new_id
from praxis_reporting.rules.aging import Buckets, bucket_of, buckets
from praxis_reporting.rules.cells import csv_cell
from praxis_reporting.rules.identity import fact_id, moment_of
from praxis_reporting.rules.ranges import Days, RangeReversed, RangeTooLong, days

TODAY = date(2026, 3, 2)
ITEMS = st.lists(st.tuples(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(-(10**9), 10**9)))


@pytest.mark.parametrize(
    ("age", "place"), [(-5, 0), (0, 0), (30, 0), (31, 1), (60, 1), (61, 2), (90, 2), (91, 3), (4000, 3)]
)
def test_a_service_falls_into_one_bucket_by_its_age(age: int, place: int) -> None:
    assert bucket_of(TODAY - timedelta(days=age), TODAY) == place


@given(ITEMS, ITEMS)
def test_buckets_lose_nothing_and_add_up(first: list[tuple[date, int]], second: list[tuple[date, int]]) -> None:
    together = buckets([*first, *second], TODAY)
    assert together.total == sum(minor for _, minor in [*first, *second])
    assert together == buckets(first, TODAY) + buckets(second, TODAY)
    assert buckets([], TODAY) == Buckets()


def test_a_range_is_today_unless_said_otherwise() -> None:
    other = date(2026, 1, 5)
    assert days(None, None, TODAY) == Days(TODAY, TODAY)
    assert days(other, None, TODAY) == days(None, other, TODAY) == Days(other, other)
    with pytest.raises(RangeReversed):
        days(TODAY, other, TODAY)
    with pytest.raises(RangeTooLong):
        days(TODAY, TODAY + timedelta(days=366), TODAY)
    assert days(TODAY, TODAY + timedelta(days=365), TODAY).last == date(2027, 3, 2)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_never_becomes_a_formula(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


def test_numbers_stay_numbers() -> None:
    assert csv_cell(Decimal("-12.50")) == "-12.50"
    assert csv_cell(7) == "7"
    assert csv_cell(TODAY) == "2026-03-02"
    assert csv_cell(datetime(2026, 3, 2, 9, 30)) == "2026-03-02T09:30:00"  # noqa: DTZ001 - a cell has no zone
    assert csv_cell(True) == "true"
    assert csv_cell(None) == ""


def test_facts_keep_their_ids() -> None:
    charge = new_id()
    assert fact_id("charge", charge) == fact_id("charge", str(charge)) != fact_id("reversal", charge)
    moment = moment_of(charge)
    assert moment is not None
    assert abs(moment.timestamp() - datetime.now().timestamp()) < 5  # noqa: DTZ005 - both are the machine's clock
    assert moment_of(fact_id("x")) is None

"""Recurrence rules: read beside dateutil, an independent reading of RFC 5545, and a few by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from dateutil import rrule
from hypothesis import given
from hypothesis import strategies as st

from praxis_scheduling.rules.recurrence import Frequency, Recurrence

MOST = 60
FREQUENCIES = {Frequency.DAILY: rrule.DAILY, Frequency.WEEKLY: rrule.WEEKLY, Frequency.MONTHLY: rrule.MONTHLY}
weekdays = st.frozensets(st.integers(1, 7), max_size=4)
ends = st.one_of(
    st.integers(1, 40).map(lambda count: {"count": count}),
    st.dates(date(2026, 1, 1), date(2028, 12, 31)).map(lambda until: {"until": until}),
)


@st.composite
def rules(draw: st.DrawFn) -> Recurrence:
    frequency, options = draw(st.sampled_from(Frequency)), dict(draw(ends))
    if frequency is Frequency.MONTHLY:
        by_week = draw(st.booleans())
        day = st.integers(1, 31) | st.just(-1) | st.just(0)
        options |= {"week_of_month": draw(st.integers(1, 5) | st.just(-1))} if by_week else {"month_day": draw(day)}
        options |= {"weekdays": draw(weekdays)} if by_week else {}
    else:
        options["weekdays"] = draw(weekdays)
    return Recurrence(frequency, draw(st.integers(1, 6)), **options)


def by_dateutil(rule: Recurrence, first: date) -> list[date]:
    """Read the same rule with dateutil, which takes what is left out from the first day as well."""
    options: dict[str, object] = {"interval": rule.interval}
    if rule.week_of_month:
        chosen = rule.weekdays or {first.isoweekday()}
        options["byweekday"] = [rrule.weekdays[day - 1](rule.week_of_month) for day in chosen]
    elif rule.weekdays:
        options["byweekday"] = [day - 1 for day in rule.weekdays]
    if rule.frequency is Frequency.MONTHLY and not rule.week_of_month:
        options["bymonthday"] = rule.month_day or first.day
    options |= {"count": min(rule.count, MOST)} if rule.count else {}
    options |= {"until": datetime.combine(rule.until, datetime.min.time())} if rule.until else {}
    found = rrule.rrule(FREQUENCIES[rule.frequency], dtstart=datetime.combine(first, datetime.min.time()), **options)
    limit = date(first.year + 5, first.month, 1) + timedelta(days=31)
    return [moment.date() for moment in found[:MOST] if moment.date() <= limit]


@given(rule=rules(), first=st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_rules_mean_what_rfc_5545_says(rule: Recurrence, first: date) -> None:
    assert rule.dates(first, MOST) == by_dateutil(rule, first)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Recurrence(Frequency.WEEKLY, 2, frozenset({1, 4}), count=4), ["01-01", "01-12", "01-15", "01-26"]),
        (Recurrence(Frequency.MONTHLY, month_day=31, count=3), ["01-31", "03-31", "05-31"]),
        (Recurrence(Frequency.MONTHLY, month_day=-1, count=3), ["01-31", "02-28", "03-31"]),
        (Recurrence(Frequency.MONTHLY, weekdays=frozenset({2}), week_of_month=2, count=2), ["01-13", "02-10"]),
        (Recurrence(Frequency.DAILY, 3, until=date(2026, 1, 8)), ["01-01", "01-04", "01-07"]),
        (Recurrence(Frequency.MONTHLY, 12, month_day=31, until=date(2026, 1, 30)), []),
    ],
)
def test_rules_by_hand(rule: Recurrence, expected: list[str]) -> None:
    assert [f"{day:%m-%d}" for day in rule.dates(date(2026, 1, 1), MOST)] == expected


def test_a_rule_that_never_fits_comes_to_an_end() -> None:
    never = Recurrence(Frequency.MONTHLY, 12, month_day=31, count=3)
    assert never.dates(date(2026, 2, 1), MOST) == []

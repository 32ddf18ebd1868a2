"""On which local dates something repeats: a rule in the terms of RFC 5545, without times and without zones."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import islice

DAY = timedelta(days=1)
DAYS_PER_WEEK = 7
LAST = -1
MONTHS_PER_YEAR = 12
LONGEST_YEARS = 5


class Frequency(StrEnum):
    """The step of a rule; the words of the contract."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule that ends after some dates or with a date; of a month it takes a day, or weekdays of one of its weeks."""

    frequency: Frequency
    interval: int = 1
    weekdays: frozenset[int] = frozenset()
    month_day: int = 0
    week_of_month: int = 0
    count: int = 0
    until: date | None = None

    def dates(self, first: date, most: int) -> list[date]:
        """Return the dates from `first` on, at most so many; a first day that does not fit the rule is none of them."""
        end = min(self.until or date.max, _years_later(first))
        fitting = (day for day in self._from(first, end) if day >= first)
        return list(islice(fitting, min(self.count or most, most)))

    def shortened(self, count: int) -> Recurrence:
        """Return the same rule with another number of dates; one that ends by a date keeps that."""
        return replace(self, count=count) if self.count else self

    def ended(self, last: date) -> Recurrence:
        """Return the same rule, ending with a date."""
        return replace(self, count=0, until=last)

    def moved(self, old: date, new: date) -> Recurrence:
        """Return the rule that means the same, counted from another day: weekdays and the day of the month go along."""
        weekdays = self.weekdays
        if self.frequency is not Frequency.DAILY:
            weekdays = frozenset((day - 1 + (new - old).days) % DAYS_PER_WEEK + 1 for day in self.weekdays)
        return replace(
            self,
            weekdays=weekdays,
            month_day=new.day if self.month_day and old != new else self.month_day,
            week_of_month=(new.day - 1) // DAYS_PER_WEEK + 1
            if self.week_of_month and old != new
            else self.week_of_month,
        )

    def _from(self, first: date, end: date) -> Iterator[date]:
        if self.frequency is Frequency.DAILY:
            return self._days(first, end)
        return self._weeks(first, end) if self.frequency is Frequency.WEEKLY else self._months(first, end)

    def _days(self, first: date, end: date) -> Iterator[date]:
        step = self.interval * DAY
        for number in range((end - first) // step + 1):
            day = first + number * step
            if not self.weekdays or day.isoweekday() in self.weekdays:
                yield day

    def _weeks(self, first: date, end: date) -> Iterator[date]:
        """Weeks begin on Monday, and the week of the first day is the first one."""
        weekdays = sorted(self.weekdays or {first.isoweekday()})
        monday = first - (first.isoweekday() - 1) * DAY
        while monday <= end:
            yield from (day for number in weekdays if (day := monday + (number - 1) * DAY) <= end)
            monday += self.interval * DAYS_PER_WEEK * DAY

    def _months(self, first: date, end: date) -> Iterator[date]:
        year, month = first.year, first.month
        while date(year, month, 1) <= end:
            yield from (day for day in self._in_month(first, year, month) if day <= end)
            years, month = divmod(month - 1 + self.interval, MONTHS_PER_YEAR)
            year, month = year + years, month + 1

    def _in_month(self, first: date, year: int, month: int) -> list[date]:
        """Return the days of one month; one without the wanted day has none."""
        days = [date(year, month, number) for number in range(1, monthrange(year, month)[1] + 1)]
        if self.week_of_month:
            return _of_week(days, self.weekdays or frozenset({first.isoweekday()}), self.week_of_month)
        number = self.month_day or first.day
        return days[-1:] if number == LAST else days[number - 1 : number]


def _of_week(days: list[date], weekdays: frozenset[int], week: int) -> list[date]:
    found = []
    for weekday in weekdays:
        same = [day for day in days if day.isoweekday() == weekday]
        found += same[-1:] if week == LAST else same[week - 1 : week]
    return sorted(found)


def _years_later(first: date) -> date:
    return date(min(first.year + LONGEST_YEARS, date.max.year - 1), first.month, 1) + 31 * DAY

"""Check digits, ranges, shares, names and dates of patients."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from praxis_patients.rules import dates, identifiers, names, phones, search, shares
from praxis_patients.rules.identifiers import MicrochipProblem
from praxis_patients.rules.shares import Fault, Share

TODAY = date(2026, 11, 23)


def test_an_npi_begins_with_one_or_two_because_payers_refuse_others() -> None:
    assert not identifiers.npi_is_valid("6888345694")


@pytest.mark.parametrize("npi", ["1234567893", "1245319599", "1679576722"])
def test_an_npi_with_the_right_check_digit_is_valid(npi: str) -> None:
    assert identifiers.npi_is_valid(npi)


@given(st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_of_an_npi_is_noticed(position: int, change: int) -> None:
    digits = [int(digit) for digit in "1234567893"]
    digits[position] = (digits[position] + change) % 10
    assert not identifiers.npi_is_valid("".join(map(str, digits)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("985 112 001 234 567", None),
        ("840-003-001234567", None),
        ("001274877906943", None),
        ("001274877906944", MicrochipProblem.RANGE),
        ("000112001234567", MicrochipProblem.PREFIX),
        ("999112001234567", MicrochipProblem.PREFIX),
        ("98511200123456", MicrochipProblem.LENGTH),
        ("", MicrochipProblem.LENGTH),
    ],
)
def test_microchips_follow_iso_11784(text: str, problem: MicrochipProblem | None) -> None:
    assert identifiers.microchip(text).problem is problem


def test_older_microchips_are_known_as_such() -> None:
    assert identifiers.microchip("125*0A1-B2C").legacy
    assert not identifiers.microchip("985112001234567").legacy


@st.composite
def timelines(draw: st.DrawFn) -> list[Share[str]]:
    """Draw what a patient gets by any number of changes: every change replaces all shares from its day on."""
    rows: list[Share[str]] = []
    days = sorted(draw(st.lists(st.dates(date(2000, 1, 1), date(2030, 1, 1)), max_size=4)))
    for number, day in enumerate([date.min, *days]):
        cuts = sorted(draw(st.lists(st.integers(0, shares.WHOLE), max_size=3)))
        parts = [b - a for a, b in zip([0, *cuts], [*cuts, shares.WHOLE], strict=True)]
        rows = shares.ended(rows, day) + [Share(f"{number}/{i}", part, day) for i, part in enumerate(parts)]
    return rows


@given(timelines(), st.dates(date(1990, 1, 1), date(2040, 1, 1)))
def test_shares_add_to_the_whole_on_every_day_after_any_changes(rows: list[Share[str]], day: date) -> None:
    assert shares.first_fault(rows) is None
    assert sum(row.basis_points for row in rows if row.covers(day)) == shares.WHOLE


@given(timelines(), st.data())
def test_a_share_that_is_wrong_by_one_is_noticed(rows: list[Share[str]], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    row = rows[index]
    if row.from_date >= row.to_date:
        return
    rows[index] = Share(row.payer, row.basis_points + 1, row.from_date, row.to_date)
    fault = shares.first_fault(rows)
    assert fault is not None
    assert fault.day == row.from_date
    assert fault.total == shares.WHOLE + 1


def test_a_day_without_anybody_is_a_fault() -> None:
    assert shares.first_fault([]) == Fault(date.min, 0)
    assert shares.first_fault([Share("a", shares.WHOLE, date(2026, 1, 1))]) == Fault(date.min, 0)


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("(312) 555-0142", "US", "+13125550142"),
        ("+44 20 7946 0018", "US", "+442079460018"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("555-0142", "US", None),
        ("(312) 555-0142 ext. 3", "US", None),
        ("no number", "US", None),
    ],
)
def test_telephone_numbers_become_e164(text: str, country: str, number: str | None) -> None:
    assert phones.e164(text, country) == number


@pytest.mark.parametrize(
    ("text", "country", "first"),
    [
        ("1980-03-12", "US", date(1980, 3, 12)),
        ("19800312", "US", date(1980, 3, 12)),
        ("3/12/1980", "US", date(1980, 3, 12)),
        ("12.03.1980", "DE", date(1980, 3, 12)),
        ("3/12/80", "US", date(1980, 3, 12)),
        ("3/12/24", "US", date(2024, 3, 12)),
        ("12 Mar 1980", "US", date(1980, 3, 12)),
        ("March 12, 1980", "US", date(1980, 3, 12)),
        ("25/12/1980", "US", date(1980, 12, 25)),
        ("03121980", "US", date(1980, 3, 12)),
        ("12031980", "DE", date(1980, 3, 12)),
        ("12-mar-1980", "US", date(1980, 3, 12)),
        ("12th Sept 1980", "US", date(1980, 9, 12)),
        ("12 de marzo de 1980", "US", date(1980, 3, 12)),
        ("12 dic 1980", "MX", date(1980, 12, 12)),
    ],
)
def test_birth_dates_are_read_as_people_write_them(text: str, country: str, first: date) -> None:
    assert dates.readings(text, country, TODAY)[0] == first


@pytest.mark.parametrize("text", ["mark 12 1980", "12 ma 1980", "30 feb 1980", "12 julia 1980", "13/13/1980"])
def test_what_is_no_date_is_read_as_none(text: str) -> None:
    assert [day for part in dates.spelled_dates(text) for day in dates.readings(part, "US", TODAY)] == []


@given(st.dates(TODAY - timedelta(days=36_000), TODAY))
def test_a_date_is_found_again_in_every_form(day: date) -> None:
    forms = [day.isoformat(), f"{day:%m/%d/%Y}", f"{day:%Y%m%d}", f"{day:%d %b %Y}", f"{day:%B} {day.day}, {day.year}"]
    assert all(day in dates.readings(form, "US", TODAY) for form in forms)


@given(st.text(max_size=200))
def test_any_query_is_read_without_failing(query: str) -> None:
    assert len(search.terms(query, "US", TODAY)) <= 8


def test_names_are_compared_without_accents_case_and_punctuation() -> None:
    assert names.plain("  O’Brien-MÜLLER, Søren ") == "obrien muller soren"
    assert names.plain("Łukasz Þórr Straße") == "lukasz thorr strasse"

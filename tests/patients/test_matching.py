"""Whom the duplicate detection takes for the same patient, and whom not."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from praxis_patients.rules import matching, names
from praxis_patients.rules.matching import Reason, Record

ANNA = Record(
    "human",
    family="miller",
    given="anna",
    birth_date=date(1980, 3, 12),
    telecoms=frozenset({"+13125550142"}),
    postal_codes=frozenset({"60601"}),
    streets=frozenset({"1 elm street"}),
)
REX = Record("animal", given="rex", owners=frozenset({"o1"}), species="dog")


def likely(one: Record, other: Record) -> bool:
    return matching.match(one, other).score >= matching.THRESHOLD


def test_the_same_person_typed_differently_is_likely() -> None:
    assert likely(ANNA, replace(ANNA, given="ana", postal_codes=frozenset({"60602"})))
    assert likely(ANNA, replace(ANNA, birth_date=date(1980, 12, 3)))
    assert likely(ANNA, replace(ANNA, family="anna", given="miller"))
    assert likely(ANNA, replace(ANNA, family="baker"))
    assert likely(Record("human", family="miller", given="anna", birth_date=ANNA.birth_date), ANNA)


def test_reasons_tell_what_speaks_for_it() -> None:
    swapped = matching.match(ANNA, replace(ANNA, family="anna", given="miller"))
    assert swapped.reasons[0] is Reason.SWAPPED_NAME
    assert {Reason.BIRTH_DATE, Reason.ADDRESS, Reason.TELECOM} < set(swapped.reasons)


def test_twins_are_two_persons() -> None:
    assert not likely(ANNA, replace(ANNA, given="brigitte"))
    first = replace(ANNA, given="baby boy a")
    assert not likely(first, replace(first, given="baby boy b"))


def test_father_and_son_of_one_name_are_two_persons() -> None:
    son = replace(ANNA, birth_date=date(2008, 7, 1))
    assert not likely(ANNA, son)
    assert not likely(replace(ANNA, suffix="sr"), replace(ANNA, suffix="jr", birth_date=None))


def test_a_newborn_is_likely_the_child_that_got_a_name() -> None:
    assert likely(replace(ANNA, given="baby girl"), ANNA)


def test_a_different_government_number_outweighs_name_and_birth_date() -> None:
    one = Record("human", family="miller", given="anna", birth_date=ANNA.birth_date, government_id="x")
    assert likely(one, one)
    assert not likely(one, replace(one, government_id="y"))


def test_animals_are_the_same_by_chip_or_by_owner_name_and_species() -> None:
    assert likely(REX, REX)
    chipped = replace(REX, given="max", owners=frozenset({"o2"}), microchips=frozenset({"985112001234567"}))
    assert likely(replace(chipped, given="rex", owners=frozenset({"o1"})), chipped)
    assert not likely(REX, replace(REX, species="cat"))
    assert not likely(REX, replace(REX, given="luna"))
    assert not likely(REX, replace(REX, owners=frozenset({"o2"})))


def test_an_animal_is_never_a_person() -> None:
    assert not likely(REX, replace(REX, kind="human"))


words = st.text("abcdeilmnorst", max_size=8) | st.text(max_size=8).map(names.plain)
records = st.builds(
    Record,
    kind=st.sampled_from(["human", "animal"]),
    family=words,
    given=words,
    birth_date=st.none() | st.dates(),
    telecoms=st.frozensets(words, max_size=2),
    postal_codes=st.frozensets(words, max_size=2),
    streets=st.frozensets(words, max_size=2),
    microchips=st.frozensets(words, max_size=2),
    owners=st.frozensets(words, max_size=2),
)


@given(records, records)
def test_it_does_not_matter_who_is_compared_with_whom(one: Record, other: Record) -> None:
    assert matching.match(one, other).score == matching.match(other, one).score


@given(records)
def test_equal_records_share_their_blocking_keys(record: Record) -> None:
    assert matching.blocking_keys(record) == matching.blocking_keys(replace(record))


def test_febrl_pairs_are_found_without_a_false_one() -> None:
    """500 persons and one damaged copy of each; what is missed differs as relatives do."""
    known = dict(_febrl(Path(__file__).parent / "samples" / "febrl-dataset1.csv"))
    blocks = defaultdict(set)
    for name, record in known.items():
        for key in matching.blocking_keys(record):
            blocks[key].add(name)
    hits = wrong = 0
    for name, record in known.items():
        others = {other for key in matching.blocking_keys(record) for other in blocks[key] if other > name}
        for other, _ in matching.likely(record, ((other, known[other]) for other in others)):
            same = name.split("-")[1] == other.split("-")[1]
            hits, wrong = hits + same, wrong + (not same)
    assert wrong == 0
    assert hits >= 410


def _febrl(path: Path) -> list[tuple[str, Record]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["rec_id"], _record(row)) for row in csv.DictReader(file, skipinitialspace=True)]


def _record(row: dict[str, str]) -> Record:
    street = f"{row['street_number']} {names.plain(row['address_1'])}".strip()
    return Record(
        "human",
        family=names.plain(row["surname"]),
        given=names.plain(row["given_name"]),
        birth_date=_day(row["date_of_birth"]),
        postal_codes=frozenset({row["postcode"]} - {""}),
        streets=frozenset({street} - {""}),
    )


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a civil date
    except ValueError:
        return None

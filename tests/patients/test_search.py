"""Finding patients by what people say at the desk."""

from __future__ import annotations

from string import ascii_lowercase

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.patients_house import House
from tests.patients.test_merges import REASON, merge, reverse

from praxis.patients.v1 import party_service_pb2, patient_pb2
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis.testing import ServiceUnderTest
from praxis_patients.rules.names import plain
from praxis_patients.store import finding


@pytest.fixture(scope="module")
def full_house(patients: ServiceUnderTest) -> House:
    """Some people and an animal, for tests that change nothing of them."""
    house = House.founded(patients.tenant())
    house.human("Müller", "Anna", "Maria", birth_date="1980-03-12", phone="(312) 555-0142")
    house.human("O'Brien", "Tom", birth_date="1980-12-03")
    owner = house.party("Stone", "Ben", phone="312-555-0177")
    house.animal("Bella", (owner, 10_000), microchips=["985112001234567"])
    return house


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("mull", ["Anna Maria Müller"]),
        ("MÜLLER, anna", ["Anna Maria Müller"]),
        ("maria muller", ["Anna Maria Müller"]),
        ("obrien", ["Tom O'Brien"]),
        ("O’Brien", ["Tom O'Brien"]),
        ("03/12/1980", ["Anna Maria Müller", "Tom O'Brien"]),
        ("1980-03-12", ["Anna Maria Müller"]),
        ("12 Mar 1980 anna", ["Anna Maria Müller"]),
        ("12-mar-1980", ["Anna Maria Müller"]),
        ("March 12th, 1980", ["Anna Maria Müller"]),
        ("12 de marzo de 1980", ["Anna Maria Müller"]),
        ("31.12.1979", []),
        ("312.555.0142", ["Anna Maria Müller"]),
        ("+1 312 555 0142", ["Anna Maria Müller"]),
        ("0142", ["Anna Maria Müller"]),
        ("5550142", ["Anna Maria Müller"]),
        ("0143", []),
        ("1001", ["Anna Maria Müller"]),
        ("100", ["Anna Maria Müller", "Bella", "Tom O'Brien"]),
        ("2001", []),
        ("9851", ["Bella"]),
        ("9852", []),
        ("985 112 001 234 567", ["Bella"]),
        ("985112001", ["Bella"]),
        ("stone", ["Bella"]),
        ("bel stone", ["Bella"]),
        ("ben 0177", ["Bella"]),
        ("312-555-0177", ["Bella"]),
        ("anna stone", []),
        ("ller", ["Anna Maria Müller"]),
        ("RIE", ["Tom O'Brien"]),
        ("le", []),
        ("'; DROP TABLE patients", []),
        ("", ["Anna Maria Müller", "Bella", "Tom O'Brien"]),
        (" ", ["Anna Maria Müller", "Bella", "Tom O'Brien"]),
        ("%", []),
        ("🐕", []),
        ("000-0000", []),
    ],
)
def test_a_patient_is_found(full_house: House, query: str, names: list[str]) -> None:
    assert sorted(full_house.find(query)) == sorted(names)


@pytest.mark.parametrize(("query", "count"), [("stone", 1), ("", 3), ("?!", 0), ("00 00", 0)])
def test_a_party_is_found(full_house: House, query: str, count: int) -> None:
    found = full_house.call("ListParties", party_service_pb2.ListPartiesRequest(query=query)).parties
    assert len(found) == count


@pytest.mark.parametrize(
    ("family", "given", "query"),
    [
        ("Ortiz", "José", "pepe ortiz"),
        ("Ortiz", "Pepe", "jose"),
        ("Ortiz", "Guadalupe", "lupita"),
        ("Ortiz", "Francisco", "paco"),
        ("Stone", "Robert", "bob stone"),
        ("Stone", "Bobby", "rob"),
        ("Stone", "Elizabeth", "stone, beth"),
        ("Stone", "William", "bill"),
    ],
)
def test_a_patient_is_found_by_what_others_call_him(house: House, family: str, given: str, query: str) -> None:
    house.human(family, given)
    house.human(family, "Xavier")
    assert house.find(query) == [f"{given} {family}"]


@pytest.mark.parametrize(
    "query", ["grcia", "gracia", "garrcia", "gercia", "garcía", "garica", "lucia gercia", "grcia luc", "lucai"]
)
def test_a_patient_is_found_with_a_slip(house: House, query: str) -> None:
    house.human("García", "Lucía")
    house.human("Grace", "Oscar")
    assert house.find(query) == ["Lucía García"]


@pytest.mark.parametrize("query", ["grca", "gerciaa lucia", "luc gxxcia", "lup garcia", "gar cia lopez", "ga"[::-1]])
def test_what_is_further_away_is_not_found(house: House, query: str) -> None:
    house.human("García", "Lucía")
    assert house.find(query) == []


def test_names_of_other_writing_systems_bear_slips_too(house: House) -> None:
    house.human("Иванова", "Ольга")
    assert house.find("иваноа") == house.find("ивонова") == house.find("ИВАНОВА") == ["Ольга Иванова"]
    assert house.find("петрова") == []


def test_the_closest_come_first(house: House) -> None:
    for family, first in [("Zeller", "Joann"), ("Zeller", "Jo"), ("Jot", "Abe"), ("Abel", "Josephine")]:
        house.human(family, first)
    owner = house.party("Jo", "Ann")
    house.animal("Rex", (owner, 10_000))
    house.human("Banjos", "Kim")
    assert house.find("jo") == ["Jo Zeller", "Rex", "Josephine Abel", "Abe Jot", "Joann Zeller"]
    assert house.find("josephine") == ["Josephine Abel", "Jo Zeller", "Rex"]
    assert house.find("njo") == ["Kim Banjos"]


def test_who_no_longer_comes_is_listed_after_who_does(house: House) -> None:
    gone = house.human("Abbott", "Kim").patient
    house.human("Zorn", "Kim")
    house.call("DeactivatePatient", pb.DeactivatePatientRequest(id=gone.id))
    assert house.find("kim") == ["Kim Zorn", "Kim Abbott"]
    assert house.find("kim", states=[patient_pb2.PATIENT_STATE_INACTIVE]) == ["Kim Abbott"]


def test_what_was_found_is_paged_without_a_gap(house: House) -> None:
    for first in ("Ana", "Ann", "Anne", "Hanna", "Anna"):
        house.human("Ng", first)
    found, token = [], ""
    while not found or token:
        page = house.call("ListPatients", pb.ListPatientsRequest(query="ann", page_size=2, page_token=token))
        found += [item.display_name for item in page.patients]
        token = page.next_page_token
        assert not page.truncated
    assert found == ["Ann Ng", "Anna Ng", "Anne Ng", "Hanna Ng"]
    assert house.find("ann", party_id=page.patients[-1].human.party_id) == [found[-1]]


def test_more_than_is_looked_at_is_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("RANKED", "COMMON", "LOOKED_UP"):
        monkeypatch.setattr(finding, bound, 3)
    finding._statement.cache_clear()
    finding._counting.cache_clear()
    for number in range(6):
        house.human("García", "María", birth_date=f"198{number}-05-01")
    page = house.call("ListPatients", pb.ListPatientsRequest(query="maria garcia"))
    assert (len(page.patients), page.truncated, page.next_page_token) == (3, True, "")
    page = house.call("ListPatients", pb.ListPatientsRequest(query="maria garcia 1985-05-01"))
    assert ([item.human.birth_date for item in page.patients], page.truncated) == (["1985-05-01"], False)


@pytest.mark.parametrize("few", [0, 300])
def test_terms_are_met_one_by_one_and_all_at_once(full_house: House, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(finding, "FEW", few)
    assert full_house.find("maria anna mull") == ["Anna Maria Müller"]
    assert full_house.find("maria obrien") == []
    assert full_house.find("mara muler 0142") == ["Anna Maria Müller"]


def test_a_survivor_is_found_by_parts_of_all_names_until_it_is_erased(house: House) -> None:
    survivor, absorbed = house.human("Kessler", "Ruth").patient, house.human("Vandenberg", "Ruth").patient
    other = house.human("Vandenberg", "Ines").patient
    done = merge(house, survivor, absorbed)
    assert house.find("denber ruth") == house.find("vandenbrg ruth") == ["Ruth Kessler"]
    reverse(house, done)
    assert house.find("denber ruth") == ["Ruth Vandenberg"]
    merge(house, house.get(survivor.id), house.get(absorbed.id))
    house.call("ErasePatient", pb.ErasePatientRequest(id=survivor.id, reason=REASON))
    assert house.find("denber") == ["Ines Vandenberg"]
    assert house.find("essle") == []
    house.call("ErasePatient", pb.ErasePatientRequest(id=other.id, reason=REASON))
    assert house.find("denber") == []


def test_lists_are_paged_by_name(full_house: House) -> None:
    first = full_house.call("ListPatients", pb.ListPatientsRequest(page_size=2))
    rest = full_house.call("ListPatients", pb.ListPatientsRequest(page_size=2, page_token=first.next_page_token))
    assert [item.display_name for item in [*first.patients, *rest.patients]] == [
        "Bella",
        "Anna Maria Müller",
        "Tom O'Brien",
    ]
    assert not rest.next_page_token


def test_a_renamed_owner_is_found_by_the_new_name(house: House) -> None:
    owner = house.party("Stone", "Ben")
    house.animal("Bella", (owner, 10_000))
    assert house.find("stone") == house.find("ton") == ["Bella"]
    owner.person.name.family = "Rock"
    house.call("UpdateParty", party_service_pb2.UpdatePartyRequest(party=owner))
    assert house.find("rock") == ["Bella"]
    assert house.find("stone") == house.find("ton") == []


letters = st.text("abcdefghijklmnopqrstuvwxyzáéñöç", min_size=2, max_size=14).filter(lambda word: len(plain(word)) > 1)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(family=letters, first=letters, data=st.data())
def test_everybody_is_found_by_beginnings_and_with_one_slip(
    house: House, family: str, first: str, data: st.DataObject
) -> None:
    patient = house.human(family, first).patient
    for word in (family, first):
        beginning = word[: data.draw(st.integers(1, len(word)))]
        assert patient.id in ids(house, beginning)
        if len(plain(word)) >= 5:
            assert patient.id in ids(house, data.draw(slips(plain(word))))


@st.composite
def slips(draw: st.DrawFn, word: str) -> str:
    """Return the word with a letter too many, missing, wrong, or with two letters in wrong order."""
    place, letter = draw(st.integers(0, len(word) - 2)), draw(st.sampled_from(ascii_lowercase))
    kind = draw(st.sampled_from(("more", "less", "other", "order")))
    head, tail = word[:place], word[place:]
    changed = {"more": letter + tail, "less": tail[1:], "other": letter + tail[1:], "order": tail[1::-1] + tail[2:]}
    return head + changed[kind]


def ids(house: House, query: str) -> set[str]:
    """Return the ids of all patients that a query finds, page by page."""
    found, token = set(), None
    while token != "":
        request = pb.ListPatientsRequest(query=query, page_size=500, page_token=token or "")
        page = house.call("ListPatients", request)
        found |= {item.id for item in page.patients}
        token = page.next_page_token
    return found

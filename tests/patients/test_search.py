"""Finding patients by what people say at the desk."""

from __future__ import annotations

import pytest
from support.patients_house import House

from praxis.patients.v1 import party_service_pb2
from praxis.patients.v1 import patient_service_pb2 as pb


@pytest.fixture
def full_house(house: House) -> House:
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
        ("312.555.0142", ["Anna Maria Müller"]),
        ("+1 312 555 0142", ["Anna Maria Müller"]),
        ("0142", ["Anna Maria Müller"]),
        ("1001", ["Anna Maria Müller"]),
        ("985 112 001 234 567", ["Bella"]),
        ("985112001", ["Bella"]),
        ("stone", ["Bella"]),
        ("bel stone", ["Bella"]),
        ("ben 0177", ["Bella"]),
        ("312-555-0177", ["Bella"]),
        ("anna stone", []),
        ("ller", []),
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


def test_lists_are_paged_by_name(full_house: House) -> None:
    first = full_house.call("ListPatients", pb.ListPatientsRequest(page_size=2))
    rest = full_house.call("ListPatients", pb.ListPatientsRequest(page_size=2, page_token=first.next_page_token))
    assert [item.display_name for item in [*first.patients, *rest.patients]] == [
        "Bella",
        "Anna Maria Müller",
        "Tom O'Brien",
    ]
    assert not rest.next_page_token


def test_a_renamed_owner_is_found_by_the_new_name(full_house: House) -> None:
    (owner,) = full_house.call("ListParties", party_service_pb2.ListPartiesRequest(query="0177")).parties
    owner.person.name.family = "Rock"
    full_house.call("UpdateParty", party_service_pb2.UpdatePartyRequest(party=owner))
    assert full_house.find("rock") == ["Bella"]
    assert full_house.find("stone") == []

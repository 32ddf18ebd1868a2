"""Register the demo's patients: adults, children with a guarantor, animals with one or two owners, coverages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from praxis_local.api_client import ApiClient
from praxis_local.demo import people
from praxis_local.demo.directory import Practice
from praxis_local.demo.practices import MEMBER_PREFIXES, Place, PracticeSpec


@dataclass(frozen=True)
class Patient:
    """A registered patient."""

    id: str
    treats: str
    insured: bool


def register_patients(
    api: ApiClient, spec: PracticeSpec, practice: Practice, random: Random, today: date
) -> list[Patient]:
    registered: list[Patient] = []
    parents: list[str] = []
    for number in range(spec.people):
        place = spec.places[number % len(spec.places)]
        minor = number % 6 == 5 and bool(parents)
        registered.append(_register_person(api, practice, random, today, place, number, parents, minor=minor))
    animals = (
        _register_animal(api, spec.places[number % len(spec.places)], random, today, number)
        for number in range(spec.animals)
    )
    return [*registered, *animals]


def _register_person(
    api: ApiClient, practice: Practice, random: Random, today: date, place: Place, number: int, parents: list[str],
    *, minor: bool,
) -> Patient:  # fmt: skip
    profile = _profile(random, today, place, minor=minor)
    body: dict[str, Any] = {"human": profile}
    if minor:
        guarantor = random.choice(parents)
        body["responsibilities"] = [_responsibility(guarantor, "guarantor", 10000, may_consent=True)]
    patient = api.post("/v1/patients", body, name=f"person-{number}")["patient"]
    if not minor:
        parents.append(patient["human"]["party_id"])
    insured = not minor and number % 5 != 4
    if insured:
        _insure(api, practice, random, today, patient["id"], number)
    return Patient(patient["id"], "human", insured)


def _profile(random: Random, today: date, place: Place, *, minor: bool) -> dict[str, Any]:
    profile = people.person(random, today, minor=minor)
    name = profile["name"]
    profile["addresses"] = [people.address(random, place.city, place.state, place.postal_code)]
    profile["telecoms"] = people.telecoms(random, place.phone[2:5], name["given"][0], name["family"])
    return profile


def _insure(api: ApiClient, practice: Practice, random: Random, today: date, patient_id: str, number: int) -> None:
    """Give a primary coverage and, to every fourth, a secondary one."""
    for rank in (1, 2) if number % 4 == 0 else (1,):
        prefix = MEMBER_PREFIXES[number % len(MEMBER_PREFIXES)] if rank == 1 else "PAID"
        coverage = {
            "patient_id": patient_id, "kind": "medical", "rank": rank, "subscriber_relationship": "self",
            "payer_id": practice.payer_ids[(number + rank) % len(practice.payer_ids)],
            "member_id": f"{prefix}-{random.randint(100000, 999999)}", "group_number": f"G{random.randint(100, 999)}",
            "plan_name": random.choice(("Standard", "Plus", "Essential")),
            "from_date": (today - timedelta(days=400)).isoformat(),
        }  # fmt: skip
        api.post("/v1/coverages", coverage, name=f"coverage-{number}-{rank}")


def _register_animal(api: ApiClient, place: Place, random: Random, today: date, number: int) -> Patient:
    """Register an animal; every third has two owners who share its bills 60 to 40."""
    owners = [_owner(api, place, random, today, f"owner-{number}-{index}") for index in range(1 + (number % 3 == 0))]
    shares = (10000,) if len(owners) == 1 else (6000, 4000)
    roles = ("owner", "co_owner")
    responsibilities = [
        _responsibility(party, role, share, may_consent=True)
        for party, role, share in zip(owners, roles, shares, strict=False)
    ]
    body = {"animal": people.animal(random, today), "responsibilities": responsibilities}
    patient = api.post("/v1/patients", body, name=f"animal-{number}")["patient"]
    return Patient(patient["id"], "animal", insured=False)


def _owner(api: ApiClient, place: Place, random: Random, today: date, name: str) -> str:
    owner = people.person(random, today)
    given, family = owner["name"]["given"][0], owner["name"]["family"]
    body = {
        "person": owner,
        "addresses": [people.address(random, place.city, place.state, place.postal_code)],
        "telecoms": people.telecoms(random, place.phone[2:5], given, family),
    }
    return str(api.post("/v1/parties", body, name=name)["id"])


def _responsibility(party_id: str, role: str, share: int, *, may_consent: bool) -> dict[str, Any]:
    return {
        "party_id": party_id, "role": role, "share_basis_points": share, "may_consent": may_consent,
        "may_be_informed": True,
    }  # fmt: skip

"""A duplicate is warned of, merged all the same, found to be somebody else, and given back everything, to the cent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from tests.journeys import money
from tests.journeys.clinic import Clinic, Json, coined, digits, human, open_clinic
from tests.journeys.invariants import hold
from tests.support.system import System

SERVICES = {"scheduling", "billing", "claims", "reporting"}
# What refers to patients, who may read it, and how it is asked for by patient.
LISTS = {
    "appointments": ("front_desk", "/v1/appointments"),
    "visits": ("front_desk", "/v1/visits"),
    "encounters": ("biller", "/v1/encounters"),
    "accounts": ("biller", "/v1/accounts"),
    "adjustments": ("biller", "/v1/adjustments"),
    "claims": ("biller", "/v1/claims"),
    "coverages": ("front_desk", "/v1/coverages"),
}


@pytest.fixture(scope="module")
def clinic(system: System) -> Iterator[Clinic]:
    """A medical practice of its own."""
    with closing(open_clinic(system, "harbor")) as clinic:
        yield clinic


def test_a_wrong_merge_is_taken_back_to_the_cent(clinic: Clinic, stranger: Clinic) -> None:
    one, other = two_records(clinic)
    live(clinic, one, hour=9)
    live(clinic, other, hour=11)
    before, sums = whose(clinic, one, other), figures(clinic)
    assert all(before[other][name] for name in LISTS), before[other]

    merge = clinic.owner.post(f"/v1/patients/{one}:merge", {"duplicate_id": other, "reason": "Twice"}, name="merge")
    settled(clinic, merge, reversed_=False)
    merged = whose(clinic, one, other)
    assert merged[one] == merged[other], "the old id leads to the survivor everywhere"
    for name in LISTS:
        assert set(merged[one][name]) == set(before[one][name]) | set(before[other][name]), name
    assert figures(clinic) == sums
    nothing_refers_to(clinic, other)

    late = clinic.book(clinic.appointment(other, clinic.first_desk, clinic.moment(clinic.first_desk, 15)))
    assert late["patient_id"] == one
    undone = clinic.owner.post(f"/v1/patientMerges/{merge['id']}:reverse", {"reason": "Two persons"}, name="reverse")
    assert undone["state"] == "reversed"
    settled(clinic, merge, reversed_=True)
    after = whose(clinic, one, other)
    assert after[other] == before[other]
    assert set(after[one].pop("appointments")) == {*before[one].pop("appointments"), late["id"]}
    assert after[one] == before[one]
    assert figures(clinic) == sums
    clinic.paths.remove(f"/v1/patients/{other}")
    money.reports_equal_the_ledger(clinic)
    hold(clinic, stranger)


def two_records(clinic: Clinic) -> tuple[str, str]:
    """Register somebody twice, a little differently; the second time the first record is pointed out."""
    family, phone = coined("Quillfeather"), f"+1207555{digits(4)}"
    clinic.keep_private(family, phone)
    one = clinic.register(human(family, phone=phone))["patient"]
    answer = clinic.register(human(family, "Una", birth_date="1984-09-03", phone=phone))
    (warned,) = answer["possible_duplicates"]
    assert warned["patient_id"] == one["id"]
    assert {"name", "similar_birth_date", "telecom"} <= set(warned["reasons"])
    for patient, rank in ((one, 1), (answer["patient"], 1)):
        clinic.cover(patient["id"], rank, f"PAID-{coined('m')}")
    return one["id"], answer["patient"]["id"]


def live(clinic: Clinic, patient: str, hour: int) -> None:
    """Book, come in at once, be charged twice, once with insurance, pay a part and be forgiven a part."""
    desk = clinic.first_desk
    clinic.book(clinic.appointment(patient, desk, clinic.moment(desk, hour)))
    body = {
        "patient_id": patient, "appointment_type_id": clinic.visit_type(desk.clinician.treats),
        "location_id": desk.location_id,
    }  # fmt: skip
    clinic.front_desk.post("/v1/visits", body, name=coined("visit"))
    charges = [clinic.item("G0463", diagnosis_pointers=[1])]
    posted = clinic.encounter(patient, desk, charges, diagnoses=["J06.9"])
    clinic.biller.until(f"/v1/claims?encounter_id={posted['id']}", lambda reply: bool(reply.get("claims")))
    share = posted["charges"][0]["shares"][0]
    account = share["account_id"]
    wrote = {"share_id": share["id"], "reason": "charity", "amount": {"currency_code": "USD", "amount": "3.00"}}
    clinic.biller.post("/v1/adjustments", wrote, name=coined("adjustment"))
    clinic.encounter(patient, desk, [clinic.item("G0471")], self_pay=True)
    clinic.pay(account, "2.00")


def ids(clinic: Clinic, name: str, patient: str) -> list[str]:
    who, path = LISTS[name]
    return sorted(each["id"] for each in clinic.users[who].every(path, name, patient_id=patient))


def whose(clinic: Clinic, *patients: str) -> dict[str, dict[str, list[str]]]:
    """Return what each service answers for each id."""
    return {patient: {name: ids(clinic, name, patient) for name in LISTS} for patient in patients}


def figures(clinic: Clinic) -> Json:
    """Return every balance of every account, the ledger, and what the reports make of them."""
    accounts = [each["id"] for each in clinic.biller.every("/v1/accounts", "accounts")]
    balances = {each: clinic.biller.get(f"/v1/accounts/{each}/balance").get("balance") for each in sorted(accounts)}
    money.reports_equal_the_ledger(clinic)
    return {"balances": balances, "ledger": money.ledger(clinic), "agings": money.agings(clinic)}


def settled(clinic: Clinic, merge: Json, *, reversed_: bool) -> None:
    """Wait until every service has told that it did its part."""
    path = f"/v1/patientMerges/{merge['id']}"
    done = clinic.owner.until(path, lambda reply: bool(reply.get("complete")))
    acknowledged = {each["service"]: each for each in done["acknowledgments"]}
    assert acknowledged.keys() == SERVICES
    for each in acknowledged.values():
        assert each.get("reversed", False) == reversed_
        assert each["moved"] > 0, each


def nothing_refers_to(clinic: Clinic, absorbed: str) -> None:
    """I9: the aliases name the absorbed id, and no list of any service does."""
    for who, path in LISTS.values():
        assert absorbed not in json.dumps(list(clinic.users[who].every(path, path.removeprefix("/v1/")))), path
    days = {"from_date": clinic.today.isoformat(), "to_date": (clinic.today + timedelta(days=10)).isoformat()}
    for report in ("daySheet", "appointmentsList"):
        assert absorbed not in json.dumps(clinic.biller.get(f"/v1/reports/{report}", **days)), report
    aliases = clinic.owner.every("/v1/patientMerges", "patient_merges", patient_id=absorbed)
    assert [each["absorbed_id"] for each in aliases] == [absorbed]
    assert clinic.owner.get(f"/v1/patients/{absorbed}")["id"] != absorbed

"""A person's day: registered with guarantor and two insurers, booked, seen, charged, claimed, paid, reported."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest
from pypdf import PdfReader
from tests.journeys import authorized, claims, money, visits
from tests.journeys.clinic import Clinic, Json, amount, answers_for, coined, digits, human, npi_is_checked, open_clinic
from tests.journeys.invariants import hold
from tests.support.system import System


@pytest.fixture(scope="module")
def clinic(system: System) -> Iterator[Clinic]:
    """A medical practice that has just been set up."""
    with closing(open_clinic(system, "harbor")) as clinic:
        yield clinic


def test_a_day_at_a_medical_practice(clinic: Clinic, stranger: Clinic) -> None:
    assert npi_is_checked(clinic)
    patient = register(clinic)
    visit = visits.through_the_day(clinic, patient["id"], clinic.practice.desks[0], clinic.practice.desks[1])
    authorized.eight_visits_on_six_units(clinic, patient["id"], clinic.practice.desks[0])
    encounter = check_out(clinic, patient["id"], visit)
    claim = claims.until_posted(clinic, encounter["id"])
    assert claim["outcome"] == "partial" or claim["outcome"] == "paid", claim
    remitted(clinic, encounter)
    owed_and_paid(clinic, patient)
    money.reports_equal_the_ledger(clinic)
    hold(clinic, stranger)


def register(clinic: Clinic) -> Json:
    """Register a person with guarantor and two coverages, find the person again, and be warned of a duplicate."""
    family, phone = coined("Quillfeather"), f"+1207555{digits(4)}"
    clinic.keep_private(family, phone)
    guarantor = clinic.party("Oda", coined("Marrowby"))
    profile = human(family, phone=phone)
    patient: Json = clinic.register(profile, [answers_for(guarantor, "guarantor")])["patient"]
    clinic.cover(patient["id"], 1, f"COINS-{coined('m')}")
    clinic.cover(patient["id"], 2, f"PAID-{coined('m')}")
    for query in (family, "Una " + family, "1984-03-09", phone, patient["chart_number"]):
        found = clinic.front_desk.get("/v1/patients", query=query).get("patients", [])
        assert patient["id"] in {each["id"] for each in found}, query
    again = clinic.register(profile, [answers_for(guarantor, "guarantor")])
    duplicate = next(each for each in again["possible_duplicates"] if each["patient_id"] == patient["id"])
    assert duplicate["score"] > 8
    assert {"name", "birth_date", "telecom"} <= set(duplicate["reasons"])
    return patient


def check_out(clinic: Clinic, patient_id: str, visit: Json) -> Json:
    """Charge two services with diagnoses, modifiers and pointers; the first insurer owes all of it."""
    found = clinic.provider.get("/v1/diagnosisCodes", query="J06", service_date=clinic.today.isoformat())
    assert "J06.9" in {each["code"] for each in found["diagnosis_codes"]}
    charges = [
        clinic.item("G0463", modifiers=["25"], diagnosis_pointers=[1, 2]),
        clinic.item("G0403", diagnosis_pointers=[2]),
    ]
    encounter = clinic.encounter(
        patient_id, clinic.first_desk, charges, visit_id=visit["id"], diagnoses=["J06.9", "I10"]
    )
    assert amount(encounter["total"]) == Decimal("160.00")
    assert {share["rank"] for charge in encounter["charges"] for share in charge["shares"]} == {1}
    visits.complete(clinic, visit)
    return encounter


def remitted(clinic: Clinic, encounter: Json) -> None:
    """Paid 80 % of what was allowed, the contract's part taken off, the rest with the second insurer."""
    posted = clinic.biller.get(f"/v1/encounters/{encounter['id']}")
    sums = money.by_rank(posted)
    assert sums[1] == {"paid": Decimal("102.40"), "adjusted": Decimal("32.00"), "open": Decimal(0)}
    assert sums[2] == {"paid": Decimal(0), "adjusted": Decimal(0), "open": Decimal("25.60")}


def owed_and_paid(clinic: Clinic, patient: Json) -> None:
    """What the guarantor owes is explained, partly paid, and stated on paper."""
    charges = [clinic.item("G0471"), clinic.item("G0328")]
    day = (clinic.today - timedelta(days=40)).isoformat()
    encounter = clinic.encounter(patient["id"], clinic.first_desk, charges, self_pay=True, service_date=day)
    account = encounter["charges"][0]["shares"][0]["account_id"]
    paid = clinic.pay(account, "10.00")
    assert [amount(each["amount"]) for each in paid["allocations"]] == [Decimal("10.00")]
    balance = clinic.front_desk.get(f"/v1/accounts/{account}/balance")
    assert amount(balance["balance"]) == Decimal("11.50")
    assert sum(amount(line["amount"]) for line in balance["lines"]) == Decimal("11.50")
    assert balance["text"]
    statement = clinic.front_desk.post("/v1/statements", {"account_id": account}, name="statement")
    clinic.paths.append(f"/v1/statements/{statement['id']}")
    reader = PdfReader(io.BytesIO(clinic.front_desk.download(f"/v1/statements/{statement['id']}/pdf")))
    assert "/StructTreeRoot" in reader.trailer["/Root"]  # type: ignore[operator]
    assert "11.50" in " ".join(page.extract_text() for page in reader.pages)

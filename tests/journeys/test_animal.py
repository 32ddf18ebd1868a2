"""An animal's day: two owners who share its bills 60 to 40, a microchip, tax, and an invoice split to the cent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import pytest
from tests.journeys import money, visits
from tests.journeys.clinic import Clinic, Json, amount, animal, answers_for, coined, digits, microchip, open_clinic
from tests.journeys.invariants import hold
from tests.support.system import System


@pytest.fixture(scope="module")
def clinic(system: System) -> Iterator[Clinic]:
    """A veterinary practice that has just been set up."""
    with closing(open_clinic(system, "willow")) as clinic:
        yield clinic


def test_a_day_at_an_animal_hospital(clinic: Clinic, stranger: Clinic) -> None:
    patient, owners = register(clinic)
    visit = visits.through_the_day(clinic, patient["id"], clinic.practice.desks[0], clinic.practice.desks[1])
    encounter = check_out(clinic, patient["id"], visit)
    both_pay(clinic, encounter, owners)
    no_claim_is_made(clinic, encounter)
    money.reports_equal_the_ledger(clinic)
    hold(clinic, stranger)


def register(clinic: Clinic) -> tuple[Json, list[str]]:
    """Register an animal that two people own; a wrong chip is refused and the same chip is the same animal."""
    owners = [clinic.party("Iris", coined("Thornquist")), clinic.party("Nils", coined("Ashgrove"))]
    shares = [answers_for(owners[0], "owner", 6000), answers_for(owners[1], "co_owner", 4000)]
    profile = animal(coined("Biscuit"), microchip())
    clinic.keep_private(profile["animal"]["name"], *profile["animal"]["microchips"])
    wrong = animal("Biscuit", "98512345678901")
    problem = clinic.front_desk.refusal(
        lambda: clinic.front_desk.post("/v1/patients", {**wrong, "responsibilities": shares})
    )
    assert (problem.status, problem.errors[0]["pointer"]) == (400, "/animal/microchips/0")
    patient: Json = clinic.register(profile, shares)["patient"]
    for query in (*profile["animal"]["microchips"], profile["animal"]["name"], clinic.private[0], clinic.private[1]):
        found = clinic.front_desk.get("/v1/patients", query=query).get("patients", [])
        assert [each["id"] for each in found] == [patient["id"]], query
    again = clinic.register(animal(coined("Other"), *profile["animal"]["microchips"]), shares)
    duplicate = again["possible_duplicates"][0]
    assert (duplicate["patient_id"], "microchip" in duplicate["reasons"]) == (patient["id"], True)
    return patient, owners


def check_out(clinic: Clinic, patient_id: str, visit: Json) -> Json:
    """Charge an examination with a discount, which only some may give, and a product; each is taxed by its class."""
    charges = [clinic.item("EXAM", discount_basis_points=1000), clinic.item("PROD-FLEA", units="3")]
    more = {"visit_id": visit["id"]}
    problem = clinic.front_desk.refusal(lambda: clinic.encounter(patient_id, clinic.first_desk, charges, **more))
    assert (problem.status, problem.code) == (403, "DISCOUNT_NEEDS_PERMISSION")
    encounter = clinic.encounter(patient_id, clinic.first_desk, charges, by="biller", **more)
    exam, tablets = encounter["charges"]
    assert [amount(exam[part]) for part in ("gross", "discount", "tax", "total")] == [
        Decimal("68.00"), Decimal("6.80"), Decimal("2.75"), Decimal("63.95"),
    ]  # fmt: skip
    assert [amount(tablets[part]) for part in ("gross", "tax", "total")] == [
        Decimal("175.50"), Decimal("7.90"), Decimal("183.40"),
    ]  # fmt: skip
    visits.complete(clinic, visit)
    return encounter


def both_pay(clinic: Clinic, encounter: Json, owners: list[str]) -> None:
    """Each owner owes his part of each charge to the cent; one pays all of it, the other nothing yet."""
    owed = money.by_account(encounter)
    assert sum(owed.values()) == amount(encounter["total"]) == Decimal("247.35")
    parties = {clinic.biller.get(f"/v1/accounts/{account}")["party_id"]: account for account in owed}
    first, second = (parties[owner] for owner in owners)
    assert (owed[first], owed[second]) == (Decimal("148.41"), Decimal("98.94"))
    clinic.pay(first, "148.41")
    for account, open_ in ((first, Decimal(0)), (second, Decimal("98.94"))):
        assert amount(clinic.front_desk.get(f"/v1/accounts/{account}/balance")["balance"]) == open_
    statement = clinic.front_desk.post("/v1/statements", {"account_id": second}, name="statement")
    assert amount(statement["amount_due"]) == Decimal("98.94")
    assert clinic.front_desk.download(f"/v1/statements/{statement['id']}/pdf").startswith(b"%PDF-")


def no_claim_is_made(clinic: Clinic, encounter: Json) -> None:
    """Nobody insured is charged, so claims has nothing to ask anybody for."""
    money.caught_up(clinic)
    assert not clinic.biller.get("/v1/claims", encounter_id=encounter["id"]).get("claims")
    problem = clinic.biller.refusal(lambda: clinic.biller.post("/v1/claims:submit", {}, name=digits(9)))
    assert problem.code == "NOTHING_TO_SUBMIT"

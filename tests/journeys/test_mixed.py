"""A mixed practice's day: a person with a copay and her dog, in one calendar, on one account, in one ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import pytest
from tests.journeys import claims, money, visits
from tests.journeys.clinic import Clinic, Json, amount, animal, answers_for, coined, human, microchip, open_clinic
from tests.journeys.invariants import hold
from tests.support.system import System

COPAY, DOG_TOTAL = Decimal("20.00"), Decimal("72.25")


@pytest.fixture(scope="module")
def clinic(system: System) -> Iterator[Clinic]:
    """A practice for people and animals that has just been set up."""
    with closing(open_clinic(system, "tallgrass")) as clinic:
        yield clinic


def test_a_day_at_a_mixed_practice(clinic: Clinic, stranger: Clinic) -> None:
    person, dog = register(clinic)
    each_kind_has_its_visits(clinic, dog)
    encounter = person_is_seen(clinic, person)
    claim = claims.until_posted(clinic, encounter["id"])
    assert "implementation" in claims.answers(clinic, claim)
    assert "claim" in claims.answers(clinic, claim)
    account = copay_is_left(clinic, encounter)
    assert dog_is_seen(clinic, dog) == {account: DOG_TOTAL}
    everything_is_paid(clinic, account)
    money.reports_equal_the_ledger(clinic)
    hold(clinic, stranger)


def register(clinic: Clinic) -> tuple[Json, Json]:
    """Register a person with one insurer, and the dog that she owns."""
    family = coined("Vanterpool")
    clinic.keep_private(family)
    person: Json = clinic.register(human(family))["patient"]
    clinic.cover(person["id"], 1, f"COPAY-{coined('m')}")
    owner = answers_for(person["human"]["party_id"], "owner")
    dog: Json = clinic.register(animal(coined("Nugget"), microchip()), [owner])["patient"]
    found = clinic.front_desk.get("/v1/patients", query=family)["patients"]
    assert {each["id"] for each in found} == {person["id"], dog["id"]}
    return person, dog


def each_kind_has_its_visits(clinic: Clinic, dog: Json) -> None:
    """A dog is not booked into a visit for people."""
    physician = clinic.practice.desks[0]
    body = clinic.appointment(dog["id"], physician, clinic.moment(physician, 10))
    problem = clinic.front_desk.refusal(lambda: clinic.front_desk.post("/v1/appointments", body))
    assert problem.code == "TYPE_NOT_FOR_PATIENT"


def person_is_seen(clinic: Clinic, person: Json) -> Json:
    desk = clinic.practice.desks[0]
    visit = visits.seen(clinic, clinic.book(clinic.appointment(person["id"], desk, clinic.moment(desk, 9))), desk)
    charge = clinic.item("G0439", diagnosis_pointers=[1])
    encounter = clinic.encounter(person["id"], desk, [charge], visit_id=visit["id"], diagnoses=["I10"])
    visits.complete(clinic, visit)
    return encounter


def copay_is_left(clinic: Clinic, encounter: Json) -> str:
    """Of 172.00 the contract takes 34.40 off, the insurer pays 117.60, and 20.00 move to the account."""
    posted = clinic.biller.get(f"/v1/encounters/{encounter['id']}")
    assert money.by_rank(posted)[1] == {"paid": Decimal("117.60"), "adjusted": Decimal("34.40"), "open": Decimal(0)}
    [(account, owed)] = money.by_account(posted).items()
    assert owed == COPAY
    return account


def dog_is_seen(clinic: Clinic, dog: Json) -> dict[str, Decimal]:
    """The dog's examination is taxed, and its owner owes it on the account that she has as a patient."""
    desk = clinic.practice.desks[1]
    visit = visits.seen(clinic, clinic.book(clinic.appointment(dog["id"], desk, clinic.moment(desk, 9))), desk)
    encounter = clinic.encounter(dog["id"], desk, [clinic.item("EXAM")], visit_id=visit["id"])
    visits.complete(clinic, visit)
    return money.by_account(encounter)


def everything_is_paid(clinic: Clinic, account: str) -> None:
    """One payment settles the copay and the dog; what is over stays to her credit and is explained."""
    paid = clinic.pay(account, "100.00")
    used = sorted(amount(each["amount"]) for each in paid["allocations"])
    assert (used, amount(paid["unapplied"])) == ([COPAY, DOG_TOTAL], Decimal("7.75"))
    balance = clinic.front_desk.get(f"/v1/accounts/{account}/balance")
    assert amount(balance["balance"]) == -amount(balance["unapplied"]) == Decimal("-7.75")
    assert sum(amount(line["amount"]) for line in balance["lines"]) == Decimal("-7.75")

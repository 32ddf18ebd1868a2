"""A canary with visits, money and a claim is erased: no word of it is left anywhere, and no cent is missing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from secrets import randbelow

import pytest
from tests.journeys import claims, money, visits
from tests.journeys.clinic import Clinic, Json, amount, coined, digits, human, open_clinic
from tests.journeys.invariants import hold
from tests.journeys.search import places
from tests.journeys.told import forbidden, until
from tests.support.canary import dead_letters
from tests.support.system import System

FORGET_SECONDS = 60.0


@pytest.fixture(scope="module")
def clinic(system: System) -> Iterator[Clinic]:
    """A medical practice of its own, because every table is searched."""
    with closing(open_clinic(system, "harbor")) as clinic:
        yield clinic


@pytest.mark.slow
def test_an_erased_person_is_found_nowhere_and_every_balance_is_as_before(clinic: Clinic, stranger: Clinic) -> None:
    birth_date = f"19{randbelow(9) + 10}-0{randbelow(9) + 1}-{randbelow(17) + 11}"  # nobody else is so old
    phone, member = f"+1207555{digits(4)}", f"COINS-{coined('canary')}"
    words = [coined("Canarywisp"), phone, member, birth_date, birth_date.replace("-", "")]
    patient = canary(clinic, words)
    account = live(clinic, patient)
    before = balances(clinic, account)
    bury(clinic, patient)
    told = places(clinic.system, words)
    assert_found_everywhere(told)
    erased = clinic.owner.post(f"/v1/patients/{patient['id']}:erase", {"reason": "Asked to be forgotten"}, name="erase")
    assert erased["state"] == "erased"
    assert until_nowhere(clinic.system, words) == []
    assert "2 events applied" in clinic.system.command("reporting", "replay", clinic.tenant_id)
    assert places(clinic.system, words) == []
    assert balances(clinic, account) == before
    assert "events applied" in clinic.system.command("reporting", "rebuild")
    assert places(clinic.system, words) == []
    assert balances(clinic, account) == before
    money.reports_equal_the_ledger(clinic, nameless=True)
    clinic.private[:] = words[:3]
    hold(clinic, stranger)


def canary(clinic: Clinic, words: list[str]) -> Json:
    """Register the person whose every trace can be told."""
    family, phone, member, birth_date, _ = words
    patient: Json = clinic.register(human(family, "Canary", birth_date, phone))["patient"]
    clinic.cover(patient["id"], 1, member)
    return patient


def live(clinic: Clinic, patient: Json) -> str:
    """Give the person visits, a paid claim, money on an account, words in free text, and a statement."""
    name = patient["human"]["name"]["family"]
    desk = clinic.practice.desks[0]
    body = clinic.appointment(patient["id"], desk, clinic.moment(desk, 10), reason=f"{name} coughs", notes=name)
    visit = visits.seen(clinic, clinic.book(body), desk)
    charge = clinic.item("G0463", diagnosis_pointers=[1])
    encounter = clinic.encounter(patient["id"], desk, [charge], visit_id=visit["id"], diagnoses=["J06.9"])
    visits.complete(clinic, visit)
    claims.until_posted(clinic, encounter["id"])
    posted = clinic.biller.get(f"/v1/encounters/{encounter['id']}")
    [(account, owed)] = money.by_account(posted).items()
    assert owed == Decimal("18.88")
    clinic.pay(account, "5.00")
    clinic.front_desk.post("/v1/statements", {"account_id": account}, name="statement")
    cancelled = clinic.book(clinic.appointment(patient["id"], desk, clinic.moment(desk, 15)))
    path = f"/v1/appointments/{cancelled['id']}:cancel"
    clinic.front_desk.post(path, {"by": "practice", "reason": f"{name} moved away"}, name="cancel")
    return account


def bury(clinic: Clinic, patient: Json) -> None:
    """Let reporting fail at the person's next change, so that the event with all its words is set aside."""
    name = patient["human"]["name"]["family"]
    path = f"/v1/patients/{patient['id']}"
    with forbidden(clinic.system, "reporting", "patient_names", f"display_name NOT LIKE '%{name}%'"):
        clinic.front_desk.patch(path, {"tags": ["canary"]}, clinic.front_desk.get(path)["etag"])
        until("a dead letter", lambda: bool(dead_letters(clinic.system, clinic.tenant_id)))


def balances(clinic: Clinic, account: str) -> Json:
    """Return every figure that an erasure must leave alone."""
    return {
        "ledger": money.ledger(clinic),
        "agings": money.agings(clinic),
        "account": amount(clinic.biller.get(f"/v1/accounts/{account}/balance")["balance"]),
        "claims": clinic.biller.get("/v1/reports/claimsByState")["totals"],
    }


def assert_found_everywhere(told: list[str]) -> None:
    """Before, the search finds the person in every service, in every stream that tells of persons, and in files."""
    text = "\n".join(told)
    for place in (
        "patients.patients", "patients.coverages", "scheduling.appointments", "billing.", "claims.claims",
        "reporting.patient_names", "reporting.dead_letters", ".replies", "PRAXIS_PATIENTS", "PRAXIS_CLAIMS", "file ",
        "/nats/",
    ):  # fmt: skip
        assert place in text, (place, told)
    assert "log " not in text


def until_nowhere(system: System, words: list[str]) -> list[str]:
    """Search until nothing is found, because erasure travels as an event, and return what is left in the end."""
    deadline = time.monotonic() + FORGET_SECONDS
    while (left := places(system, words)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left

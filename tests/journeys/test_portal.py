"""A mother at home: she books for her child and her dog, moves and cancels within the rules, and sees nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from tests.journeys.clinic import Clinic, Json, animal, answers_for, coined, human, instant, microchip, open_clinic
from tests.journeys.invariants import front_office_holds
from tests.support.api import Api
from tests.support.system import System


@dataclass(frozen=True)
class Family:
    """Two patients of one mother, a third of somebody else, and the mother's login."""

    mother: Api
    party: str
    child: str
    dog: str
    neighbor: str


@pytest.fixture(scope="module")
def clinic(system: System) -> Iterator[Clinic]:
    with closing(open_clinic(system, "tallgrass")) as clinic:
        yield clinic


@pytest.fixture(scope="module")
def family(clinic: Clinic) -> Iterator[Family]:
    party = clinic.party("Ada", coined("Vanterpool"))
    guardian = answers_for(party, "guarantor")
    child = clinic.register(human(coined("Vanterpool"), "Ben", "2018-05-06"), [guardian])["patient"]["id"]
    dog = clinic.register(animal(coined("Nugget"), microchip()), [answers_for(party, "owner")])["patient"]["id"]
    neighbor = clinic.register(human(coined("Ottway")))["patient"]["id"]
    with closing(portal_user(clinic, party)) as mother:
        yield Family(mother, party, child, dog, neighbor)


def portal_user(clinic: Clinic, party: str) -> Api:
    user = {"email": f"{coined('mother')}@example.org", "password": coined("A long sentence "), "role": "patient"}
    body = {"email": user["email"], "display_name": "Ada", "roles": ["patient"], "party_id": party}
    clinic.owner.post("/v1/users", {"user": body, "password": user["password"]})
    return Api.login(clinic.system.url, user, user["email"])


def offered(clinic: Clinic, family: Family, desk: int) -> list[Json]:
    kind = clinic.visit_type(clinic.practice.desks[desk].clinician.treats)
    wish = {"appointment_type_id": kind, "location_ids": [clinic.practice.desks[desk].location_id], "limit": 5}
    # Two days ahead, because a day's notice is asked for changes.
    wish["from_time"] = clinic.moment(clinic.practice.desks[desk], 9)
    return list(family.mother.post("/v1/appointments:findSlots", wish)["slots"])


def wish(clinic: Clinic, patient: str, desk: int, slot: Json, **more: str) -> Json:
    kind = clinic.visit_type(clinic.practice.desks[desk].clinician.treats)
    return {
        "patient_id": patient, "appointment_type_id": kind, "location_id": slot["location_id"],
        "start_time": slot["start_time"], "resource_ids": slot["resource_ids"], **more,
    }  # fmt: skip


def test_she_sees_those_whom_she_answers_for_and_nobody_else(clinic: Clinic, family: Family) -> None:
    mine = {each["id"] for each in family.mother.get("/v1/patients")["patients"]}
    assert mine == {family.child, family.dog}
    assert family.mother.get(f"/v1/patients/{family.child}")["id"] == family.child
    assert clinic.front_desk.get(f"/v1/patients/{family.neighbor}")["id"] == family.neighbor
    assert family.mother.refusal(lambda: family.mother.get(f"/v1/patients/{family.neighbor}")).status == 404
    view = family.mother.get(f"/v1/views/patients/{family.child}")
    assert view["patient"]["id"] == family.child
    assert "balances" not in view


def test_she_books_for_her_child_and_her_dog(clinic: Clinic, family: Family, stranger: Clinic) -> None:
    for patient, desk in ((family.child, 0), (family.dog, 1)):
        slot = offered(clinic, family, desk)[0]
        body = wish(clinic, patient, desk, slot, notes="Let me in", channel="desk", reason="Cough")
        booked = family.mother.post("/v1/appointments", body, name=coined("booking"))
        assert (booked["channel"], booked["local_start"], booked.get("notes")) == ("booking", slot["local_start"], None)
    foreign = wish(clinic, family.neighbor, 0, offered(clinic, family, 0)[0])
    assert family.mother.refusal(lambda: family.mother.post("/v1/appointments", foreign)).status == 404
    front_office_holds(clinic, stranger)


def test_she_takes_only_what_is_offered(clinic: Clinic, family: Family) -> None:
    slot = offered(clinic, family, 0)[0]
    night = {**slot, "start_time": clinic.moment(clinic.practice.desks[0], 3)}
    body = wish(clinic, family.child, 0, night, override_reason="I want to come at night")
    assert family.mother.refusal(lambda: family.mother.post("/v1/appointments", body)).code == "OUTSIDE_HOURS"


def test_she_moves_and_cancels_within_the_rules(clinic: Clinic, family: Family) -> None:
    first, *_, last = offered(clinic, family, 0)
    booked = family.mother.post("/v1/appointments", wish(clinic, family.child, 0, first), name=coined("b"))
    path = f"/v1/appointments/{booked['id']}"
    moved = family.mother.post(f"{path}:reschedule", {"start_time": last["start_time"]}, name=coined("m"))
    assert moved["local_start"] == last["local_start"]
    cancelled = family.mother.post(f"{path}:cancel", {"by": "practice", "reason": "Better"}, name=coined("c"))
    assert (cancelled["state"], cancelled["cancellation"]["by"]) == ("cancelled", "patient")
    theirs = clinic.book(wish(clinic, family.neighbor, 0, first, channel="desk"))
    for verb, body in (("cancel", {"by": "patient"}), ("reschedule", {"start_time": last["start_time"]})):
        problem = family.mother.refusal(
            lambda verb=verb, body=body: family.mother.post(f"/v1/appointments/{theirs['id']}:{verb}", body)
        )
        assert problem.status == 404
    assert clinic.front_desk.get(f"/v1/appointments/{theirs['id']}")["state"] == "booked"


def test_what_is_near_is_moved_by_the_desk_only(clinic: Clinic, family: Family) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=3)).replace(second=0, microsecond=0)
    near = clinic.appointment(family.child, clinic.first_desk, instant(soon))
    booked = clinic.book({**near, "override_reason": "She waits outside"})
    later = {"start_time": offered(clinic, family, 0)[-1]["start_time"]}
    path = f"/v1/appointments/{booked['id']}:reschedule"
    assert family.mother.refusal(lambda: family.mother.post(path, later)).code == "TOO_LATE_TO_MOVE"
    assert clinic.front_desk.post(path, later, name=coined("m"))["start_time"] == later["start_time"]


def test_lists_need_a_name_and_staff_work_is_closed(clinic: Clinic, family: Family) -> None:
    mother = family.mother
    listed = mother.get("/v1/appointments", patient_id=family.child)["appointments"]
    assert {each["patient_id"] for each in listed} == {family.child}
    assert mother.refusal(lambda: mother.get("/v1/appointments")).status == 400
    assert mother.refusal(lambda: mother.get("/v1/appointments", patient_id=family.neighbor)).status == 404
    for path in ("/v1/parties", "/v1/visits", "/v1/accounts", "/v1/users", "/v1/reports"):
        assert mother.refusal(lambda path=path: mother.get(path)).status in {403, 404}
    assert mother.refusal(lambda: mother.post("/v1/patients", human("Ottway"))).status == 403


def test_she_opts_out_of_texts_for_herself_only(clinic: Clinic, family: Family) -> None:
    body = {"channels": ["sms"], "source": "portal"}
    family.mother.post(f"/v1/parties/{family.party}:optOut", body, name=coined("o"))
    other = clinic.party("Cal", coined("Ottway"))
    assert family.mother.refusal(lambda: family.mother.post(f"/v1/parties/{other}:optOut", body)).status == 404
    clinic.front_desk.post(f"/v1/parties/{other}:optOut", {**body, "source": "phone"}, name=coined("o"))


def test_what_she_no_longer_answers_for_is_gone_from_her(clinic: Clinic, family: Family) -> None:
    dog = clinic.front_desk.get(f"/v1/patients/{family.dog}")
    buyer = clinic.party("Dee", coined("Buyer"))
    body = {"responsibilities": [answers_for(buyer, "owner")]}
    clinic.owner.post(f"/v1/patients/{family.dog}:changeResponsibilities", body, dog["etag"])
    family.mother.until("/v1/patients", lambda reply: [each["id"] for each in reply["patients"]] == [family.child])
    assert family.mother.refusal(lambda: family.mother.get(f"/v1/patients/{family.dog}")).status == 404

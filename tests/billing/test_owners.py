"""Owners change and pay by revenue group: what patients publishes is what billing charges by."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from billing.practice import TODAY, Practice, pays
from support.patients_house import House, shared

from praxis.billing.v1 import encounter_pb2, statement_pb2, statement_service_pb2
from praxis.patients.v1 import directory_service_pb2, events_pb2, patient_pb2, practice_pb2
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_billing.rules.shares import Agreed, Owner, owners_of
from praxis_chassis.testing import Refused, ServiceUnderTest
from praxis_chassis.types import new_id

TOLD = (events_pb2.PartyCreated, events_pb2.PatientRegistered, events_pb2.ResponsibilityChanged)


@pytest.fixture
def practice(billing: ServiceUnderTest) -> Practice:
    return Practice.open(billing)


@pytest.fixture
def house(patients: ServiceUnderTest) -> House:
    tenant = patients.tenant()
    practice = practice_pb2.Practice(
        name="Elm Street", kind=practice_pb2.PRACTICE_KIND_MIXED, country_code="US", currency_code="USD", locale="en-US"
    )
    practice = tenant.call("CreatePractice", directory_service_pb2.CreatePracticeRequest(practice=practice))
    return House(tenant, practice, practice_pb2.Location())


def tell(house: House, practice: Practice, known: set[bytes]) -> None:
    """Let everything that patients has published arrive at billing, in order, once."""
    for event in house.tenant.events():
        if isinstance(event, TOLD) and event.SerializeToString() not in known:
            known.add(event.SerializeToString())
            subject: Any = event.party if isinstance(event, events_pb2.PartyCreated) else event.patient
            practice.tenant.receive(event, subject.id)


def owed(practice: Practice, encounter: encounter_pb2.Encounter) -> list[dict[str, str]]:
    """Return who owes what of each charge, by name."""
    return [
        {
            practice.account(share.account_id).display_name.split()[-1]: share.amount.amount
            for share in practice.read(encounter).charges[place].shares
        }
        for place in range(len(encounter.charges))
    ]


def test_yesterdays_late_charge_goes_to_the_old_owners(house: House, practice: Practice) -> None:
    known: set[bytes] = set()
    ann, ben, cid, dan = (house.party(name) for name in ("Ann", "Ben", "Cid", "Dan"))
    horse = house.animal("Comet", (ann, 6000), (ben, 2500), (cid, 1500), species="horse").patient
    tell(house, practice, known)
    house.call(
        "TransferOwnership",
        pb.TransferOwnershipRequest(id=horse.id, from_party_id=ben.id, to_party_id=dan.id, from_date=TODAY.isoformat()),
    )
    tell(house, practice, known)
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    assert owed(practice, practice.post(horse.id, "RABIES", service_date=yesterday)) == [
        {"Ann": "20.00", "Ben": "8.33", "Cid": "5.00"}
    ]
    [today] = owed(practice, practice.post(horse.id, "RABIES"))
    assert today == {"Ann": "20.00", "Cid": "5.00", "Dan": "8.33"}
    practice.prove()


def test_each_group_of_charges_goes_to_who_named_it(house: House, practice: Practice) -> None:
    ann, ben, farm = (house.party(name) for name in ("Ann", "Ben", "Farm"))
    lab = patient_pb2.Responsibility(
        party_id=farm.id, role=patient_pb2.RESPONSIBILITY_ROLE_FARM, share_basis_points=10_000, revenue_groups=["lab"]
    )
    horse = house.register(
        animal=patient_pb2.AnimalProfile(name="Comet", species_code="horse"),
        responsibilities=[*shared((ann, 6000), (ben, 4000)), lab],
    ).patient
    tell(house, practice, set())
    posted = practice.post(horse.id, "RABIES", "85025")
    assert owed(practice, posted) == [{"Ann": "20.00", "Ben": "13.33"}, {"Farm": "25.50"}]
    practice.prove()


def test_what_an_insurer_leaves_goes_to_who_named_the_group(practice: Practice) -> None:
    from billing.practice import decided

    parent, employer = practice.party("Parent"), practice.party("Employer")
    lab = pays(employer, 10_000)
    lab.revenue_groups.append("lab")
    patient_id = str(new_id())
    patient = patient_pb2.Patient(
        id=patient_id, human=patient_pb2.HumanProfile(), responsibilities=[pays(parent, 10_000), lab]
    )
    practice.tenant.receive(events_pb2.PatientRegistered(patient=patient), patient_id)
    coverage = practice.cover(patient_id)
    posted = practice.post(patient_id, "99213", "85025")
    lines = [("80.00", {"PR": "20.00"}), ("20.50", {"PR": "5.00"})]
    practice.remit(decided(posted, coverage, *lines), payment="100.50")
    open_now = [
        {
            practice.account(share.account_id).display_name: share.open.amount
            for share in charge.shares
            if share.open.amount != "0.00"
        }
        for charge in practice.read(posted).charges
    ]
    assert open_now == [{"Parent": "20.00"}, {"Employer": "5.00"}]
    practice.prove()


def test_an_account_that_pays_twice_stands_once() -> None:
    one, two = new_id(), new_id()
    agreed = [Agreed(one, 2000), Agreed(two, 5000), Agreed(one, 3000), Agreed(two, 10_000, frozenset({"lab"}))]
    assert owners_of(agreed, "visits") == [Owner(one, 5000), Owner(two, 5000)]
    assert owners_of(agreed, "lab") == [Owner(two, 10_000)]


def test_held_statements_leave_a_patient_out_and_keep_the_balance(practice: Practice) -> None:
    owner = practice.party("Owner 1")
    rex, tom = (str(new_id()) for _ in range(2))

    def tell_of(patient_id: str, *, held: bool, kind: type = events_pb2.PatientUpdated) -> None:
        patient = patient_pb2.Patient(
            id=patient_id,
            animal=patient_pb2.AnimalProfile(name="Rex"),
            responsibilities=[pays(owner, 10_000)],
            statements_held=held,
        )
        practice.tenant.receive(kind(patient=patient), patient_id)

    def issue() -> Any:
        statement = statement_pb2.Statement(account_id=account)
        return practice.tenant.call(
            "CreateStatement", statement_service_pb2.CreateStatementRequest(statement=statement)
        )

    for patient_id in (rex, tom):
        tell_of(patient_id, held=False, kind=events_pb2.PatientRegistered)
    practice.post(rex, "RABIES")
    account = practice.account_of(rex).id
    tell_of(rex, held=True)
    with pytest.raises(Refused) as refused:
        issue()
    assert refused.value.reason == "STATEMENTS_HELD"
    practice.post(tom, "85025")
    statement = issue()
    assert (statement.amount_due.amount, statement.line_count) == ("25.50", 1)
    assert practice.balance(account).balance.amount == "58.83"
    tell_of(rex, held=False)
    assert issue().amount_due.amount == "58.83"

"""Posting encounters: prices, taxes, discounts, and who pays which part."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from billing.practice import TODAY, Practice, amounts, pays, usd

from praxis.billing.v1 import encounter_pb2, encounter_service_pb2, events_pb2, ledger_service_pb2
from praxis.patients.v1 import events_pb2 as patients
from praxis.patients.v1 import patient_pb2, practitioner_pb2
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis.scheduling.v1 import visit_pb2
from praxis_chassis.testing import Refused, ServiceUnderTest
from praxis_chassis.types import new_id


@pytest.fixture
def practice(billing: ServiceUnderTest) -> Practice:
    return Practice.open(billing)


def test_an_uninsured_person_owes_the_whole_charge(practice: Practice) -> None:
    patient = practice.human()
    posted = practice.post(patient, "99213", "85025")
    assert posted.total.amount == "125.50"
    assert amounts(posted) == [[("account", "100.00")], [("account", "25.50")]]
    assert posted.diagnoses == ["J069"]
    assert posted.place_of_service_code == "11"
    [event] = practice.tenant.events(events_pb2.EncounterPosted)
    assert event.encounter.charges[0].shares[0].amount.amount == "100.00"  # type: ignore[attr-defined]
    practice.prove()


def test_the_insurer_is_responsible_for_all_but_the_copay(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient, copay="30.00")
    posted = practice.post(patient, "85025", "99213")
    assert sorted(amounts(posted)[0]) == [("account", "25.50")]
    assert sorted(amounts(posted)[1]) == [("account", "4.50"), ("insurer", "95.50")]
    shares = {share.coverage_id: share for charge in posted.charges for share in charge.shares}
    assert shares[coverage].payer_id == practice.payer
    assert shares[coverage].rank == 1
    practice.prove()


def test_self_pay_leaves_the_insurer_out(practice: Practice) -> None:
    patient = practice.human()
    practice.cover(patient)
    assert amounts(practice.post(patient, "99213", self_pay=True)) == [[("account", "100.00")]]


def test_nobody_becomes_self_pay_because_a_coverage_is_still_on_its_way(practice: Practice) -> None:
    patient = practice.human()
    with pytest.raises(Refused, match="COVERAGE_NOT_KNOWN_YET"):
        practice.post(patient, "99213", self_pay=False)
    practice.cover(patient)
    assert amounts(practice.post(patient, "99213", self_pay=False)) == [[("insurer", "100.00")]]


def test_a_coverage_that_ended_does_not_stand_in_for_a_new_one(practice: Practice) -> None:
    patient = practice.human()
    practice.cover(patient, to_date=TODAY.isoformat())
    with pytest.raises(Refused, match="COVERAGE_NOT_KNOWN_YET"):
        practice.post(patient, "99213", self_pay=False)


def test_what_happened_at_work_is_billed_to_the_coverage_for_it_and_to_no_other(practice: Practice) -> None:
    patient, cause = practice.human(), str(new_id())
    health = practice.cover(patient)
    with pytest.raises(Refused, match="COVERAGE_NOT_KNOWN_YET"):
        practice.post(patient, "99213", related_cause_id=cause)
    works = practice.cover(patient, cause=cause)
    for named, billed in ((cause, works), ("", health)):
        posted = practice.post(patient, "99213", related_cause_id=named)
        assert posted.related_cause_id == named
        assert [share.coverage_id for charge in posted.charges for share in charge.shares] == [billed]


def test_two_owners_share_to_the_cent_with_tax_on_top(practice: Practice) -> None:
    practice.tax("8.25", inclusive=False)
    patient = practice.animal(6000, 4000)
    posted = practice.post(patient, "RABIES")
    charge = posted.charges[0]
    assert (charge.gross.amount, charge.tax.amount, charge.total.amount) == ("33.33", "2.75", "36.08")
    assert sorted(share.amount.amount for share in charge.shares) == ["14.43", "21.65"]
    practice.prove()


def test_an_inclusive_tax_is_taken_out_of_revenue(practice: Practice) -> None:
    practice.tax("20", inclusive=True)
    posted = practice.post(practice.animal(10_000), "RABIES")
    assert (posted.total.amount, posted.charges[0].tax.amount) == ("33.33", "5.56")
    lines = practice.tenant.call("GetTrialBalance", ledger_service_pb2.GetTrialBalanceRequest())
    credited = {line.ledger_account: line.credit.amount for line in lines.lines}
    assert credited["revenue.products"] == "27.77"
    assert credited["tax_payable"] == "5.56"
    assert lines.balanced


def test_units_and_discount_make_the_price(practice: Practice) -> None:
    charge = encounter_pb2.Charge(procedure_code="85025", units="2.5", discount_basis_points=1000)
    posted = practice.post(practice.human(), charges=[charge])
    found = posted.charges[0]
    assert (found.gross.amount, found.discount.amount, found.total.amount) == ("63.75", "6.38", "57.37")


def test_a_payers_contract_price_wins_over_the_usual_one(practice: Practice) -> None:
    practice.schedule({"99213": "80.00"}, payer_id=practice.payer)
    insured, other = practice.human(), practice.human("Other")
    practice.cover(insured)
    assert practice.post(insured, "99213").total.amount == "80.00"
    assert practice.post(other, "99213").total.amount == "100.00"


def test_old_visits_keep_old_fees(practice: Practice) -> None:
    practice.schedule({"99213": "110.00"}, start_date=TODAY.isoformat())
    patient = practice.human()
    earlier = (TODAY - timedelta(days=1)).isoformat()
    assert practice.post(patient, "99213", service_date=earlier).total.amount == "100.00"
    assert practice.post(patient, "99213").total.amount == "110.00"


def test_a_price_by_hand_needs_its_permission(practice: Practice) -> None:
    patient = practice.human()
    charge = encounter_pb2.Charge(procedure_code="99213", unit_price=usd("75.00"))
    request = encounter_service_pb2.CreateEncounterRequest(encounter=practice.encounter(patient, charges=[charge]))
    with pytest.raises(Refused) as refused:
        practice.tenant.call("CreateEncounter", request, permissions=["billing.encounters.post"])
    assert refused.value.reason == "PRICE_NEEDS_PERMISSION"
    assert practice.tenant.call("CreateEncounter", request).total.amount == "75.00"


def test_a_negative_fee_is_refused(practice: Practice) -> None:
    with pytest.raises(Refused) as refused:
        practice.schedule({"99213": "-1.00"})
    assert [item[:2] for item in refused.value.violations] == [("fee_schedule.fees[0].amount", "AMOUNT_NOT_POSITIVE")]


@pytest.mark.parametrize("discount", [{"discount_basis_points": 10_000}, {"discount": usd("5.00")}])
def test_a_discount_needs_its_permission(practice: Practice, discount: dict[str, Any]) -> None:
    charge = encounter_pb2.Charge(procedure_code="99213", **discount)
    encounter = practice.encounter(practice.human(), charges=[charge])
    request = encounter_service_pb2.CreateEncounterRequest(encounter=encounter)
    for others in (["billing.encounters.post"], ["billing.encounters.post", "billing.encounters.reprice"]):
        with pytest.raises(Refused) as refused:
            practice.tenant.call("CreateEncounter", request, permissions=others)
        assert refused.value.reason == "DISCOUNT_NEEDS_PERMISSION"
    allowed = ["billing.encounters.post", "billing.encounters.discount"]
    assert practice.tenant.call("CreateEncounter", request, permissions=allowed).total.amount in {"0.00", "95.00"}


def test_a_preview_prices_without_posting(practice: Practice) -> None:
    patient = practice.human()
    practice.cover(patient, copay="20.00")
    request = encounter_service_pb2.PreviewEncounterRequest(encounter=practice.encounter(patient, "99213"))
    preview = practice.tenant.call("PreviewEncounter", request)
    assert sorted(amounts(preview)[0]) == [("account", "20.00"), ("insurer", "80.00")]
    assert (preview.etag, preview.number) == ("", "")
    assert not practice.tenant.events(events_pb2.EncounterPosted)
    assert not practice.tenant.call("ListEncounters", encounter_service_pb2.ListEncountersRequest()).encounters


def test_a_practitioner_of_a_charge_and_a_referrer_may_be_named_once_they_are_known(practice: Practice) -> None:
    colleague, referrer = str(new_id()), str(new_id())
    known = practitioner_pb2.Practitioner(id=colleague)
    practice.tenant.receive(patients.PractitionerCreated(practitioner=known), colleague)
    practice.tenant.receive(patients.ReferrerCreated(referrer=practitioner_pb2.Referrer(id=referrer)), referrer)
    charge = encounter_pb2.Charge(procedure_code="99213", rendering_practitioner_id=colleague)
    posted = practice.post(practice.human(), charges=[charge], referrer_id=referrer)
    assert (posted.charges[0].rendering_practitioner_id, posted.referrer_id) == (colleague, referrer)


def test_nothing_is_charged_for_a_day_after_the_death(practice: Practice) -> None:
    patient_id = practice.animal(10_000)
    earlier = (TODAY - timedelta(days=3)).isoformat()
    owner = pays(practice.party("Owner"), 10_000)
    dead = patient_pb2.Patient(
        id=patient_id, animal=patient_pb2.AnimalProfile(name="Biscuit"), responsibilities=[owner], deceased_date=earlier
    )
    practice.tenant.receive(patients.PatientUpdated(patient=dead), patient_id)
    with pytest.raises(Refused) as refused:
        practice.post(patient_id, "RABIES")
    assert refused.value.reason == "PATIENT_DECEASED"
    assert practice.post(patient_id, "RABIES", service_date=earlier).total.amount == "33.33"
    dead.deceased_date = ""
    practice.tenant.receive(patients.PatientUpdated(patient=dead), patient_id)
    assert practice.post(patient_id, "RABIES").total.amount == "33.33"


def test_a_visit_is_checked_out_once(practice: Practice) -> None:
    patient, visit = practice.human(), str(new_id())
    with pytest.raises(Refused) as refused:
        practice.post(patient, "99213", visit_id=visit)
    assert refused.value.reason == "VISIT_NOT_KNOWN_YET"
    arrived = scheduling.VisitArrived(visit=visit_pb2.Visit(id=visit, patient_id=patient))
    practice.tenant.receive(arrived, visit)
    with pytest.raises(Refused) as refused:
        practice.post(practice.human(), "99213", visit_id=visit)
    assert refused.value.violations[0][:2] == ("encounter.visit_id", "VISIT_OF_ANOTHER")
    first = practice.post(patient, "99213", visit_id=visit)
    with pytest.raises(Refused) as refused:
        practice.post(patient, "99213", visit_id=visit)
    assert refused.value.reason == "VISIT_ALREADY_POSTED"
    request = encounter_service_pb2.ReverseEncounterRequest(id=first.id, etag=first.etag, reason="wrong patient")
    practice.tenant.call("ReverseEncounter", request)
    assert practice.post(patient, "99213", visit_id=visit).state == encounter_pb2.ENCOUNTER_STATE_POSTED


def test_the_same_key_posts_once(practice: Practice) -> None:
    patient = practice.human()
    request = encounter_service_pb2.CreateEncounterRequest(encounter=practice.encounter(patient, "99213"))
    first = practice.tenant.call("CreateEncounter", request, key="checkout-1")
    again = practice.tenant.call("CreateEncounter", request, key="checkout-1")
    assert again == first
    assert practice.balance(practice.account_of(patient).id).balance.amount == "100.00"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"patient_id": "0190a6d0-7b1c-7c3e-9d7e-2f4b5a6c7d99"}, "PATIENT_NOT_KNOWN_YET"),
        ({"location_id": "0190a6d0-7b1c-7c3e-9d7e-2f4b5a6c7d99"}, "LOCATION_NOT_KNOWN_YET"),
        ({"rendering_practitioner_id": "0190a6d0-7b1c-7c3e-9d7e-2f4b5a6c7d99"}, "PRACTITIONER_NOT_KNOWN_YET"),
        ({"referrer_id": "0190a6d0-7b1c-7c3e-9d7e-2f4b5a6c7d99"}, "REFERRER_NOT_KNOWN_YET"),
        (
            {"charges": [encounter_pb2.Charge(procedure_code="99213", rendering_practitioner_id=str(new_id()))]},
            "PRACTITIONER_NOT_KNOWN_YET",
        ),
        ({"charges": [encounter_pb2.Charge(procedure_code="00000")]}, "ITEM_NOT_FOUND"),
        ({"charges": [encounter_pb2.Charge(procedure_code="RABIES")]}, "ITEM_NOT_FOR_PATIENT"),
        ({"charges": [encounter_pb2.Charge(procedure_code="99213", diagnosis_pointers=[2])]}, "INVALID_REQUEST"),
        ({"charges": [encounter_pb2.Charge()]}, "INVALID_REQUEST"),
        ({"charges": [encounter_pb2.Charge(procedure_code="99213", units="0")]}, "INVALID_REQUEST"),
        (
            {
                "charges": [
                    encounter_pb2.Charge(procedure_code="99213", units="999999", unit_price=usd("9999999999999"))
                ]
            },
            "INVALID_REQUEST",
        ),
        ({"charges": []}, "INVALID_REQUEST"),
        ({"service_date": "2999-01-01"}, "INVALID_REQUEST"),
        ({"service_date": "2019-01-01"}, "FEE_MISSING"),
        ({"service_date": "yesterday"}, "INVALID_REQUEST"),
    ],
)
def test_what_cannot_be_posted_is_refused_with_a_reason(
    practice: Practice, change: dict[str, object], reason: str
) -> None:
    patient = practice.human()
    with pytest.raises(Refused) as refused:
        practice.post(patient, "99213", **change)
    assert refused.value.reason == reason


def test_nobody_responsible_means_nobody_to_bill(practice: Practice) -> None:
    with pytest.raises(Refused) as refused:
        practice.post(practice.animal(), "RABIES")
    assert refused.value.reason == "NO_RESPONSIBLE_ACCOUNT"


def test_a_late_charge_goes_to_those_who_owned_the_animal_that_day(practice: Practice) -> None:
    patient, seller, buyer = practice.animal(10_000), practice.party("Seller"), practice.party("Buyer")
    sold = TODAY.isoformat()
    owners = [pays(seller, 10_000, to_date=sold), pays(buyer, 10_000, from_date=sold)]
    changed = patient_pb2.Patient(id=patient, animal=patient_pb2.AnimalProfile(name="Rex"), responsibilities=owners)
    practice.tenant.receive(patients.ResponsibilityChanged(patient=changed, effective_date=sold), patient)
    late = practice.post(patient, "RABIES", service_date=(TODAY - timedelta(days=1)).isoformat())
    today = practice.post(patient, "RABIES")
    found = [practice.account(encounter.charges[0].shares[0].account_id).party_id for encounter in (late, today)]
    assert found == [seller, buyer]

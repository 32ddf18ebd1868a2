"""What is usually charged for a visit and was not, for the checkout and for the owner."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from billing.practice import PRACTITIONER, TODAY, Practice

from praxis.billing.v1 import catalog_pb2, catalog_service_pb2, encounter_service_pb2
from praxis.billing.v1 import missed_charge_service_pb2 as pb
from praxis.patients.v1 import events_pb2 as patients
from praxis.scheduling.v1 import appointment_type_pb2, visit_pb2
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis_chassis.testing import Refused, ServiceUnderTest
from praxis_chassis.types import new_id


@pytest.fixture
def practice(billing: ServiceUnderTest) -> Practice:
    return Practice.open(billing)


@dataclass
class Stay:
    """A visit as scheduling tells of it."""

    practice: Practice
    visit: visit_pb2.Visit

    @classmethod
    def begin(cls, practice: Practice, patient: str, kind: str, days_ago: int = 0, **more: Any) -> Stay:
        """Let a patient arrive."""
        visit = visit_pb2.Visit(
            id=str(new_id()),
            patient_id=patient,
            location_id=more.pop("location_id", practice.location),
            practitioner_id=PRACTITIONER,
            appointment_type_id=kind,
            local_date=(TODAY - timedelta(days=days_ago)).isoformat(),
            state=visit_pb2.VISIT_STATE_ARRIVED,
        )
        stay = cls(practice, visit)
        stay._tell(scheduling.VisitArrived)
        return stay

    def go_to_checkout(self) -> Stay:
        self.visit.state = visit_pb2.VISIT_STATE_READY_FOR_CHECKOUT
        self._tell(scheduling.VisitReadyForCheckout)
        return self

    def complete(self) -> None:
        self.visit.state = visit_pb2.VISIT_STATE_COMPLETED
        self._tell(scheduling.VisitCompleted)

    def go_back(self) -> None:
        self.visit.state = visit_pb2.VISIT_STATE_WITH_CLINICIAN
        self._tell(scheduling.VisitCorrected)

    def leave_unseen(self) -> None:
        self.visit.state = visit_pb2.VISIT_STATE_LEFT
        self._tell(scheduling.VisitLeft)

    def _tell(self, event: Any) -> None:
        self.practice.tenant.receive(event(visit=self.visit), self.visit.id)


def kind_of(practice: Practice, *codes: str, name: str = "Check") -> str:
    """Let a kind of appointment arrive, for which some items are usually charged."""
    kind = appointment_type_pb2.AppointmentType(
        id=str(new_id()), name=name, default_catalog_item_ids=[practice.items[code] for code in codes]
    )
    practice.tenant.receive(scheduling.AppointmentTypeCreated(appointment_type=kind), kind.id)
    return str(kind.id)


def missed(practice: Practice, **wanted: Any) -> list[Any]:
    return list(practice.tenant.call("ListMissedCharges", pb.ListMissedChargesRequest(**wanted)).missed_charges)


def dismiss(practice: Practice, stay: Stay, *codes: str, reason: str = "Not done today") -> Any:
    items = [practice.items[code] for code in codes]
    request = pb.DismissMissedChargeRequest(visit_id=stay.visit.id, catalog_item_ids=items, reason=reason)
    return practice.tenant.call("DismissMissedCharge", request)


def restore(practice: Practice, visit_id: str) -> Any:
    return practice.tenant.call("RestoreMissedCharge", pb.RestoreMissedChargeRequest(visit_id=visit_id))


def told(found: Any) -> tuple[list[tuple[str, str]], str]:
    return [(item.code, item.amount.amount) for item in found.items], found.amount.amount


def test_a_visit_at_checkout_shows_what_is_usual_and_what_it_costs(practice: Practice) -> None:
    patient = practice.human()
    stay = Stay.begin(practice, patient, kind_of(practice, "99213", "85025"))
    assert missed(practice) == []  # the patient is still with the doctor
    stay.go_to_checkout()
    (found,) = missed(practice, visit_id=stay.visit.id)
    assert (found.visit_id, found.patient_id, found.encounter_id) == (stay.visit.id, patient, "")
    assert found.appointment_type_name == "Check"
    assert told(found) == ([("99213", "100.00"), ("85025", "25.50")], "125.50")


def test_what_was_charged_is_not_missed(practice: Practice) -> None:
    patient, kind = practice.human(), kind_of(practice, "99213", "85025")
    part, whole = (Stay.begin(practice, patient, kind).go_to_checkout() for _ in range(2))
    posted = practice.post(patient, "99213", visit_id=part.visit.id)
    practice.post(patient, "85025", "99213", visit_id=whole.visit.id)
    (found,) = missed(practice)
    assert (found.visit_id, found.encounter_id) == (part.visit.id, posted.id)
    assert told(found) == ([("85025", "25.50")], "25.50")


def test_what_was_added_on_the_day_without_the_visit_counts(practice: Practice) -> None:
    patient, kind = practice.human(), kind_of(practice, "99213", "85025")
    stay = Stay.begin(practice, patient, kind).go_to_checkout()
    own = practice.post(patient, "99213", visit_id=stay.visit.id)
    practice.post(practice.human("Otto Other"), "85025")
    assert [(each.encounter_id, told(each)[1]) for each in missed(practice)] == [(own.id, "25.50")]
    practice.post(patient, "85025")
    assert missed(practice) == []
    later = Stay.begin(practice, patient, kind, days_ago=-1).go_to_checkout()
    assert [each.visit_id for each in missed(practice)] == [later.visit.id]


def test_charges_that_were_taken_back_are_missed_again(practice: Practice) -> None:
    patient = practice.human()
    stay = Stay.begin(practice, patient, kind_of(practice, "99213")).go_to_checkout()
    posted = practice.post(patient, "99213", visit_id=stay.visit.id)
    assert missed(practice) == []
    request = encounter_service_pb2.ReverseEncounterRequest(id=posted.id, reason="Wrong visit", etag=posted.etag)
    practice.tenant.call("ReverseEncounter", request)
    (found,) = missed(practice)
    assert (found.visit_id, found.encounter_id) == (stay.visit.id, "")


def test_a_visit_without_any_charge_is_shown_whatever_it_was_for(practice: Practice) -> None:
    patient = practice.human()
    walk_in = Stay.begin(practice, patient, "").go_to_checkout()
    (found,) = missed(practice)
    assert (found.visit_id, found.appointment_type_name, told(found)) == (walk_in.visit.id, "", ([], ""))
    practice.post(patient, "85025", visit_id=walk_in.visit.id)
    assert missed(practice) == []
    Stay.begin(practice, patient, "").leave_unseen()
    assert missed(practice) == []


def test_the_price_is_that_of_the_insurer(practice: Practice) -> None:
    practice.schedule({"99213": "80.00"}, payer_id=practice.payer)
    patient = practice.human()
    practice.cover(patient)
    kind = kind_of(practice, "99213")
    stay = Stay.begin(practice, patient, kind).go_to_checkout()
    assert told(missed(practice, visit_id=stay.visit.id)[0]) == ([("99213", "80.00")], "80.00")
    alone = Stay.begin(practice, patient, kind).go_to_checkout()
    practice.post(patient, "85025", visit_id=alone.visit.id, self_pay=True)
    assert told(missed(practice, visit_id=alone.visit.id)[0]) == ([("99213", "100.00")], "100.00")


def test_an_item_without_a_price_has_none_and_a_retired_one_is_not_usual(practice: Practice) -> None:
    practice.items["99214"] = practice.item("99214", "Long visit", catalog_pb2.SECTOR_HUMAN, "visits")
    stay = Stay.begin(practice, practice.human(), kind_of(practice, "99214", "85025")).go_to_checkout()
    (found,) = missed(practice, visit_id=stay.visit.id)
    assert told(found) == ([("99214", ""), ("85025", "25.50")], "25.50")
    item = practice.tenant.call("GetCatalogItem", catalog_service_pb2.GetCatalogItemRequest(id=practice.items["99214"]))
    item.retired = True
    request = catalog_service_pb2.UpdateCatalogItemRequest(catalog_item=item, update_mask={"paths": ["retired"]})
    practice.tenant.call("UpdateCatalogItem", request)
    (found,) = missed(practice, visit_id=stay.visit.id)
    assert told(found) == ([("85025", "25.50")], "25.50")


def test_what_is_not_for_the_patient_is_not_missed(practice: Practice) -> None:
    kind = kind_of(practice, "99213", "RABIES", "85025")
    person = Stay.begin(practice, practice.human(), kind).go_to_checkout()
    pet = Stay.begin(practice, practice.animal(10_000), kind).go_to_checkout()
    codes = {each.visit_id: [item.code for item in each.items] for each in missed(practice)}
    assert codes == {person.visit.id: ["99213", "85025"], pet.visit.id: ["RABIES", "85025"]}


def test_what_is_long_past_is_asked_for(practice: Practice) -> None:
    stay = Stay.begin(practice, practice.human(), kind_of(practice, "99213"), days_ago=120).go_to_checkout()
    assert missed(practice) == []
    day = stay.visit.local_date
    for wanted in ({"from_date": day}, {"to_date": day}, {"visit_id": stay.visit.id}):
        assert [each.visit_id for each in missed(practice, **wanted)] == [stay.visit.id]


def test_pages_dates_and_places(practice: Practice) -> None:
    patient, kind, elsewhere = practice.human(), kind_of(practice, "99213"), str(new_id())
    stays = [Stay.begin(practice, patient, kind, days_ago=days).go_to_checkout() for days in range(4)]
    other = Stay.begin(practice, patient, kind, location_id=elsewhere).go_to_checkout()
    ids = [stay.visit.id for stay in stays]
    assert [each.visit_id for each in missed(practice, location_id=practice.location)] == ids
    assert [each.visit_id for each in missed(practice, location_id=elsewhere)] == [other.visit.id]
    day = stays[2].visit.local_date
    assert [each.visit_id for each in missed(practice, from_date=day, to_date=day)] == [ids[2]]
    request = pb.ListMissedChargesRequest(location_id=practice.location, page_size=3)
    first = practice.tenant.call("ListMissedCharges", request)
    request.page_token = first.next_page_token
    rest = practice.tenant.call("ListMissedCharges", request)
    assert [each.visit_id for each in (*first.missed_charges, *rest.missed_charges)] == ids
    assert not rest.next_page_token
    with pytest.raises(Refused) as refused:
        missed(practice, from_date="2026-03-02", to_date="2026-03-01")
    assert [(place, why) for place, why, _ in refused.value.violations] == [("to_date", "ENDS_BEFORE_START")]


def test_what_was_not_forgotten_leaves_the_list_and_comes_back(practice: Practice) -> None:
    stay = Stay.begin(practice, practice.human(), kind_of(practice, "99213", "85025")).go_to_checkout()
    left = dismiss(practice, stay, "85025")
    assert told(left) == ([("99213", "100.00")], "100.00") == told(missed(practice)[0])
    (said,) = left.dismissals
    assert (said.reason, said.nothing_charged) == ("Not done today", False)
    assert said.dismissed_by
    assert said.dismiss_time.seconds
    assert told(missed(practice, dismissed=True)[0]) == ([("85025", "25.50")], "25.50")
    dismiss(practice, stay, "99213", reason="A visit free of charge")
    assert missed(practice) == []
    (gone,) = missed(practice, dismissed=True)
    assert [(list(each.catalog_item_ids), each.reason, each.nothing_charged) for each in gone.dismissals] == [
        ([practice.items["85025"]], "Not done today", False),
        ([practice.items["99213"]], "A visit free of charge", True),
    ]
    assert told(restore(practice, stay.visit.id)) == told(missed(practice)[0])
    assert missed(practice, dismissed=True) == []
    assert told(missed(practice)[0]) == ([("99213", "100.00"), ("85025", "25.50")], "125.50")


def test_a_visit_without_usual_items_is_dismissed_as_a_whole(practice: Practice) -> None:
    stay = Stay.begin(practice, practice.human(), "").go_to_checkout()
    assert dismiss(practice, stay).dismissals[0].nothing_charged
    assert missed(practice) == []
    assert [each.visit_id for each in missed(practice, dismissed=True)] == [stay.visit.id]


def test_what_is_taken_back_is_missed_again(practice: Practice) -> None:
    patient, kind = practice.human(), kind_of(practice, "99213", "85025")
    part, whole = (Stay.begin(practice, patient, kind, days_ago=days).go_to_checkout() for days in range(2))
    bare = Stay.begin(practice, practice.human("Otto Other"), "").go_to_checkout()
    first = practice.post(patient, "99213", visit_id=part.visit.id)
    dismiss(practice, part, "85025")
    dismiss(practice, whole, "99213", "85025")
    dismiss(practice, bare)
    assert missed(practice) == []
    second = practice.post(patient, "99213", visit_id=whole.visit.id, service_date=whole.visit.local_date)
    third = practice.post(bare.visit.patient_id, "85025", visit_id=bare.visit.id)
    for posted in (first, second, third):
        request = encounter_service_pb2.ReverseEncounterRequest(id=posted.id, etag=posted.etag, reason="wrong")
        practice.tenant.call("ReverseEncounter", request)
    found = {each.visit_id: told(each)[0] for each in missed(practice)}
    assert found == {part.visit.id: [("99213", "100.00")], whole.visit.id: [("99213", "100.00")], bare.visit.id: []}
    assert {each.visit_id for each in missed(practice, dismissed=True)} == {part.visit.id, whole.visit.id}


def test_a_visit_that_goes_back_to_the_doctor_is_looked_at_anew(practice: Practice) -> None:
    stay = Stay.begin(practice, practice.human(), kind_of(practice, "99213")).go_to_checkout()
    dismiss(practice, stay, "99213", reason="Left early")
    stay.complete()
    assert missed(practice) == []
    stay.go_back()
    assert missed(practice, dismissed=True) == []
    stay.go_to_checkout()
    assert told(missed(practice)[0]) == ([("99213", "100.00")], "100.00")


def test_only_what_is_shown_is_dismissed(practice: Practice) -> None:
    patient = practice.human()
    stay = Stay.begin(practice, patient, kind_of(practice, "99213")).go_to_checkout()
    for codes, why in (((), "MISSED_ITEMS_NOT_NAMED"), (("99213", "85025"), "NOT_MISSED"), (("RABIES",), "NOT_MISSED")):
        with pytest.raises(Refused) as refused:
            dismiss(practice, stay, *codes)
        assert [(place, reason) for place, reason, _ in refused.value.violations] == [("catalog_item_ids", why)]
    practice.post(patient, "99213", visit_id=stay.visit.id)
    with pytest.raises(Refused, match="NOTHING_MISSED"):
        dismiss(practice, stay, "99213")
    for visit_id in (stay.visit.id, str(new_id())):
        with pytest.raises(Refused, match="NOT_FOUND"):
            restore(practice, visit_id)
    with_doctor = Stay.begin(practice, patient, "")
    with pytest.raises(Refused, match="NOTHING_MISSED"):
        dismiss(practice, with_doctor)


def test_what_was_said_is_forgotten_with_the_patient(practice: Practice) -> None:
    gone, stays = (practice.human(name) for name in ("Otto Other", "Anna Other"))
    reasons = {patient: f"{patient} came for a talk" for patient in (gone, stays)}
    for patient, reason in reasons.items():
        dismiss(practice, Stay.begin(practice, patient, "").go_to_checkout(), reason=reason)
    assert {each.patient_id: each.dismissals[0].reason for each in missed(practice, dismissed=True)} == reasons
    practice.tenant.receive(patients.PatientErased(patient_id=gone), gone)
    found = {each.patient_id: each.dismissals[0].reason for each in missed(practice, dismissed=True)}
    assert found == {gone: "", stays: reasons[stays]}


def test_a_visit_of_somebody_who_is_not_known_yet_hides_no_other(practice: Practice) -> None:
    known, unknown = (Stay.begin(practice, practice.human(), "").go_to_checkout() for _ in range(2))
    for stay in (known, unknown):
        dismiss(practice, stay)
    survivor = str(new_id())
    merged = patients.PatientMerged(merge_id=str(new_id()), survivor_id=survivor)
    merged.patient.id = unknown.visit.patient_id
    merged.patient.human.name.family = "Other"
    practice.tenant.receive(merged, unknown.visit.patient_id)
    assert [each.visit_id for each in missed(practice, dismissed=True)] == [known.visit.id]
    assert restore(practice, unknown.visit.id).patient_id == survivor


def test_two_who_dismiss_at_once_say_it_once(practice: Practice) -> None:
    stays = [Stay.begin(practice, practice.human(), kind_of(practice, "99213")).go_to_checkout() for _ in range(12)]
    with ThreadPoolExecutor(2) as pool:
        for stay in stays:
            calls = [pool.submit(dismiss, practice, stay, "99213") for _ in range(2)]
            failures = [type(call.exception()) for call in calls if call.exception()]
            assert failures == [Refused]
    assert [len(each.dismissals) for each in missed(practice, dismissed=True)] == [1] * len(stays)

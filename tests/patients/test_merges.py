"""Two records of one patient become one, and two again when that was wrong."""

from __future__ import annotations

import pytest
from support.patients_house import House

from praxis.billing.v1 import events_pb2 as billing
from praxis.claims.v1 import events_pb2 as claims
from praxis.patients.v1 import coverage_service_pb2, events_pb2, merge_pb2, patient_pb2
from praxis.patients.v1 import merge_service_pb2 as pb
from praxis.patients.v1 import patient_service_pb2 as patients_pb
from praxis.reporting.v1 import events_pb2 as reporting
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis_chassis.testing import Refused
from praxis_chassis.types import new_id

REASON = "Registered twice"


def merge(house: House, survivor: patient_pb2.Patient, absorbed: patient_pb2.Patient) -> merge_pb2.PatientMerge:
    request = pb.MergePatientsRequest(id=survivor.id, duplicate_id=absorbed.id, reason=REASON)
    done: merge_pb2.PatientMerge = house.call("MergePatients", request)
    return done


def reverse(house: House, done: merge_pb2.PatientMerge) -> merge_pb2.PatientMerge:
    request = pb.ReversePatientMergeRequest(id=done.id, reason="Two persons after all")
    undone: merge_pb2.PatientMerge = house.call("ReversePatientMerge", request)
    return undone


def coverages(house: House, patient_id: str) -> list[tuple[str, int]]:
    request = coverage_service_pb2.ListCoveragesRequest(patient_id=patient_id)
    return [(item.member_id, item.rank) for item in house.call("ListCoverages", request).coverages]


def reference(value: str) -> patient_pb2.ExternalReference:
    return patient_pb2.ExternalReference(system="https://emr.example", value=value)


@pytest.fixture
def pair(house: House) -> tuple[patient_pb2.Patient, patient_pb2.Patient]:
    first = house.human("Miller", "Anna", birth_date="1980-03-12", external_refs=[reference("A")])
    again = house.human("Muller", "Ana", birth_date="1980-03-12", external_refs=[reference("B")], phone="312-555-0199")
    return first.patient, again.patient


Pair = tuple[patient_pb2.Patient, patient_pb2.Patient]


def test_the_survivor_answers_for_the_absorbed(house: House, pair: Pair) -> None:
    survivor, absorbed = pair
    merge(house, survivor, absorbed)
    found = house.get(absorbed.id)
    assert (found.id, found.display_name) == (survivor.id, "Anna Miller")
    assert {item.value for item in found.external_refs} == {"A", "B"}
    request = patients_pb.ListPatientsRequest(states=[patient_pb2.PATIENT_STATE_MERGED])
    (merged,) = house.call("ListPatients", request).patients
    assert (merged.id, merged.survivor_id) == (absorbed.id, survivor.id)


@pytest.mark.parametrize("query", ["muller", "ana", "0199", "1002"])
def test_the_survivor_is_found_by_what_the_absorbed_was_known_by(house: House, pair: Pair, query: str) -> None:
    done = merge(house, *pair)
    assert house.find(query) == ["Anna Miller"]
    reverse(house, done)
    assert "Ana Muller" in house.find(query)


def test_coverages_follow_behind_the_survivors_own(house: House, pair: Pair) -> None:
    survivor, absorbed = pair
    first, same = house.cover(survivor), house.payer()
    house.cover(absorbed, member_id="OTHER")
    house.cover(absorbed, rank=2, member_id=first.member_id, payer_id=first.payer_id)
    house.cover(absorbed, rank=3, payer_id=same, member_id="THIRD")
    done = merge(house, survivor, absorbed)
    assert coverages(house, survivor.id) == [("W1", 1), ("OTHER", 2), ("THIRD", 3)]
    assert coverages(house, absorbed.id) == coverages(house, survivor.id)
    house.cover(absorbed, rank=4, member_id="NEW")
    reverse(house, done)
    assert coverages(house, survivor.id) == [("W1", 1), ("NEW", 4)]
    assert coverages(house, absorbed.id) == [("OTHER", 1), ("W1", 2), ("THIRD", 3)]


def test_what_was_taken_back_is_as_before(house: House, pair: Pair) -> None:
    before = [house.get(patient.id) for patient in pair]
    undone = reverse(house, merge(house, *pair))
    assert undone.state == merge_pb2.MERGE_STATE_REVERSED
    for was in before:
        now = house.get(was.id)
        for name in ("etag", "update_time"):
            now.ClearField(name)
            was.ClearField(name)
        assert now == was


def test_chips_of_an_animal_are_its_survivors(house: House) -> None:
    owner = house.party("Stone", "Ben")
    first = house.animal("Rex", (owner, 10_000), microchips=["985112001234567"]).patient
    again = house.animal("Rex", (owner, 10_000), microchips=["985112007654321"]).patient
    done = merge(house, first, again)
    assert list(house.get(again.id).animal.microchips) == ["985112001234567", "985112007654321"]
    reverse(house, done)
    assert list(house.get(first.id).animal.microchips) == ["985112001234567"]
    assert list(house.get(again.id).animal.microchips) == ["985112007654321"]


def test_merges_that_cannot_be_are_refused(house: House, pair: Pair) -> None:
    survivor, absorbed = pair
    dog = house.animal("Rex", (house.party("Stone", "Ben"), 10_000)).patient
    for one, other in ((survivor, survivor), (survivor, dog)):
        with pytest.raises(Refused) as refused:
            merge(house, one, other)
        assert refused.value.reason == "MERGE_IMPOSSIBLE"
    merge(house, survivor, absorbed)
    for one, other in ((absorbed, survivor), (survivor, absorbed)):
        with pytest.raises(Refused) as refused:
            merge(house, one, other)
        assert (refused.value.reason, refused.value.metadata["survivor_id"]) == ("PATIENT_MERGED", survivor.id)


def test_changes_of_an_absorbed_patient_name_the_survivor(house: House, pair: Pair) -> None:
    survivor, absorbed = pair
    merge(house, survivor, absorbed)
    for call, request in (
        ("UpdatePatient", patients_pb.UpdatePatientRequest(patient=absorbed)),
        ("DeactivatePatient", patients_pb.DeactivatePatientRequest(id=absorbed.id)),
        ("ErasePatient", patients_pb.ErasePatientRequest(id=absorbed.id, reason="Asked for it")),
    ):
        with pytest.raises(Refused) as refused:
            house.call(call, request)
        assert refused.value.metadata["survivor_id"] == survivor.id, call


def test_merges_of_merges_are_taken_back_from_the_last(house: House, pair: Pair) -> None:
    survivor, absorbed = pair
    third = house.human("Miller", "Anna", external_refs=[reference("C")]).patient
    first = merge(house, survivor, absorbed)
    second = merge(house, third, survivor)
    assert house.get(absorbed.id).id == third.id
    assert {item.value for item in house.get(third.id).external_refs} == {"A", "B", "C"}
    with pytest.raises(Refused) as refused:
        reverse(house, first)
    assert refused.value.reason == "MERGE_FIXED"
    reverse(house, second)
    assert {item.value for item in house.get(survivor.id).external_refs} == {"A", "B"}
    reverse(house, first)
    assert [item.value for item in house.get(absorbed.id).external_refs] == ["B"]
    with pytest.raises(Refused):
        reverse(house, first)


def test_a_merge_done_twice_with_one_key_is_one(house: House, pair: Pair) -> None:
    request = pb.MergePatientsRequest(id=pair[0].id, duplicate_id=pair[1].id, reason=REASON)
    one = house.call("MergePatients", request, key="k1")
    other = house.call("MergePatients", request, key="k1")
    assert one == other
    assert len(house.call("ListPatientMerges", pb.ListPatientMergesRequest(patient_id=pair[1].id)).patient_merges) == 1


def test_services_acknowledge_and_the_last_one_completes_it(house: House, pair: Pair) -> None:
    """Where the other services run as well, their own acknowledgments come too, which changes nothing here."""
    done = merge(house, *pair)
    assert not done.complete
    for module in (scheduling, billing, claims, reporting):
        house.tenant.receive(module.PatientMergeApplied(merge_id=done.id), new_id())
    seen = house.call("GetPatientMerge", pb.GetPatientMergeRequest(id=done.id))
    assert seen.complete
    assert [item.service for item in seen.acknowledgments] == ["billing", "claims", "reporting", "scheduling"]
    assert not reverse(house, done).complete, "the reversal is to be acknowledged as well"


def test_events_name_survivor_and_merge(house: House, pair: Pair) -> None:
    done = merge(house, *pair)
    reverse(house, done)
    (merged,), (parted,) = (
        house.tenant.events(kind) for kind in (events_pb2.PatientMerged, events_pb2.PatientUnmerged)
    )
    assert (merged.patient.id, merged.survivor_id, merged.merge_id) == (pair[1].id, pair[0].id, done.id)
    assert merged.patient.state == patient_pb2.PATIENT_STATE_MERGED
    assert parted.patient.state == patient_pb2.PATIENT_STATE_ACTIVE


def test_erasing_the_survivor_erases_whom_he_absorbed(house: House, pair: Pair) -> None:
    survivor, absorbed = pair
    done = merge(house, survivor, absorbed)
    house.call("ErasePatient", patients_pb.ErasePatientRequest(id=survivor.id, reason="Asked for it"))
    assert house.find("miller") == house.find("muller") == []
    erased = {event.patient_id for event in house.tenant.events(events_pb2.PatientErased)}
    assert erased == {survivor.id, absorbed.id}
    assert not house.call("GetPatientMerge", pb.GetPatientMergeRequest(id=done.id)).reason
    with pytest.raises(Refused) as refused:
        reverse(house, done)
    assert refused.value.reason == "MERGE_FIXED"

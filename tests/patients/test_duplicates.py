"""The worklist of likely duplicates: what is found, what people say about it, and when a pair comes back."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import delete
from support.patients_house import House, shared

from praxis.patients.v1 import duplicate_candidate_pb2 as duplicates
from praxis.patients.v1 import duplicate_candidate_service_pb2 as pb
from praxis.patients.v1 import merge_pb2, merge_service_pb2, patient_pb2
from praxis.patients.v1 import patient_service_pb2 as patients_pb
from praxis.type.v1 import type_pb2
from praxis_chassis.testing import Refused
from praxis_patients.rules.duplicates import CLEARLY, is_settled
from praxis_patients.store import queries
from praxis_patients.store.duplicates import DuplicateCandidate

OPEN = duplicates.DUPLICATE_CANDIDATE_STATE_OPEN
MERGED = duplicates.DUPLICATE_CANDIDATE_STATE_MERGED
DISMISSED = duplicates.DUPLICATE_CANDIDATE_STATE_DISMISSED
BORN, PHONE = "1980-03-12", "312-555-0199"
Patient = patient_pb2.Patient


def anna(house: House, family: str = "Miller", given: str = "Anna", **profile: Any) -> Patient:
    values = {"birth_date": BORN, "phone": PHONE} | profile
    registered: Patient = house.human(family, given, **values).patient
    return registered


def listed(house: House, *states: Any, **filters: Any) -> Sequence[duplicates.DuplicateCandidate]:
    request = pb.ListDuplicateCandidatesRequest(states=states, **filters)
    found: Sequence[duplicates.DuplicateCandidate] = house.call("ListDuplicateCandidates", request).duplicate_candidates
    return found


def pairs(house: House, *states: Any) -> set[tuple[str, str]]:
    return {(each.patient_id, each.other_patient_id) for each in listed(house, *states)}


def dismiss(house: House, pair: duplicates.DuplicateCandidate, **fields: Any) -> duplicates.DuplicateCandidate:
    request = pb.DismissDuplicateCandidateRequest(id=pair.id, reason="Mother and daughter", **fields)
    done: duplicates.DuplicateCandidate = house.call("DismissDuplicateCandidate", request)
    return done


def change(house: House, patient: Patient, **profile: Any) -> None:
    human = patient_pb2.HumanProfile()
    human.CopyFrom(house.get(patient.id).human)
    human.MergeFrom(patient_pb2.HumanProfile(**profile))
    request = patients_pb.UpdatePatientRequest(patient=Patient(id=patient.id, human=human))
    request.update_mask.paths.append("human")
    house.call("UpdatePatient", request)


def telecom(number: str) -> type_pb2.Telecom:
    return type_pb2.Telecom(system=type_pb2.Telecom.SYSTEM_PHONE, value=number)


def merge(house: House, survivor: Patient, absorbed: Patient) -> merge_pb2.PatientMerge:
    request = merge_service_pb2.MergePatientsRequest(id=survivor.id, duplicate_id=absorbed.id, reason="Same person")
    done: merge_pb2.PatientMerge = house.call("MergePatients", request)
    return done


def reverse(house: House, done: merge_pb2.PatientMerge) -> None:
    request = merge_service_pb2.ReversePatientMergeRequest(id=done.id, reason="Two persons after all")
    house.call("ReversePatientMerge", request)


def test_a_pair_is_found_at_registration(house: House) -> None:
    first, again = anna(house), anna(house, "Muller", "Ana")
    anna(house, "Stone", "Ben", birth_date="1950-01-01", phone="312-555-0100")
    (pair,) = listed(house)
    assert (pair.patient_id, pair.other_patient_id, pair.state) == (first.id, again.id, OPEN)
    assert (pair.patient.display_name, pair.other_patient.display_name) == ("Anna Miller", "Ana Muller")
    assert (pair.patient.chart_number, pair.patient.birth_date) == (first.chart_number, BORN)
    assert pair.score >= 8
    assert patients_pb.MATCH_REASON_BIRTH_DATE in pair.reasons
    assert house.call("GetDuplicateCandidate", pb.GetDuplicateCandidateRequest(id=pair.id)) == pair


def test_two_who_register_the_same_person_at_once_find_each_other(house: House) -> None:
    families = [f"{start}elnik{end}" for start in "BDGKMZ" for end in ("", "ova")]
    with ThreadPoolExecutor(2) as pool:
        for number, family in enumerate(families):
            profile = {"birth_date": f"19{50 + number}-0{1 + number % 9}-12", "phone": ""}
            both = [pool.submit(anna, house, family, f"Tessa{number}", **profile) for _ in range(2)]
            ids = {waiting.result().id for waiting in both}
            assert ids in [{*pair} for pair in pairs(house, OPEN)], family


def test_of_too_many_candidates_those_with_most_in_common_are_compared(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MOST_CANDIDATES", 1)
    for given in ("Ben", "Cyd", "Dov"):
        anna(house, "Stone", given, phone="")
    first = anna(house)
    anna(house, "Stone", "Eve", phone="")
    second = anna(house)
    assert (first.id, second.id) in pairs(house)


def test_a_number_of_ones_own_counts_for_more_than_any_other_key(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST_CANDIDATES", 1)
    anna(house)
    other = anna(house, birth_date="1961-07-30", phone="312-555-0100", government_id="123-45-6789")
    again = anna(house, government_id="123-45-6789")
    assert (other.id, again.id) in pairs(house)


def test_a_change_opens_a_pair_rates_it_anew_and_lets_it_go(house: House) -> None:
    first = anna(house)
    other = anna(house, "Stone", "Eve", birth_date="1961-07-30")
    assert not listed(house)
    renamed = patient_pb2.HumanProfile(name={"family": "Miller", "given": ["Anna"]}, birth_date=BORN)
    house.call("UpdatePatient", patients_pb.UpdatePatientRequest(patient=Patient(id=other.id, human=renamed)))
    (weak,) = listed(house)
    change(house, other, telecoms=[telecom(PHONE)])
    (strong,) = listed(house)
    assert strong.id == weak.id
    assert strong.score > weak.score
    change(house, first, birth_date="1931-11-05")
    assert not listed(house)


def test_lists_are_cut_by_state_patient_and_score_and_paged_by_score(house: House) -> None:
    found = [anna(house), anna(house, given="Ana"), anna(house, given="Anne", phone="312-555-0100")]
    everything = listed(house)
    assert [each.score for each in everything] == sorted((each.score for each in everything), reverse=True)
    assert len(everything) == 3
    assert {each.id for each in listed(house, patient_id=found[2].id)} == {
        each.id for each in everything if found[2].id in {each.patient_id, each.other_patient_id}
    }
    best = int(everything[0].score)
    above = [each.id for each in listed(house, minimum_score=best)]
    assert above == [each.id for each in everything if each.score >= best]
    assert 0 < len(above) < 3
    dismiss(house, everything[0])
    assert [each.id for each in listed(house, DISMISSED)] == [everything[0].id]
    assert len(listed(house, OPEN)) == 2
    seen, token = [], ""
    while True:
        request = pb.ListDuplicateCandidatesRequest(page_size=1, page_token=token)
        reply = house.call("ListDuplicateCandidates", request)
        seen += [each.id for each in reply.duplicate_candidates]
        token = reply.next_page_token
        if not token:
            break
    assert seen == [each.id for each in everything]


def test_a_dismissed_pair_comes_back_only_when_it_is_clearly_more_alike(house: House) -> None:
    first, again = anna(house), anna(house, given="Ana")
    (pair,) = listed(house)
    done = dismiss(house, pair, etag=pair.etag)
    assert (done.state, done.dismiss_reason) == (DISMISSED, "Mother and daughter")
    assert done.dismissed_by
    assert done.HasField("dismiss_time")
    for patient in (first, again):
        change(house, patient, addresses=[type_pb2.Address(city="Chicago", country_code="US")])
    (still,) = listed(house)
    assert (still.state, still.score) == (DISMISSED, pair.score), "two points more are not clearly more"
    for patient in (first, again):
        change(house, patient, government_id="123-45-6789")
    (back,) = listed(house)
    assert (back.id, back.state) == (pair.id, OPEN)
    assert back.score >= pair.score + CLEARLY
    assert back.dismiss_reason == "Mother and daughter", "who looks again sees what was said before"


def test_the_rule_of_coming_back() -> None:
    assert not is_settled(12.0, [])
    assert is_settled(12.0, [12.0])
    assert is_settled(12.0 + CLEARLY - 0.01, [8.5, 12.0])
    assert not is_settled(12.0 + CLEARLY, [8.5, 12.0])


def test_a_closed_pair_cannot_be_dismissed(house: House) -> None:
    first, again = anna(house), anna(house)
    (pair,) = listed(house)
    with pytest.raises(Refused) as refused:
        dismiss(house, pair, etag='"99"')
    assert refused.value.reason == "ETAG_MISMATCH"
    dismiss(house, pair)
    with pytest.raises(Refused) as refused:
        dismiss(house, pair)
    assert (refused.value.reason, refused.value.metadata["state"]) == ("DUPLICATE_CANDIDATE_CLOSED", "dismissed")
    merge(house, first, again)
    with pytest.raises(Refused) as refused:
        dismiss(house, pair)
    assert refused.value.metadata["state"] == "merged"


def test_a_merge_closes_its_pair_and_its_reversal_opens_it(house: House) -> None:
    first, again, third = (anna(house) for _ in range(3))
    done = merge(house, first, again)
    assert pairs(house, MERGED) == {(first.id, again.id)}
    assert pairs(house, OPEN) == {(first.id, third.id)}
    last = merge(house, third, first)
    assert pairs(house, OPEN) == set()
    reverse(house, last)
    reverse(house, done)
    assert pairs(house, OPEN) == {(first.id, again.id), (first.id, third.id), (again.id, third.id)}
    assert pairs(house, MERGED) == set()


def test_a_survivor_is_like_those_whom_the_absorbed_was_like(house: House) -> None:
    first = anna(house, "Stone", "Eve", birth_date="1961-07-30", phone="312-555-0100")
    again, third = anna(house), anna(house)
    done = merge(house, first, again)
    assert pairs(house, OPEN) == {(first.id, third.id)}
    change(house, third, telecoms=[telecom("3125550177")])
    assert pairs(house, OPEN) == {(first.id, third.id)}, "whoever of the two is changed"
    reverse(house, done)
    assert pairs(house, OPEN) == {(again.id, third.id)}


def test_what_was_said_of_the_absorbed_counts_for_the_survivor(house: House) -> None:
    first = anna(house, "Stone", "Eve", birth_date="1961-07-30", phone="312-555-0100")
    again, third = anna(house), anna(house)
    (pair,) = listed(house)
    dismiss(house, pair)
    merge(house, first, again)
    change(house, third, telecoms=[telecom("3125550177")])
    assert pairs(house, OPEN) == set()
    assert pairs(house, DISMISSED) == {(again.id, third.id)}


def test_an_erased_patient_is_in_no_pair(house: House) -> None:
    first, again, third = (anna(house) for _ in range(3))
    assert len(listed(house)) == 3
    house.call("ErasePatient", patients_pb.ErasePatientRequest(id=first.id, reason="Asked for it"))
    assert pairs(house) == {(again.id, third.id)}


def test_patients_who_were_there_before_are_compared_page_by_page(house: House) -> None:
    found = [anna(house) for _ in range(3)]
    with house.tenant.session() as session:
        session.execute(delete(DuplicateCandidate))
        session.commit()
    assert not listed(house)
    first = house.call("FindDuplicateCandidates", pb.FindDuplicateCandidatesRequest(page_size=2))
    assert (first.compared_count, first.opened_count) == (2, 3)
    rest = pb.FindDuplicateCandidatesRequest(page_size=2, page_token=first.next_page_token)
    last = house.call("FindDuplicateCandidates", rest)
    assert (last.compared_count, last.opened_count, last.next_page_token) == (1, 0, "")
    assert {found[0].id, found[1].id, found[2].id} == {key for pair in pairs(house, OPEN) for key in pair}


def test_animals_that_come_to_one_owner_are_compared(house: House) -> None:
    owner, other = house.party("Miller", "Anna"), house.party("Stone", "Ben")
    first = house.animal("Rex", (owner, 10_000)).patient
    again = house.animal("Rex", (other, 10_000)).patient
    assert not listed(house)
    request = patients_pb.ChangeResponsibilitiesRequest(id=again.id, responsibilities=shared((owner, 10_000)))
    request.etag = house.get(again.id).etag
    house.call("ChangeResponsibilities", request)
    assert pairs(house, OPEN) == {(first.id, again.id)}


def test_two_who_correct_the_two_records_at_once_do_not_get_into_each_others_way(house: House) -> None:
    """Neither may see what the other is about to say; a search finds what both have missed, once."""
    for number in range(5):
        name = {"family": f"Kowalski{number}", "given": ["Ida"]}
        found = [anna(house, "Jones", given, birth_date=f"19{number}1-01-01", phone="") for given in ("Ottilie", "Uwe")]

        def correct(patient: Patient, name: Any = name, born: str = f"197{number}-05-05") -> None:
            human = patient_pb2.HumanProfile(name=name, birth_date=born, telecoms=[telecom(PHONE)])
            house.call("UpdatePatient", patients_pb.UpdatePatientRequest(patient=Patient(id=patient.id, human=human)))

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(correct, found))
        house.call("FindDuplicateCandidates", pb.FindDuplicateCandidatesRequest())
        between = {each.id for each in found}
        found_once = [each for each in listed(house, OPEN) if {each.patient_id, each.other_patient_id} == between]
        assert len(found_once) == 1

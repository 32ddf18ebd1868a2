"""Who sent a patient here, and how many visits that allows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from support.patients_house import House

from praxis.patients.v1 import directory_service_pb2, events_pb2, merge_service_pb2, practitioner_pb2, referral_pb2
from praxis.patients.v1 import patient_service_pb2 as patients_pb
from praxis.patients.v1 import referral_service_pb2 as pb
from praxis.patients.v1.patient_pb2 import Patient
from praxis.scheduling.v1 import appointment_pb2
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis_chassis.mapping import instant
from praxis_chassis.testing import Refused
from praxis_chassis.types import new_id

OPEN, CLOSED = referral_pb2.REFERRAL_STATE_OPEN, referral_pb2.REFERRAL_STATE_CLOSED


@pytest.fixture
def patient(house: House) -> Patient:
    registered: Patient = house.human("Miller", "Anna", birth_date="1980-03-12").patient
    return registered


@pytest.fixture
def referrer(house: House) -> str:
    said = practitioner_pb2.Referrer(organization_name="Lakeside Cardiology")
    return str(house.call("CreateReferrer", directory_service_pb2.CreateReferrerRequest(referrer=said)).id)


def refer(house: House, patient: Patient, referrer: str, **fields: Any) -> referral_pb2.Referral:
    said = referral_pb2.Referral(patient_id=patient.id, referrer_id=referrer, **fields)
    made: referral_pb2.Referral = house.call("CreateReferral", pb.CreateReferralRequest(referral=said))
    return made


def seen(house: House, patient: Patient, time: str = "2026-03-09T15:00:00+00:00") -> str:
    """Return an appointment that was completed, as scheduling tells of it."""
    key = new_id()
    appointment = appointment_pb2.Appointment(
        id=str(key),
        patient_id=patient.id,
        location_id=house.location.id,
        start_time=instant(datetime.fromisoformat(time)),
    )
    house.tenant.receive(scheduling.AppointmentCompleted(appointment=appointment), key)
    return str(key)


def count(house: House, referral: referral_pb2.Referral, appointment_id: str, **fields: Any) -> referral_pb2.Referral:
    request = pb.RecordReferralVisitRequest(id=referral.id, appointment_id=appointment_id, **fields)
    counted: referral_pb2.Referral = house.call("RecordReferralVisit", request)
    return counted


def of_patient(house: House, patient: Patient, **filters: Any) -> list[str]:
    request = pb.ListReferralsRequest(patient_id=patient.id, **filters)
    return [each.id for each in house.call("ListReferrals", request).referrals]


def test_a_referral_is_recorded_read_changed_and_closed(house: House, patient: Patient, referrer: str) -> None:
    made = refer(
        house, patient, referrer, number="REF-17", reason="Chest pain", diagnosis_codes=["R07.9"],
        from_date="2026-03-01", to_date="2026-09-01", visits_allowed=3,
    )  # fmt: skip
    assert (made.state, made.visits_used, made.visits_allowed) == (OPEN, 0, 3)
    assert house.call("GetReferral", pb.GetReferralRequest(id=made.id)) == made
    changed = pb.UpdateReferralRequest(referral=referral_pb2.Referral(id=made.id, reason="Chest pain at rest"))
    changed.update_mask.paths.append("reason")
    assert house.call("UpdateReferral", changed).reason == "Chest pain at rest"
    assert house.call("CloseReferral", pb.CloseReferralRequest(id=made.id)).state == CLOSED
    assert [each.referral.id for each in house.tenant.events(events_pb2.ReferralClosed)] == [made.id]
    with pytest.raises(Refused) as refused:
        house.call("UpdateReferral", changed)
    assert refused.value.reason == "REFERRAL_CLOSED"


def test_lists_are_cut_by_patient_referrer_and_state(house: House, patient: Patient, referrer: str) -> None:
    other = house.human("Stone", "Ben").patient
    first, second = refer(house, patient, referrer), refer(house, patient, referrer)
    refer(house, other, referrer)
    house.call("CloseReferral", pb.CloseReferralRequest(id=first.id))
    assert of_patient(house, patient) == [first.id, second.id]
    assert of_patient(house, patient, states=[OPEN]) == [second.id]
    assert len(house.call("ListReferrals", pb.ListReferralsRequest(referrer_id=referrer)).referrals) == 3


def test_visits_are_counted_once_for_an_appointment_and_never_beyond(
    house: House, patient: Patient, referrer: str
) -> None:
    referral = refer(house, patient, referrer, visits_allowed=2)
    first, second, third = (seen(house, patient) for _ in range(3))
    assert count(house, referral, first).visits_used == 1
    assert count(house, referral, first).visits_used == 1
    assert count(house, referral, second).visits_used == 2
    with pytest.raises(Refused) as refused:
        count(house, referral, third)
    assert (refused.value.reason, refused.value.metadata["visits_allowed"]) == ("REFERRAL_USED_UP", "2")
    assert "raise visits_allowed" in refused.value.status.message
    assert count(house, referral, second).visits_used == 2, "what was counted before is no refusal"
    more = pb.UpdateReferralRequest(referral=referral_pb2.Referral(id=referral.id, visits_allowed=3))
    more.update_mask.paths.append("visits_allowed")
    house.call("UpdateReferral", more)
    assert count(house, referral, third).visits_used == 3
    more.referral.visits_allowed = 2
    with pytest.raises(Refused) as refused:
        house.call("UpdateReferral", more)
    assert refused.value.violations[0][:2] == ("referral.visits_allowed", "VISITS_ALLOWED_TOO_FEW")


def test_a_visit_that_was_counted_by_mistake_is_taken_off(house: House, patient: Patient, referrer: str) -> None:
    referral = refer(house, patient, referrer, visits_allowed=1)
    wrong, right = seen(house, patient), seen(house, patient)
    counted = count(house, referral, wrong)
    with pytest.raises(Refused, match="ETAG_MISMATCH"):
        house.call(
            "RemoveReferralVisit",
            pb.RemoveReferralVisitRequest(id=referral.id, appointment_id=wrong, etag=referral.etag),
        )
    taken_off = pb.RemoveReferralVisitRequest(id=referral.id, appointment_id=wrong, etag=counted.etag)
    assert house.call("RemoveReferralVisit", taken_off).visits_used == 0
    with pytest.raises(Refused, match="NOT_FOUND"):
        house.call("RemoveReferralVisit", pb.RemoveReferralVisitRequest(id=referral.id, appointment_id=wrong))
    assert count(house, referral, right).visits_used == 1
    house.call("CloseReferral", pb.CloseReferralRequest(id=referral.id))
    taken_off = pb.RemoveReferralVisitRequest(id=referral.id, appointment_id=right)
    assert house.call("RemoveReferralVisit", taken_off).visits_used == 0


def test_many_at_once_count_no_more_than_is_allowed(house: House, patient: Patient, referrer: str) -> None:
    referral = refer(house, patient, referrer, visits_allowed=2)
    appointments = [seen(house, patient) for _ in range(6)]

    def tried(appointment_id: str) -> str:
        try:
            count(house, referral, appointment_id)
        except Refused as refused:
            return refused.reason
        return ""

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(tried, appointments))
    assert answers == [""] * 2 + ["REFERRAL_USED_UP"] * 4
    assert house.call("GetReferral", pb.GetReferralRequest(id=referral.id)).visits_used == 2


def test_without_a_number_any_number_is_allowed(house: House, patient: Patient, referrer: str) -> None:
    referral = refer(house, patient, referrer)
    assert not referral.HasField("visits_allowed")
    used = [count(house, referral, seen(house, patient)).visits_used for _ in range(3)]
    assert used == [1, 2, 3]


def test_only_own_completed_appointments_on_its_days_count(house: House, patient: Patient, referrer: str) -> None:
    referral = refer(house, patient, referrer, from_date="2026-03-09", to_date="2026-03-10")
    other = house.human("Stone", "Ben").patient
    for appointment_id in (str(new_id()), seen(house, other)):
        with pytest.raises(Refused) as refused:
            count(house, referral, appointment_id)
        assert refused.value.reason == "APPOINTMENT_NOT_COMPLETED"
    # Half past eleven at night of the last day in Chicago, which is the day after in UTC.
    assert count(house, referral, seen(house, patient, "2026-03-10T04:30:00+00:00")).visits_used == 1
    for time in ("2026-03-09T04:30:00+00:00", "2026-03-10T06:00:00+00:00"):
        with pytest.raises(Refused) as refused:
            count(house, referral, seen(house, patient, time))
        assert refused.value.violations[0][:2] == ("appointment_id", "VISIT_OUTSIDE_REFERRAL")


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"from_date": "2026-03-09", "to_date": "2026-03-09"}, "referral.to_date", "DATES_REVERSED"),
        ({"from_date": "2026-02-30"}, "from_date", "NOT_A_DATE"),
    ],
)
def test_what_cannot_be_is_refused(
    house: House, patient: Patient, referrer: str, fields: dict[str, str], field: str, reason: str
) -> None:
    with pytest.raises(Refused) as refused:
        refer(house, patient, referrer, **fields)
    assert refused.value.violations[0][:2] == (field, reason)


def test_it_stays_with_its_patient_and_names_a_referrer_that_there_is(
    house: House, patient: Patient, referrer: str
) -> None:
    with pytest.raises(Refused, match="NOT_FOUND"):
        refer(house, patient, str(new_id()))
    referral = refer(house, patient, referrer)
    moved = referral_pb2.Referral(id=referral.id, patient_id=house.human("Stone", "Ben").patient.id)
    change = pb.UpdateReferralRequest(referral=moved)
    change.update_mask.paths.append("patient_id")
    with pytest.raises(Refused) as refused:
        house.call("UpdateReferral", change)
    assert refused.value.violations[0][:2] == ("referral.patient_id", "REFERRAL_PATIENT_FIXED")


def test_referrals_and_visits_go_over_in_a_merge_and_back(house: House, patient: Patient, referrer: str) -> None:
    twice = house.human("Miller", "Anna", birth_date="1980-03-12").patient
    referral, appointment = refer(house, twice, referrer), seen(house, twice)
    request = merge_service_pb2.MergePatientsRequest(id=patient.id, duplicate_id=twice.id, reason="Same person")
    done = house.call("MergePatients", request)
    assert of_patient(house, patient) == of_patient(house, twice) == [referral.id]
    assert count(house, referral, appointment).patient_id == patient.id
    assert refer(house, twice, referrer).patient_id == patient.id
    back = merge_service_pb2.ReversePatientMergeRequest(id=done.id, reason="Two persons after all")
    house.call("ReversePatientMerge", back)
    assert of_patient(house, twice) == [referral.id]
    assert count(house, referral, seen(house, twice)).visits_used == 2


def test_an_erased_patients_referral_says_nothing_any_more(house: House, patient: Patient, referrer: str) -> None:
    referral = refer(house, patient, referrer, number="REF-17", reason="Chest pain", diagnosis_codes=["R07.9"])
    count(house, referral, seen(house, patient))
    house.call("ErasePatient", patients_pb.ErasePatientRequest(id=patient.id, reason="Asked for it"))
    left = house.call("GetReferral", pb.GetReferralRequest(id=referral.id))
    assert left.state == referral_pb2.REFERRAL_STATE_ERASED
    assert (left.number, left.reason, list(left.diagnosis_codes), left.visits_used) == ("", "", [], 1)
    with pytest.raises(Refused) as refused:
        count(house, referral, str(new_id()))
    assert refused.value.reason == "REFERRAL_CLOSED"

"""Death, transfer and return: what is noted, what is told, and the one letter that somebody is to write."""

from __future__ import annotations

import pytest
from support.patients_house import House

from praxis.patients.v1 import events_pb2, patient_pb2, task_pb2, task_service_pb2
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis.testing import Refused

OPEN, DONE, DISMISSED = (
    task_pb2.PATIENT_TASK_STATE_OPEN,
    task_pb2.PATIENT_TASK_STATE_DONE,
    task_pb2.PATIENT_TASK_STATE_DISMISSED,
)


def die(house: House, patient: patient_pb2.Patient, **more: object) -> patient_pb2.Patient:
    return house.call("MarkPatientDeceased", pb.MarkPatientDeceasedRequest(id=patient.id, **more))


def back(house: House, patient: patient_pb2.Patient) -> patient_pb2.Patient:
    return house.call("ReactivatePatient", pb.ReactivatePatientRequest(id=patient.id))


def letters(house: House, patient: patient_pb2.Patient) -> list[task_pb2.PatientTask]:
    request = task_service_pb2.ListPatientTasksRequest(patient_id=patient.id)
    return list(house.call("ListPatientTasks", request).patient_tasks)


def test_one_letter_goes_to_who_paid_most_however_often_the_death_is_noted(house: House) -> None:
    ann, ben = house.party("Ann"), house.party("Ben")
    dog = house.animal("Rex", (ann, 4000), (ben, 6000)).patient
    dead = die(house, dog, deceased_date="2026-11-01")
    assert not dead.statements_held
    [letter] = letters(house, dog)
    assert (letter.kind, letter.state, letter.party_id) == (task_pb2.PATIENT_TASK_KIND_CONDOLENCE_LETTER, OPEN, ben.id)
    back(house, dog)
    assert [item.state for item in letters(house, dog)] == [DISMISSED]
    die(house, dog)
    [letter] = letters(house, dog)
    assert letter.state == OPEN
    request = task_service_pb2.CompletePatientTaskRequest(id=letter.id, etag=letter.etag)
    done = house.call("CompletePatientTask", request, key="k1")
    assert (done.state, done.closed_by) == (DONE, "user:00000000-0000-7000-8000-000000000001")
    assert house.call("CompletePatientTask", request, key="k1") == done
    back(house, dog)
    die(house, dog)
    assert letters(house, dog) == [done]
    with pytest.raises(Refused) as refused:
        house.call("DismissPatientTask", task_service_pb2.DismissPatientTaskRequest(id=letter.id))
    assert refused.value.reason == "TASK_CLOSED"
    opened = house.tenant.events(events_pb2.PatientTaskOpened)
    closed = house.tenant.events(events_pb2.PatientTaskClosed)
    assert [len(opened), len(closed)] == [2, 2]


def test_a_letter_can_be_declined_and_asked_for(house: House) -> None:
    dog = house.animal("Rex", (house.party("Ann"), 10_000)).patient
    die(house, dog, condolence_letter=False)
    assert letters(house, dog) == []
    person, other = house.human("Miller", "Tom").patient, house.human("Stone", "Eva").patient
    die(house, person)
    assert letters(house, person) == []
    die(house, other, condolence_letter=True)
    assert [item.state for item in letters(house, other)] == [OPEN]
    listed = house.call("ListPatientTasks", task_service_pb2.ListPatientTasksRequest(states=[OPEN])).patient_tasks
    assert [item.patient_id for item in listed] == [other.id]
    dismissed = house.call("DismissPatientTask", task_service_pb2.DismissPatientTaskRequest(id=listed[0].id))
    assert dismissed.state == DISMISSED


def test_statements_of_people_are_held_after_death_until_somebody_lets_them_go(house: House) -> None:
    person = house.human("Miller", "Tom").patient
    dead = die(house, person)
    assert dead.statements_held
    request = pb.UpdatePatientRequest(patient=patient_pb2.Patient(id=person.id, statements_held=False))
    request.update_mask.paths.append("statements_held")
    assert not house.call("UpdatePatient", request).statements_held
    other = house.human("Stone", "Eva").patient
    assert not die(house, other, statements=pb.STATEMENT_RULE_CONTINUE).statements_held
    cat = house.animal("Tom", (house.party("Ann"), 10_000), species="cat").patient
    assert die(house, cat, statements=pb.STATEMENT_RULE_HOLD).statements_held
    alive = back(house, cat)
    assert (alive.statements_held, alive.deceased_date) == (False, "")


def test_a_patient_is_transferred_and_comes_back(house: House) -> None:
    dog = house.animal("Rex", (house.party("Ann"), 10_000), birth_date="2020-02-02").patient
    for day, reason in (("2020-02-01", "TRANSFERRED_BEFORE_BIRTH"), ("2199-01-01", "TRANSFERRED_DATE_IN_FUTURE")):
        with pytest.raises(Refused) as refused:
            house.call("TransferPatient", pb.TransferPatientRequest(id=dog.id, transferred_date=day))
        assert refused.value.violations[0][:2] == ("transferred_date", reason)
    request = pb.TransferPatientRequest(id=dog.id, transferred_date="2026-11-01", transferred_to="River Vets")
    gone = house.call("TransferPatient", request)
    assert (gone.state, gone.transferred_date) == (patient_pb2.PATIENT_STATE_TRANSFERRED, "2026-11-01")
    assert house.get(dog.id) == gone
    assert house.tenant.events(events_pb2.PatientUpdated)[-1].patient == gone
    with pytest.raises(Refused) as refused:
        house.call("TransferPatient", request)
    assert refused.value.reason == "PATIENT_STATE"
    returned = back(house, dog)
    assert (returned.state, returned.transferred_to) == (patient_pb2.PATIENT_STATE_ACTIVE, "")

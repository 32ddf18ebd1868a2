"""Who dies or is transferred frees the times after it, and gets them back when it was a mistake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from scheduling.conftest import Practice

from praxis.patients.v1 import events_pb2 as patients_events
from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import appointment_pb2, events_pb2
from praxis.scheduling.v1 import appointment_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis.testing import Refused

ACTIVE, DECEASED, TRANSFERRED = (
    patient_pb2.PATIENT_STATE_ACTIVE,
    patient_pb2.PATIENT_STATE_DECEASED,
    patient_pb2.PATIENT_STATE_TRANSFERRED,
)
BOOKED, CANCELLED = appointment_pb2.APPOINTMENT_STATE_BOOKED, appointment_pb2.APPOINTMENT_STATE_CANCELLED
BY_SYSTEM = appointment_pb2.CANCELLED_BY_SYSTEM


def tell(practice: Practice, patient: str, state: Any, before: Any, **days: str) -> None:
    human = patient_pb2.HumanProfile(name=type_pb2.PersonName(family="Lovelace"))
    known = patient_pb2.Patient(id=patient, display_name="Ada Lovelace", human=human, state=state, **days)
    practice.tenant.receive(patients_events.PatientUpdated(patient=known, previous_state=before), patient)


def read(practice: Practice, appointment: Any) -> appointment_pb2.Appointment:
    return practice.call("GetAppointment", pb.GetAppointmentRequest(id=appointment.id))


def yesterday() -> str:
    return (datetime.now(UTC).date() - timedelta(days=1)).isoformat()


@pytest.mark.parametrize("state", [DECEASED, TRANSFERRED])
def test_who_is_gone_frees_the_lanes_of_all_visits_to_come(practice: Practice, state: Any) -> None:
    provider, kind = practice.open_provider(), practice.type()
    patient, other = practice.patient(), practice.patient("Grace Hopper")
    first = practice.book(kind, practice.at("09:00"), provider, patient=patient)
    second = practice.book(kind, practice.at("10:00", 1), provider, patient=patient)
    practice.call("ConfirmAppointment", pb.ConfirmAppointmentRequest(id=second.id))
    stays = practice.book(kind, practice.at("11:00"), provider, patient=other)
    with pytest.raises(Refused, match="SLOT_TAKEN"):
        practice.book(kind, practice.at("09:00"), provider, patient=other)
    day = {"deceased_date": yesterday()} if state == DECEASED else {"transferred_date": yesterday()}
    tell(practice, patient, state, ACTIVE, **day)
    for booked in (first, second):
        gone = read(practice, booked)
        assert (gone.state, gone.cancellation.by) == (CANCELLED, BY_SYSTEM)
        assert gone.cancellation.reason.startswith("The patient ")
        assert not gone.cancellation.late
        assert not gone.reservations
    assert read(practice, stays).state == BOOKED
    assert [event.appointment.id for event in practice.tenant.events(events_pb2.AppointmentCancelled)] == sorted(
        [first.id, second.id]
    )
    assert practice.book(kind, practice.at("09:00"), provider, patient=other).state == BOOKED
    tell(practice, patient, state, state, **day)
    assert len(practice.tenant.events(events_pb2.AppointmentCancelled)) == 2


def test_who_comes_back_gets_the_times_that_are_still_free(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    patient, other = practice.patient(), practice.patient("Grace Hopper")
    free = practice.book(kind, practice.at("09:00"), provider, patient=patient)
    taken = practice.book(kind, practice.at("10:00"), provider, patient=patient)
    own = practice.book(kind, practice.at("11:00"), provider, patient=patient)
    cancel = pb.CancelAppointmentRequest(id=own.id, by=appointment_pb2.CANCELLED_BY_PATIENT, reason="does not want to")
    practice.call("CancelAppointment", cancel)
    tell(practice, patient, DECEASED, ACTIVE, deceased_date=yesterday())
    practice.book(kind, practice.at("10:00"), provider, patient=other)
    tell(practice, patient, ACTIVE, DECEASED)
    again = read(practice, free)
    assert (again.state, again.HasField("cancellation")) == (BOOKED, False)
    assert list(again.reservations) == list(free.reservations)
    assert [read(practice, item).state for item in (taken, own)] == [CANCELLED, CANCELLED]
    assert read(practice, own).cancellation.by == appointment_pb2.CANCELLED_BY_PATIENT
    [event] = practice.tenant.events(events_pb2.AppointmentTakenUpAgain)
    assert event.appointment.id == free.id
    with pytest.raises(Refused, match="SLOT_TAKEN"):
        practice.book(kind, practice.at("09:00"), provider, patient=other)


def test_nobody_cancels_in_the_name_of_the_system(practice: Practice) -> None:
    booked = practice.book(practice.type(), practice.at("09:00"), practice.open_provider(), patient=practice.patient())
    with pytest.raises(Refused) as refused:
        practice.call("CancelAppointment", pb.CancelAppointmentRequest(id=booked.id, by=BY_SYSTEM, reason="no reason"))
    assert refused.value.violations[0][0] == "by"

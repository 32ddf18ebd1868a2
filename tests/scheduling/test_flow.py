"""From the booking to the check-out: states, the flow board, set-up, erasure and the copies of patients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.scheduling.conftest import Practice, block

from praxis.patients.v1 import events_pb2 as patients_events
from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import (
    appointment_pb2,
    events_pb2,
    resource_pb2,
    resource_service_pb2,
    template_pb2,
    template_service_pb2,
    visit_pb2,
    visit_service_pb2,
)
from praxis.scheduling.v1 import appointment_service_pb2 as pb
from praxis_chassis.mapping import instant
from praxis_chassis.testing import Refused
from praxis_scheduling.rules import lifecycle
from praxis_scheduling.store.flow import VISIT_STATES
from praxis_scheduling.store.models import APPOINTMENT_STATES
from praxis_scheduling.store.waitlist import WAITLIST_STATES

ROOM = resource_pb2.RESOURCE_KIND_ROOM
PATIENT = appointment_pb2.CANCELLED_BY_PATIENT


def test_a_visit_runs_from_arrival_to_check_out(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    room = practice.resource("Room 1", ROOM)
    booked = practice.book(kind, practice.now(), provider, reason="Cough", override_reason="Comes at once")
    practice.call("ConfirmAppointment", pb.ConfirmAppointmentRequest(id=booked.id, etag=booked.etag))
    visit = practice.call("ArriveAppointment", pb.ArriveAppointmentRequest(id=booked.id))
    assert (visit.appointment_id, visit.practitioner_id) == (booked.id, provider.practitioner_id)
    assert (visit.reason, visit.walk_in, visit.patient_name) == ("Cough", False, "Ada Lovelace")
    visit = practice.call("RoomVisit", visit_service_pb2.RoomVisitRequest(id=visit.id, room_id=room.id))
    assert visit.room_name == "Room 1"
    practice.call("StartVisitTech", visit_service_pb2.StartVisitTechRequest(id=visit.id))
    practice.call("StartVisitClinician", visit_service_pb2.StartVisitClinicianRequest(id=visit.id))
    practice.call("ReadyVisitForCheckout", visit_service_pb2.ReadyVisitForCheckoutRequest(id=visit.id))
    visit = practice.call("CompleteVisit", visit_service_pb2.CompleteVisitRequest(id=visit.id))
    stamps = [visit.arrive_time, visit.room_time, visit.tech_start_time, visit.clinician_start_time, visit.ready_time]
    assert all(stamp.seconds for stamp in [*stamps, visit.complete_time])
    done = practice.call("GetAppointment", pb.GetAppointmentRequest(id=booked.id))
    assert (done.state, done.visit_id) == (appointment_pb2.APPOINTMENT_STATE_COMPLETED, visit.id)
    kinds = [type(event).__name__ for event in practice.tenant.events()]
    assert kinds[-8:] == [
        "AppointmentArrived", "VisitArrived", "VisitRoomed", "VisitTechStarted", "VisitClinicianStarted",
        "VisitReadyForCheckout", "AppointmentCompleted", "VisitCompleted",
    ]  # fmt: skip


def test_a_walk_in_joins_the_flow_board(practice: Practice) -> None:
    visit = visit_pb2.Visit(patient_id=practice.patient("Rex"), location_id=practice.location, reason="Limping")
    opened = practice.call("CreateVisit", visit_service_pb2.CreateVisitRequest(visit=visit))
    assert opened.walk_in
    board = visit_service_pb2.ListVisitsRequest(
        location_id=practice.location, from_date=opened.local_date, until_date=opened.local_date,
        states=[visit_pb2.VISIT_STATE_ARRIVED],
    )  # fmt: skip
    assert [item.patient_name for item in practice.call("ListVisits", board).visits] == ["Rex"]
    practice.call("LeaveVisit", visit_service_pb2.LeaveVisitRequest(id=opened.id))
    assert not practice.call("ListVisits", board).visits


def test_cancelling_frees_the_time_and_tells_late_from_early(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type(cancellation_notice_hours=24)
    booked = practice.book(kind, practice.at("09:00"), provider)
    request = pb.CancelAppointmentRequest(id=booked.id, by=PATIENT, reason="Ill")
    cancelled = practice.call("CancelAppointment", request)
    assert (cancelled.cancellation.late, cancelled.cancellation.reason) == (False, "Ill")
    assert not cancelled.reservations
    assert list(cancelled.practitioner_ids) == [provider.practitioner_id]
    practice.book(kind, practice.at("09:00"), provider)
    with pytest.raises(Refused) as refused:
        practice.call("CancelAppointment", request)
    assert refused.value.reason == "STATE_CONFLICT"
    assert "in the state cancelled, which is final" in refused.value.status.message
    soon = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=3)
    late = practice.book(kind, soon, provider, override_reason="Emergency")
    cancelled = practice.call("CancelAppointment", pb.CancelAppointmentRequest(id=late.id, by=PATIENT))
    assert cancelled.cancellation.late


def test_a_patient_is_missed_only_after_the_start(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    future = practice.book(kind, practice.at("09:00"), provider)
    with pytest.raises(Refused, match="NOT_STARTED"):
        practice.call("MarkAppointmentNoShow", pb.MarkAppointmentNoShowRequest(id=future.id))
    past = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    missed = practice.book(kind, past, provider, override_reason="Recorded afterwards")
    missed = practice.call("MarkAppointmentNoShow", pb.MarkAppointmentNoShowRequest(id=missed.id))
    assert missed.state == appointment_pb2.APPOINTMENT_STATE_NO_SHOW


def test_lists_are_by_local_day_practitioner_and_state(practice: Practice) -> None:
    first, second, kind = practice.open_provider("Dr A"), practice.open_provider("Dr B"), practice.type()
    for provider, wall, day in ((first, "16:00", 0), (second, "09:00", 0), (first, "09:00", 1)):
        practice.book(kind, practice.at(wall, day), provider)
    monday = practice.monday.isoformat()

    def starts(**filters: Any) -> list[str]:
        reply = practice.call("ListAppointments", pb.ListAppointmentsRequest(**filters))
        return [item.local_start for item in reply.appointments]

    assert starts(from_date=monday, until_date=monday) == ["09:00", "16:00"]
    assert starts(practitioner_id=first.practitioner_id) == ["16:00", "09:00"]
    assert starts(resource_id=second.id) == ["09:00"]
    assert starts(states=[appointment_pb2.APPOINTMENT_STATE_CANCELLED]) == []
    page = practice.call("ListAppointments", pb.ListAppointmentsRequest(page_size=2))
    rest = pb.ListAppointmentsRequest(page_size=2, page_token=page.next_page_token)
    assert len(page.appointments) + len(practice.call("ListAppointments", rest).appointments) == 3
    with pytest.raises(Refused, match="ENDS_BEFORE_START"):
        starts(from_date=monday, until_date="2020-01-01")


ENDS = {
    "booked": {"completed", "cancelled", "no_show"},
    "arrived": {"completed", "left"},
    "waiting": {"booked", "closed"},
}


@pytest.mark.parametrize(
    ("table", "words", "start"),
    [
        (lifecycle.APPOINTMENT, APPOINTMENT_STATES, "booked"),
        (lifecycle.VISIT, VISIT_STATES, "arrived"),
        (lifecycle.WAITLIST, WAITLIST_STATES, "waiting"),
    ],
)
def test_every_state_of_the_contract_can_be_reached_and_left_as_the_table_says(
    table: lifecycle.Table, words: dict[int, str], start: str
) -> None:
    states = set(words.values()) - {"unspecified", "entered_in_error"}  # the latter only by taking the arrival back
    reached = {start} | {transition.target for transition in table.values()}
    assert reached == states
    assert {source for transition in table.values() for source in transition.sources} <= states
    ends = {state for state in states if not lifecycle.allowed_verbs(table, state)}
    assert ends == ENDS[start]


def test_templates_of_a_resource_never_overlap(practice: Practice) -> None:
    provider = practice.resource("Dr Lee")
    practice.template(provider.id, [block(1, "08:00", "12:00")], "2026-01-01", "2026-07-01")
    later = practice.template(provider.id, [block(1, "08:00", "12:00")], "2026-07-01")
    with pytest.raises(Refused, match="TEMPLATE_OVERLAP"):
        practice.template(provider.id, [block(1, "08:00", "12:00")], "2026-06-30", "2026-07-02")
    later.valid_from_date = "2026-06-01"
    with pytest.raises(Refused, match="TEMPLATE_OVERLAP"):
        practice.call("UpdateTemplate", template_service_pb2.UpdateTemplateRequest(template=later))
    with pytest.raises(Refused) as refused:
        practice.template(
            provider.id,
            [block(1, "12:00", "08:00"), block(1, "08:00", "09:00", template_pb2.BLOCK_KIND_WAVE)],
            "2020-01-01", "2020-02-01",
        )  # fmt: skip
    assert [field for field, _, _ in refused.value.violations] == [
        "template.blocks[0].local_end", "template.blocks[1].wave_size",
    ]  # fmt: skip


def test_resources_are_changed_but_keep_their_kind(practice: Practice) -> None:
    room = practice.resource("Room 1", ROOM)
    assert (room.capacity, room.active) == (1, True)
    room.name = "Room One"
    request = resource_service_pb2.UpdateResourceRequest(resource=room)
    request.update_mask.paths.append("name")
    renamed = practice.call("UpdateResource", request)
    assert (renamed.name, renamed.etag) == ("Room One", '"2"')
    with pytest.raises(Refused, match="ETAG_MISMATCH"):
        practice.call("UpdateResource", request)
    renamed.kind = resource_pb2.RESOURCE_KIND_CAGE
    with pytest.raises(Refused, match="CANNOT_BE_CHANGED"):
        practice.call("UpdateResource", resource_service_pb2.UpdateResourceRequest(resource=renamed))
    orphan = resource_pb2.Resource(name="Dr X", kind=resource_pb2.RESOURCE_KIND_PROVIDER, location_id=practice.location)
    with pytest.raises(Refused, match="PRACTITIONER_FOR_PROVIDERS"):
        practice.call("CreateResource", resource_service_pb2.CreateResourceRequest(resource=orphan))


def test_nobody_arrives_on_a_day_before_the_appointment(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    booked = practice.book(kind, practice.at("09:00"), provider)
    with pytest.raises(Refused) as refused:
        practice.call("ArriveAppointment", pb.ArriveAppointmentRequest(id=booked.id))
    assert refused.value.reason == "ARRIVED_TOO_EARLY"
    assert practice.monday.isoformat() in str(refused.value)
    moved = pb.RescheduleAppointmentRequest(
        id=booked.id, start_time=instant(practice.now()), override_reason="Came early"
    )
    practice.call("RescheduleAppointment", moved)
    visit = practice.call("ArriveAppointment", pb.ArriveAppointmentRequest(id=booked.id))
    assert visit.appointment_id == booked.id


def test_an_appointment_over_midnight_is_listed_for_both_days(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type(minutes=20)
    booked = practice.book(kind, practice.at("23:50"), provider, override_reason="Emergency")
    until_midnight = practice.book(kind, practice.at("23:40"), provider, override_reason="Emergency")

    def listed(day: int) -> list[str]:
        date = (practice.monday + timedelta(days=day)).isoformat()
        request = pb.ListAppointmentsRequest(from_date=date, until_date=date)
        return [item.id for item in practice.call("ListAppointments", request).appointments]

    assert listed(0) == [until_midnight.id, booked.id]
    assert listed(1) == [booked.id]
    assert listed(-1) == listed(2) == []


def test_an_erased_patient_leaves_times_but_no_words(practice: Practice) -> None:
    provider, kind, patient = practice.open_provider(), practice.type(), practice.patient("Canary Bird")
    words = {"reason": "canary cough", "notes": "canary notes"}
    booked = practice.book(kind, practice.at("09:00"), provider, patient=patient, **words)
    practice.book(kind, practice.at("09:00"), provider, patient=patient, override_reason="canary squeeze")
    cancelled = practice.book(kind, practice.at("11:00"), provider, patient=patient, **words)
    request = pb.CancelAppointmentRequest(id=cancelled.id, by=PATIENT, reason="canary ill")
    practice.call("CancelAppointment", request)
    here = practice.book(kind, practice.now(), provider, patient=patient, override_reason="canary now", **words)
    practice.call("ArriveAppointment", pb.ArriveAppointmentRequest(id=here.id))
    assert canaries(practice) > 0
    practice.tenant.receive(patients_events.PatientErased(patient_id=patient), patient)
    assert canaries(practice) == 0
    kept = practice.call("GetAppointment", pb.GetAppointmentRequest(id=booked.id))
    assert (kept.patient_name, kept.reason, kept.local_start) == ("", "", "09:00")
    late = patient_pb2.Patient(id=patient, display_name="Canary Bird")
    practice.tenant.receive(patients_events.PatientUpdated(patient=late), patient)
    assert canaries(practice) == 0
    with pytest.raises(Refused, match="PATIENT_ERASED"):
        practice.book(kind, practice.at("13:00"), provider, patient=patient)


def canaries(practice: Practice) -> int:
    """Count rows of scheduling's own tables that still hold a word about the patient."""
    names = ("patient_copies", "appointments", "visits", "visit_status_events")
    counts = " + ".join(f"(SELECT count(*) FROM {name} t WHERE t::text ILIKE '%canary%')" for name in names)
    with practice.tenant.session() as session:
        return int(session.execute(text(f"SELECT {counts}")).scalar_one())


def test_another_practice_sees_nothing(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    booked = practice.book(kind, practice.at("09:00"), provider)
    stranger = practice.tenant.under_test.tenant()
    assert practice.call("GetAppointment", pb.GetAppointmentRequest(id=booked.id)) == booked
    with pytest.raises(Refused, match="NOT_FOUND"):
        stranger.call("GetAppointment", pb.GetAppointmentRequest(id=booked.id))
    assert not stranger.call("ListAppointments", pb.ListAppointmentsRequest()).appointments


def test_bookings_are_published(practice: Practice) -> None:
    practice.book(practice.type(), practice.at("09:00"), practice.open_provider())
    practice.tenant.wait_published()
    assert len(practice.tenant.events(events_pb2.AppointmentBooked)) == 1


def test_an_update_changes_words_only(practice: Practice) -> None:
    booked = practice.book(practice.type(), practice.at("09:00"), practice.open_provider())
    booked.notes = "Bring the X-ray"
    request = pb.UpdateAppointmentRequest(appointment=booked)
    request.update_mask.paths.extend(["notes", "start_time", "state"])
    changed = practice.call("UpdateAppointment", request)
    assert (changed.notes, changed.etag) == ("Bring the X-ray", '"2"')
    changed.start_time.seconds += 600
    request = pb.UpdateAppointmentRequest(appointment=changed)
    request.update_mask.paths.append("start_time")
    with pytest.raises(Refused, match="HAS_ITS_VERB"):
        practice.call("UpdateAppointment", request)


def test_times_out_of_all_reason_are_refused(practice: Practice) -> None:
    kind = practice.type()
    for year in (1900, 2101, 9999):
        with pytest.raises(Refused, match="INVALID_REQUEST"):
            practice.book(kind, datetime(year, 12, 31, 23, 59, tzinfo=UTC))
    booked = practice.book(kind, practice.at("09:00"), practice.open_provider())
    ever = pb.ListAppointmentsRequest(from_date="0001-01-01", until_date="9999-12-31")
    assert [item.id for item in practice.call("ListAppointments", ever).appointments] == [booked.id]
    with pytest.raises(Refused, match="SEARCH_TOO_LONG"):
        practice.slots(kind, practice.at("09:00"), practice.at("09:00", 121))
    with pytest.raises(Refused, match="ENDS_BEFORE_START"):
        practice.slots(kind, practice.at("09:00"), practice.at("08:00"))

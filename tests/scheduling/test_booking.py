"""Booking over real gRPC and PostgreSQL: what fits is taken once, and everything else is refused with a way out."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from sqlalchemy import text
from tests.scheduling.conftest import Practice, alternatives, block

from praxis.patients.v1 import events_pb2 as patients_events
from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import (
    appointment_pb2,
    appointment_type_pb2,
    closure_service_pb2,
    events_pb2,
    resource_pb2,
    template_pb2,
)
from praxis.scheduling.v1 import appointment_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis.mapping import instant, moment
from praxis_chassis.testing import Refused

ROOM = resource_pb2.RESOURCE_KIND_ROOM
EQUIPMENT = resource_pb2.RESOURCE_KIND_EQUIPMENT
BOOKING = appointment_type_pb2.CHANNEL_BOOKING
BOOK_ONLY = ["scheduling.appointments.write"]


def race(practice: Practice, kind: Any, start: datetime, resource: Any, racers: int) -> list[Any]:
    """Let many callers ask for one time at once and return the bookings that succeeded."""
    patient = practice.patient()

    def attempt(_number: int) -> Any:
        try:
            return practice.book(kind, start, resource, patient=patient)
        except Refused as refused:
            if refused.reason != "SLOT_TAKEN":
                raise
            return None

    with ThreadPoolExecutor(48) as pool:
        return [booked for booked in pool.map(attempt, range(racers)) if booked]


@pytest.mark.parametrize("capacity", [1, 3])
def test_of_two_hundred_parallel_requests_as_many_win_as_there_is_room(practice: Practice, capacity: int) -> None:
    provider, kind = practice.open_provider(capacity=capacity), practice.type()
    won = race(practice, kind, practice.at("09:00"), provider, 200)
    assert len(won) == capacity
    assert {booked.reservations[0].lane for booked in won} == set(range(capacity))
    assert len(practice.tenant.events(events_pb2.AppointmentBooked)) == capacity


def test_a_patient_who_is_booked_twice_at_one_time_is_pointed_out(practice: Practice) -> None:
    provider, other, kind = practice.open_provider(), practice.open_provider("Dr Roe"), practice.type()
    patient = practice.patient()
    first = practice.book(kind, practice.at("09:00"), provider, patient=patient)
    assert not first.warnings
    [warning] = practice.book(kind, practice.at("09:15"), other, patient=patient).warnings
    assert (warning.reason, warning.metadata["id"]) == ("PATIENT_BOOKED_TWICE", first.id)
    assert "09:00" in warning.text
    assert not practice.book(kind, practice.at("09:30"), provider, patient=patient).warnings[1:]
    assert not practice.book(kind, practice.at("10:00"), provider, patient=patient).warnings
    read = practice.call("GetAppointment", pb.GetAppointmentRequest(id=first.id))
    assert not read.warnings


def test_nobody_is_booked_after_the_death(practice: Practice) -> None:
    provider, kind, patient = practice.open_provider(), practice.type(), practice.patient()
    human = patient_pb2.HumanProfile(name=type_pb2.PersonName(family="Lovelace"))
    dead = patient_pb2.Patient(id=patient, human=human, deceased_date=practice.monday.isoformat())
    practice.tenant.receive(patients_events.PatientUpdated(patient=dead), patient)
    with pytest.raises(Refused) as refused:
        practice.book(kind, practice.at("09:00", 1), provider, patient=patient, override_reason="The owner insists")
    assert refused.value.reason == "PATIENT_DECEASED"
    booked = practice.book(kind, practice.at("09:00"), provider, patient=patient)
    move = pb.RescheduleAppointmentRequest(id=booked.id, start_time=instant(practice.at("09:00", 1)))
    with pytest.raises(Refused) as refused:
        practice.call("RescheduleAppointment", move)
    assert refused.value.reason == "PATIENT_DECEASED"
    dead.deceased_date = ""
    practice.tenant.receive(patients_events.PatientUpdated(patient=dead), patient)
    practice.call("RescheduleAppointment", move)


def test_a_refusal_without_free_times_offers_none(practice: Practice) -> None:
    provider, kind = practice.resource("Dr Never"), practice.type()
    with pytest.raises(Refused) as refused:
        practice.book(kind, practice.at("09:00"), provider)
    assert alternatives(refused.value) == []
    assert "Choose another time, or give" in str(refused.value)


def test_an_override_needs_a_reason_in_words(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    with pytest.raises(Refused) as refused:
        practice.book(kind, practice.at("20:00"), provider, override_reason=" . ")
    assert [item[:2] for item in refused.value.violations] == [("appointment.override_reason", "STRING_WORDS")]
    assert practice.book(kind, practice.at("20:00"), provider, override_reason="Emergency").overridden


def test_a_booking_tells_everything_others_need(practice: Practice) -> None:
    provider, kind, patient = practice.open_provider(), practice.type(buffer_after_minutes=10), practice.patient()
    booked = practice.book(kind, practice.at("09:00"), provider, patient=patient, reason="Cough")
    assert (booked.state, booked.channel) == (
        appointment_pb2.APPOINTMENT_STATE_BOOKED,
        appointment_type_pb2.CHANNEL_DESK,
    )
    assert (booked.patient_name, booked.appointment_type_name) == ("Ada Lovelace", "Check")
    assert (booked.local_start, booked.time_zone) == ("09:00", "America/Chicago")
    assert booked.local_date == practice.monday.isoformat()
    assert list(booked.practitioner_ids) == [provider.practitioner_id]
    assert moment(booked.end_time) - moment(booked.start_time) == timedelta(minutes=30)
    reservation = booked.reservations[0]
    assert moment(reservation.end_time) - moment(booked.end_time) == timedelta(minutes=10)
    event = practice.tenant.events(events_pb2.AppointmentBooked)[0]
    assert event.appointment == booked  # type: ignore[attr-defined]


def test_a_clash_is_refused_with_three_alternatives(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    practice.book(kind, practice.at("09:00"), provider)
    with pytest.raises(Refused) as refused:
        practice.book(kind, practice.at("09:15"), provider)
    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SLOT_TAKEN")
    assert alternatives(refused.value) == ["09:30", "09:45", "10:00"]
    assert "Dr Lee" in refused.value.status.message


def test_the_same_key_books_once(practice: Practice) -> None:
    provider, kind, patient = practice.open_provider(), practice.type(), practice.patient()
    first = practice.book(kind, practice.at("09:00"), provider, patient=patient, key="k1")
    again = practice.book(kind, practice.at("09:00"), provider, patient=patient, key="k1")
    assert again == first
    assert len(practice.tenant.events(events_pb2.AppointmentBooked)) == 1


def test_rooms_and_machines_are_chosen_by_the_service(practice: Practice) -> None:
    provider = practice.open_provider()
    rooms = [practice.resource(f"Room {number}", ROOM) for number in (1, 2)]
    practice.resource("Echo", EQUIPMENT)
    roles = [appointment_type_pb2.RequiredRole(kind=role) for role in (provider.kind, ROOM, EQUIPMENT)]
    kind, plain = practice.type("Echo", required_roles=roles), practice.type("Room", required_roles=roles[1:2])
    assert [role.count for role in kind.required_roles] == [1, 1, 1]  # left out means one
    practice.book(plain, practice.at("09:00"), rooms[0])
    booked = practice.book(kind, practice.at("09:00"), provider)
    assert [item.resource_name for item in sorted(booked.reservations, key=lambda item: item.kind)] == [
        "Dr Lee", "Room 2", "Echo",
    ]  # fmt: skip
    with pytest.raises(Refused) as refused:
        practice.book(kind, practice.at("09:00"))
    assert refused.value.reason == "SLOT_TAKEN"


def test_the_double_booking_switch_is_for_the_desk_and_for_types_that_allow_it(practice: Practice) -> None:
    provider = practice.open_provider(double_booking_enabled=True)
    strict, loose = practice.type("Strict"), practice.type("Loose", overbooking_allowed=True)
    practice.book(strict, practice.at("09:00"), provider)
    for kind, channel in ((strict, 0), (loose, BOOKING)):
        with pytest.raises(Refused, match="SLOT_TAKEN"):
            practice.book(kind, practice.at("09:00"), provider, channel=channel)
    second = practice.book(loose, practice.at("09:00"), provider)
    assert (second.reservations[0].lane, second.overridden) == (1, False)
    with pytest.raises(Refused, match="SLOT_TAKEN"):
        practice.book(loose, practice.at("09:00"), provider)


def test_a_search_says_which_times_would_be_a_double_booking_and_shows_them_after_free_ones(practice: Practice) -> None:
    hours = ("09:00", "10:00")
    busy = practice.open_provider("Dr A", hours, double_booking_enabled=True)
    practice.open_provider("Dr B", hours)
    strict, loose = practice.type("Strict"), practice.type("Loose", overbooking_allowed=True)
    first = practice.book(strict, practice.at("09:00"), busy)

    def found(kind: Any, **more: Any) -> list[tuple[str, str, bool]]:
        slots = practice.slots(kind, practice.at("00:00"), practice.at("23:00"), step_minutes=30, **more)
        return [(slot.local_start, slot.resource_name, slot.double_booking) for slot in slots]

    free = [("09:00", "Dr B", False), ("09:30", "Dr A", False), ("09:30", "Dr B", False)]
    assert found(loose) == [free[0], ("09:00", "Dr A", True), *free[1:]]
    assert found(strict) == found(loose, channel=BOOKING) == free
    second = practice.book(loose, practice.at("09:00"), busy)
    assert [item.lane for item in second.reservations] == [1]
    assert found(loose) == free
    practice.call(
        "CancelAppointment", pb.CancelAppointmentRequest(id=first.id, by=appointment_pb2.CANCELLED_BY_PRACTICE)
    )
    assert found(loose) == [free[0], ("09:00", "Dr A", True), *free[1:]]  # beside the second one


def test_a_search_takes_the_room_that_needs_no_double_booking(practice: Practice) -> None:
    practice.open_provider()
    rooms = [practice.resource(f"Room {number}", ROOM, double_booking_enabled=True) for number in (1, 2)]
    roles = [appointment_type_pb2.RequiredRole(kind=kind) for kind in (resource_pb2.RESOURCE_KIND_PROVIDER, ROOM)]
    kind = practice.type("Both", required_roles=roles, overbooking_allowed=True)
    plain = practice.type("Room", required_roles=roles[1:])
    for used, offered, double in ((rooms[0], rooms[1], False), (rooms[1], rooms[0], True)):
        practice.book(plain, practice.at("09:00"), used)
        (slot,) = practice.slots(kind, practice.at("09:00"), practice.at("09:00"))
        assert (slot.resource_ids[1], slot.double_booking) == (offered.id, double)


def test_an_override_opens_an_extra_lane_with_reason_and_person(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    practice.book(kind, practice.at("09:00"), provider)
    why = {"override_reason": "Doctor asked to squeeze in"}
    with pytest.raises(Refused, match="OVERRIDE_NOT_PERMITTED"):
        practice.book(kind, practice.at("09:00"), provider, permissions=BOOK_ONLY, **why)
    with pytest.raises(Refused, match="OVERRIDE_NOT_IN_CHANNEL"):
        practice.book(kind, practice.at("09:00"), provider, channel=BOOKING, **why)
    booked = [practice.book(kind, practice.at("09:00"), provider, **why) for _ in range(2)]
    assert [item.reservations[0].lane for item in booked] == [1000, 1001]
    assert list(booked[0].overridden_rules) == [appointment_pb2.BOOKING_RULE_LANES_FULL]
    assert booked[0].overridden
    assert booked[0].override_by.startswith("user:")
    unneeded = practice.book(kind, practice.at("11:00"), provider, **why)
    assert (unneeded.overridden, unneeded.override_reason) == (False, "")


@pytest.mark.parametrize(
    ("wall", "day", "reason"),
    [
        ("07:45", 0, "OUTSIDE_HOURS"),
        ("16:45", 0, "OUTSIDE_HOURS"),
        ("09:00", 5, "OUTSIDE_HOURS"),
        ("12:00", 0, "OUTSIDE_HOURS"),
        ("14:00", 0, "BLOCK_HELD"),
        ("15:15", 0, "WAVE_START"),
        ("16:00", 0, "TYPE_NOT_ALLOWED"),
        ("10:00", 1, "CLOSED"),
    ],
)
def test_every_rule_of_the_week_has_its_own_refusal(practice: Practice, wall: str, day: int, reason: str) -> None:
    other, kind, provider = practice.type("Other"), practice.type(), practice.resource("Dr Lee")
    practice.template(provider.id, [
        block(1, "08:00", "17:00"), block(2, "08:00", "17:00"),
        block(1, "12:00", "13:00", template_pb2.BLOCK_KIND_BREAK),
        block(1, "14:00", "15:00", template_pb2.BLOCK_KIND_HOLD),
        block(1, "15:00", "16:00", template_pb2.BLOCK_KIND_WAVE, wave_size=2),
        block(1, "16:00", "16:30", template_pb2.BLOCK_KIND_HOLD),
    ])  # fmt: skip
    if reason == "TYPE_NOT_ALLOWED":
        provider = practice.resource("Dr Special")
        practice.template(provider.id, [block(1, "08:00", "17:00", allowed_appointment_type_ids=[other.id])])
    closure = template_pb2.Closure(
        location_id=practice.location,
        start_time=instant(practice.at("10:00", 1)),
        end_time=instant(practice.at("12:00", 1)),
        reason="Training",
    )
    practice.call("CreateClosure", closure_service_pb2.CreateClosureRequest(closure=closure))
    for channel in (0, BOOKING):
        with pytest.raises(Refused) as refused:
            practice.book(kind, practice.at(wall, day), provider, channel=channel)
        assert refused.value.reason == reason
    booked = practice.book(kind, practice.at(wall, day), provider, override_reason="Emergency")
    assert appointment_pb2.BookingRule.Name(booked.overridden_rules[0]) == f"BOOKING_RULE_{reason}"


def test_a_wave_takes_its_number_at_its_beginning(practice: Practice) -> None:
    provider, kind = practice.resource("Dr Lee"), practice.type()
    practice.template(provider.id, [block(1, "09:00", "10:00", template_pb2.BLOCK_KIND_WAVE, wave_size=2)])
    assert [slot.local_start for slot in practice.slots(kind, practice.at("00:00"), practice.at("23:00"))] == ["09:00"]
    for _ in range(2):
        practice.book(kind, practice.at("09:00"), provider)
    with pytest.raises(Refused, match="SLOT_TAKEN"):
        practice.book(kind, practice.at("09:00"), provider)


def test_bad_bookings_say_what_to_do(practice: Practice) -> None:
    provider, kind, desk_only = practice.open_provider(), practice.type(), practice.type("Surgery", channels=[])
    animals = practice.type("Vaccination", patient_kinds=[appointment_type_pb2.PATIENT_KIND_ANIMAL])
    nine = practice.at("09:00")
    cases: list[tuple[str, Any]] = [
        ("PATIENT_UNKNOWN", lambda: practice.book(kind, nine, provider, patient=str(uuid4()))),
        ("NOT_FOUND", lambda: practice.book(kind, nine, resource_pb2.Resource(id=str(uuid4())))),
        ("LOCATION_UNKNOWN", lambda: practice.book(kind, nine, location_id=str(uuid4()))),
        ("TYPE_NOT_IN_CHANNEL", lambda: practice.book(desk_only, nine, provider, channel=BOOKING)),
        ("TYPE_NOT_FOR_PATIENT", lambda: practice.book(animals, nine, provider)),
        ("START_IN_PAST", lambda: practice.book(kind, datetime(2020, 1, 6, 15, tzinfo=UTC), channel=BOOKING)),
        ("INVALID_REQUEST", lambda: practice.book(kind, nine + timedelta(seconds=30), provider)),
        ("INVALID_REQUEST", lambda: practice.book(kind, nine, provider, duration_minutes=-5)),
    ]
    for reason, attempt in cases:
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.reason == reason
        assert len(refused.value.status.message) > 20


def test_a_move_takes_the_new_time_and_frees_the_old(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    booked = practice.book(kind, practice.at("09:00"), provider)
    other = practice.book(kind, practice.at("10:00"), provider)
    moved = practice.call("RescheduleAppointment", move(booked, practice.at("09:15")))
    assert (moved.id, moved.local_start, len(moved.reservations)) == (booked.id, "09:15", 1)
    with pytest.raises(Refused, match="SLOT_TAKEN"):
        practice.call("RescheduleAppointment", move(moved, practice.at("10:15")))
    with pytest.raises(Refused, match="ETAG_MISMATCH"):
        practice.call("RescheduleAppointment", move(booked, practice.at("11:00")))
    moved = practice.call("RescheduleAppointment", move(moved, practice.at("11:00")))
    practice.book(kind, practice.at("09:00"), provider)
    event = practice.tenant.events(events_pb2.AppointmentRescheduled)[-1]
    assert moment(event.previous_start_time) == practice.at("09:15")  # type: ignore[attr-defined]
    practice.call("RescheduleAppointment", move(other, practice.at("10:00")))
    assert overlaps(practice) == 0


def test_a_move_keeps_the_provider_and_may_change_the_room(practice: Practice) -> None:
    provider = practice.open_provider()
    rooms = [practice.resource(f"Room {number}", ROOM) for number in (1, 2)]
    roles = [appointment_type_pb2.RequiredRole(kind=role) for role in (provider.kind, ROOM)]
    kind, room_only = practice.type(required_roles=roles), practice.type("Room", required_roles=roles[1:])
    booked = practice.book(kind, practice.at("09:00"), provider, rooms[1])
    kept = practice.call("RescheduleAppointment", move(booked, practice.at("10:00")))
    assert set(kept.resource_ids) == {provider.id, rooms[1].id}
    practice.book(room_only, practice.at("11:00"), rooms[1])
    moved = practice.call("RescheduleAppointment", move(kept, practice.at("11:00")))
    assert set(moved.resource_ids) == {provider.id, rooms[0].id}


def move(appointment: Any, start: datetime) -> pb.RescheduleAppointmentRequest:
    return pb.RescheduleAppointmentRequest(id=appointment.id, start_time=instant(start), etag=appointment.etag)


def overlaps(practice: Practice) -> int:
    """Count live reservations of one lane that overlap (invariant I3)."""
    query = text(
        "SELECT count(*) FROM reservations a JOIN reservations b USING (tenant_id, resource_id, lane)"
        " WHERE a.id < b.id AND a.live AND b.live AND a.during && b.during"
    )
    with practice.tenant.session() as session:
        return int(session.execute(query).scalar_one())


def test_parallel_moves_and_bookings_never_overlap(practice: Practice) -> None:
    provider, kind, patient = practice.open_provider(capacity=2), practice.type(), practice.patient()
    booked = [practice.book(kind, practice.at(f"{hour:02}:00"), provider, patient=patient) for hour in range(8, 14)]

    def shuffle(number: int) -> bool:
        wall = f"{8 + number * 7 % 6:02}:{number % 4 * 15:02}"
        try:
            if number % 3 == 0:
                practice.book(kind, practice.at(wall), provider, patient=patient)
            else:
                request = move(booked[number % 6], practice.at(wall))
                request.etag = ""
                practice.call("RescheduleAppointment", request)
        except Refused as refused:
            if refused.reason != "SLOT_TAKEN":
                raise
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert any(pool.map(shuffle, range(48)))
    assert overlaps(practice) == 0


@pytest.mark.timeout(900)
def test_eight_threads_book_what_there_is_and_never_twice(practice: Practice, long: bool) -> None:
    kind, patient = practice.type(), practice.patient()
    providers = [practice.open_provider(f"Dr {number}") for number in range(3)]
    starts = [
        practice.at(f"{8 + quarter // 4:02}:{quarter % 4 * 15:02}", day) for day in (0, 1) for quarter in range(34)
    ]

    def work(lane: int) -> Counter[str]:
        chance, answers = random.Random(lane), Counter[str]()
        for _ in range(400 if long else 20):
            try:
                practice.book(kind, chance.choice(starts), chance.choice(providers), patient=patient)
            except Refused as refused:
                answers[refused.reason] += 1
            else:
                answers["booked"] += 1
        return answers

    with ThreadPoolExecutor(8) as pool:
        answers: Counter[str] = sum(pool.map(work, range(8)), Counter())
    print(dict(answers))
    assert set(answers) == {"booked", "SLOT_TAKEN"}
    assert answers.total() == 8 * (400 if long else 20)
    assert len(practice.tenant.events(events_pb2.AppointmentBooked)) == answers["booked"]
    assert overlaps(practice) == 0


def test_slots_follow_several_providers_and_the_clock_change(practice: Practice) -> None:
    first, second = (
        practice.open_provider("Dr A", ("08:00", "09:00")),
        practice.open_provider("Dr B", ("08:30", "09:30")),
    )
    kind = practice.type()
    practice.book(kind, practice.at("08:00"), first)
    found = practice.slots(kind, practice.at("00:00"), practice.at("23:00"), step_minutes=30)
    assert [(slot.local_start, slot.resource_name) for slot in found] == [
        ("08:30", "Dr A"), ("08:30", "Dr B"), ("09:00", "Dr B"),
    ]  # fmt: skip
    only = practice.slots(
        kind, practice.at("00:00"), practice.at("23:00"), practitioner_ids=[second.practitioner_id], limit=1
    )
    assert [slot.resource_name for slot in only] == ["Dr B"]
    spring = practice.slots(
        kind, datetime(2027, 3, 12, 6, tzinfo=UTC), datetime(2027, 3, 16, 4, tzinfo=UTC), step_minutes=30
    )
    assert {slot.local_start for slot in spring} == {"08:00", "08:30", "09:00"}
    assert {moment(slot.start_time).hour for slot in spring if slot.local_start == "08:00"} == {14, 13}

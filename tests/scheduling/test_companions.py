"""Several patients of one owner in one booking: all or none, refused with other times for all, then each on its own."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.scheduling.conftest import Practice, block
from tests.scheduling.test_booking import move, overlaps

from praxis.scheduling.v1 import appointment_pb2, errors_pb2, events_pb2, resource_pb2
from praxis.scheduling.v1 import appointment_service_pb2 as pb
from praxis_chassis.mapping import instant
from praxis_chassis.testing import Refused

BACK_TO_BACK = pb.GROUP_ARRANGEMENT_BACK_TO_BACK
PARALLEL = pb.GROUP_ARRANGEMENT_PARALLEL
PROVIDER, ROOM = resource_pb2.RESOURCE_KIND_PROVIDER, resource_pb2.RESOURCE_KIND_ROOM


def members(practice: Practice, *kinds: Any, resources: Any = ()) -> list[pb.GroupMember]:
    """Return one new patient for each kind of appointment."""
    return [
        pb.GroupMember(
            patient_id=practice.patient(f"Cat {number}"),
            appointment_type_id=kind.id,
            resource_ids=[each.id for each in resources],
        )
        for number, kind in enumerate(kinds, 1)
    ]


def together(
    practice: Practice, start: datetime, wanted: list[pb.GroupMember], arrangement: Any = BACK_TO_BACK, **more: Any
) -> list[Any]:
    options = {name: more.pop(name) for name in ("key", "permissions") if name in more}
    request = pb.BookTogetherRequest(
        members=wanted, location_id=practice.location, start_time=instant(start), arrangement=arrangement, **more
    )
    reply = practice.call("BookTogether", request, **options)
    assert {item.group_id for item in reply.appointments} == {reply.group_id}
    assert [item.patient_id for item in reply.appointments] == [each.patient_id for each in wanted]
    return list(reply.appointments)


def other_starts(refused: Refused) -> list[list[str]]:
    """Return the local starts of all patients that a refusal offers."""
    detail = errors_pb2.GroupAlternatives()
    assert refused.others[0].Unpack(detail)
    return [[slot.local_start for slot in each.slots] for each in detail.alternatives]


def booked_events(practice: Practice) -> list[Any]:
    return practice.tenant.events(events_pb2.AppointmentBooked)


def test_two_cats_are_seen_one_after_the_other_by_the_same_person(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type(buffer_after_minutes=10)
    first, second = together(practice, practice.at("09:00"), members(practice, kind, kind))
    assert [item.local_start for item in (first, second)] == ["09:00", "09:40"]
    assert list(first.resource_ids) == list(second.resource_ids) == [provider.id]
    assert [event.appointment for event in booked_events(practice)] == [first, second]
    listed = practice.call("ListAppointments", pb.ListAppointmentsRequest(group_id=first.group_id)).appointments
    assert [item.id for item in listed] == [first.id, second.id]
    assert not practice.book(kind, practice.at("11:00"), provider).group_id


def test_who_has_time_for_both_is_chosen(practice: Practice) -> None:
    busy, free, kind = practice.open_provider("Dr A"), practice.open_provider("Dr B"), practice.type()
    practice.book(kind, practice.at("09:30"), busy)
    found = together(practice, practice.at("09:00"), members(practice, kind, kind))
    assert {key for item in found for key in item.resource_ids} == {free.id}


def test_each_takes_of_the_shared_team_what_it_needs(practice: Practice) -> None:
    provider, room = practice.open_provider(), practice.resource("Room", ROOM)
    exam = practice.type("Exam", required_roles=[{"kind": PROVIDER}, {"kind": ROOM}])
    talk = practice.type("Talk", 15)
    first, second, third = together(practice, practice.at("09:00"), members(practice, exam, talk, exam))
    assert set(first.resource_ids) == set(third.resource_ids) == {provider.id, room.id}
    assert list(second.resource_ids) == [provider.id]
    assert [item.local_start for item in (first, second, third)] == ["09:00", "09:30", "09:45"]


def test_side_by_side_each_has_a_person_or_a_lane(practice: Practice) -> None:
    kind = practice.type()
    providers = [practice.open_provider("Dr A"), practice.open_provider("Dr B", capacity=2)]
    found = together(practice, practice.at("09:00"), members(practice, kind, kind, kind), PARALLEL)
    assert {item.local_start for item in found} == {"09:00"}
    lanes = sorted((item.resource_name, item.lane) for each in found for item in each.reservations)
    assert lanes == [("Dr A", 0), ("Dr B", 0), ("Dr B", 1)]
    with pytest.raises(Refused, match="SLOT_TAKEN"):
        practice.book(kind, practice.at("09:00"), providers[0])


def test_side_by_side_the_one_with_the_least_choice_is_seated_first(practice: Practice) -> None:
    heart, plain = practice.open_provider("Dr A", skills=["heart"]), practice.open_provider("Dr B")
    kind = practice.type()
    special = practice.type("Heart", required_roles=[{"kind": PROVIDER, "skill": "heart"}])
    first, second = together(practice, practice.at("09:00"), members(practice, kind, special), PARALLEL)
    assert (list(first.resource_ids), list(second.resource_ids)) == ([plain.id], [heart.id])


def test_a_clash_of_one_books_none_and_offers_times_for_all(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    practice.book(kind, practice.at("09:30"), provider)
    wanted = members(practice, kind, kind)
    with pytest.raises(Refused) as refused:
        together(practice, practice.at("09:00"), wanted)
    assert refused.value.reason == "SLOT_TAKEN"
    assert other_starts(refused.value) == [["10:00", "10:30"], ["10:15", "10:45"], ["10:30", "11:00"]]
    assert "such as" in refused.value.status.message
    assert f"{practice.monday} 10:00" in refused.value.status.message
    assert len(booked_events(practice)) == 1
    assert practice.slots(kind, practice.at("09:00"), practice.at("09:00"))
    found = together(practice, practice.at("10:00"), wanted)
    assert [item.local_start for item in found] == ["10:00", "10:30"]


def test_side_by_side_where_nobody_can_offers_no_time(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    for resources in ((), (provider,)):
        with pytest.raises(Refused) as refused:
            together(practice, practice.at("09:00"), members(practice, kind, kind, resources=resources), PARALLEL)
        assert (refused.value.reason, other_starts(refused.value)) == ("SLOT_TAKEN", [])


def test_other_people_are_offered_where_those_asked_for_are_away(practice: Practice) -> None:
    never, kind = practice.resource("Dr Never"), practice.type()
    practice.open_provider("Dr Roe")
    with pytest.raises(Refused) as refused:
        together(practice, practice.at("09:00"), members(practice, kind, kind, resources=[never]))
    assert refused.value.reason == "OUTSIDE_HOURS"
    assert other_starts(refused.value)[0] == ["09:00", "09:30"]


def test_a_reason_sets_rules_aside_for_all(practice: Practice) -> None:
    practice.open_provider()
    kind, why = practice.type(), {"override_reason": "Both were hit by a car"}
    with pytest.raises(Refused, match="OVERRIDE_NOT_PERMITTED"):
        together(
            practice, practice.at("16:45"), members(practice, kind, kind),
            permissions=["scheduling.appointments.write"], **why,
        )  # fmt: skip
    found = together(practice, practice.at("16:30"), members(practice, kind, kind), **why)
    assert [(item.local_start, item.overridden) for item in found] == [("16:30", False), ("17:00", True)]
    assert found[0].resource_ids == found[1].resource_ids


def test_moving_or_cancelling_one_leaves_the_others_and_says_so(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    first, second, third = together(practice, practice.at("09:00"), members(practice, kind, kind, kind))
    moved = practice.call("RescheduleAppointment", move(first, practice.at("14:00")))
    assert (moved.group_id, moved.local_start) == (first.group_id, "14:00")
    (warning,) = moved.warnings
    assert (warning.reason, warning.metadata["count"]) == ("GROUP_STAYS", "2")
    cancel = pb.CancelAppointmentRequest(id=second.id, by=appointment_pb2.CANCELLED_BY_PATIENT)
    assert [item.metadata["count"] for item in practice.call("CancelAppointment", cancel).warnings] == ["2"]
    left = practice.call("GetAppointment", pb.GetAppointmentRequest(id=third.id))
    assert left == third
    cancel.id = first.id
    practice.call("CancelAppointment", cancel)
    assert not practice.call("RescheduleAppointment", move(third, practice.at("15:00"))).warnings
    alone = practice.book(kind, practice.at("11:00"), provider)
    assert not practice.call("RescheduleAppointment", move(alone, practice.at("12:00"))).warnings


def test_the_same_key_books_the_group_once(practice: Practice) -> None:
    practice.open_provider()
    wanted = members(practice, *[practice.type()] * 2)
    first = together(practice, practice.at("09:00"), wanted, key="k1")
    assert together(practice, practice.at("09:00"), wanted, key="k1") == first
    assert len(booked_events(practice)) == 2


def race(practice: Practice, attempts: list[Any]) -> int:
    """Let many ask at once, and return how many groups were booked."""

    def attempt(wanted: tuple[list[pb.GroupMember], Any]) -> bool:
        try:
            together(practice, practice.at("09:00"), *wanted)
        except Refused as refused:
            if refused.reason != "SLOT_TAKEN":
                raise
            return False
        return True

    with ThreadPoolExecutor(32) as pool:
        return sum(pool.map(attempt, attempts))


@pytest.mark.parametrize("providers", [1, 3])
def test_of_many_parallel_requests_as_many_groups_win_as_there_are_pairs_of_times(
    practice: Practice, providers: int, long: bool
) -> None:
    for number in range(providers):
        practice.open_provider(f"Dr {number}", ("09:00", "10:00"))
    kind = practice.type()
    cats = members(practice, kind, kind)
    assert race(practice, [(cats, BACK_TO_BACK)] * (100 if long else 40)) == providers
    events = booked_events(practice)
    assert len(events) == 2 * providers
    assert len({event.appointment.group_id for event in events}) == providers
    assert overlaps(practice) == 0


def test_groups_that_ask_for_the_same_people_in_other_orders_never_wait_for_each_other(practice: Practice) -> None:
    kind = practice.type()
    doctors = [practice.open_provider(name) for name in ("Dr A", "Dr B")]
    one, two = members(practice, kind, kind)
    orders = []
    for pair in (doctors, doctors[::-1]):
        copies = [pb.GroupMember(), pb.GroupMember()]
        for copy, cat, doctor in zip(copies, (one, two), pair, strict=True):
            copy.CopyFrom(cat)
            copy.resource_ids.append(doctor.id)
        orders.append((copies, PARALLEL))
    assert race(practice, orders * 20) == 1
    assert overlaps(practice) == 0


def test_a_group_is_of_patients_who_are_there_once(practice: Practice) -> None:
    practice.open_provider()
    (cat,) = members(practice, practice.type())
    cases: list[tuple[list[Any], Any, str]] = [
        ([cat, cat], BACK_TO_BACK, "members[1].patient_id"),
        ([cat], BACK_TO_BACK, "members"),
        ([cat, *members(practice, practice.type())], 0, "arrangement"),
    ]
    for wanted, arrangement, path in cases:
        with pytest.raises(Refused) as refused:
            together(practice, practice.at("09:00"), wanted, arrangement)
        assert [item[0] for item in refused.value.violations] == [path]


def test_nobody_else_is_taken_for_who_is_not_there(practice: Practice) -> None:
    practice.open_provider()
    kind, gone = practice.type(), practice.resource("Dr Gone", active=False)
    unknown = resource_pb2.Resource(id="019ad2b5-7c00-7000-8000-000000000001")
    for arrangement, resource, reason in (
        (BACK_TO_BACK, unknown, "NOT_FOUND"),
        (PARALLEL, unknown, "NOT_FOUND"),
        (BACK_TO_BACK, gone, "NOT_ACTIVE"),
    ):
        with pytest.raises(Refused) as refused:
            together(practice, practice.at("09:00"), members(practice, kind, kind, resources=[resource]), arrangement)
        assert refused.value.reason == reason
    assert not booked_events(practice)


def test_a_group_may_begin_in_one_block_and_end_in_the_next(practice: Practice) -> None:
    provider, kind = practice.resource("Dr Lee"), practice.type()
    practice.template(provider.id, [block(1, "09:00", "09:30"), block(1, "09:30", "10:00")])
    found = together(practice, practice.at("09:00"), members(practice, kind, kind))
    assert found[1].start_time.ToDatetime() - found[0].start_time.ToDatetime() == timedelta(minutes=30)
    with pytest.raises(Refused) as refused:
        together(practice, practice.at("09:30"), members(practice, kind, kind))
    assert other_starts(refused.value) == [["09:00", "09:30"]] * 2  # on the next two Mondays


@pytest.mark.parametrize("arrangement", [BACK_TO_BACK, PARALLEL])
@pytest.mark.parametrize("seed", range(3))
def test_the_first_offer_is_the_first_time_that_can_be_had(practice: Practice, arrangement: Any, seed: int) -> None:
    """Offers are thought out on calendars; the engine that books says the same, tried at one time after the other."""
    chance = random.Random(seed)
    doctors = [practice.open_provider(name) for name in ("Dr A", "Dr B")]
    practice.resource("Room", ROOM)
    exam = practice.type("Exam", buffer_after_minutes=5, required_roles=[{"kind": PROVIDER}, {"kind": ROOM}])
    talk = practice.type("Talk", 15)
    for doctor in doctors:
        practice.book(talk, practice.at("09:00"), doctor)
        for hour in range(9, 17):
            with suppress(Refused):
                practice.book(talk, practice.at(f"{hour:02}:{chance.choice((15, 30, 45))}"), doctor)
    wanted = members(practice, exam, talk)
    with pytest.raises(Refused) as refused:
        together(practice, practice.at("09:00"), wanted, arrangement)
    offered = other_starts(refused.value)
    for quarter in range(1, 200):
        with suppress(Refused):
            found = together(practice, practice.at("09:00") + quarter * timedelta(minutes=15), wanted, arrangement)
            break
    assert [item.local_start for item in found] == offered[0]

"""The queue: who is called next, whatever the order in which people came, and how long the others wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scheduling.conftest import Practice, block
from tests.scheduling.test_steps import advance, walk_in

from praxis.scheduling.v1 import appointment_service_pb2 as bookings
from praxis.scheduling.v1 import visit_pb2
from praxis.scheduling.v1 import visit_service_pb2 as pb
from praxis_chassis.testing import Refused
from praxis_scheduling.rules.queue import Waiting, expected_starts, in_order

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
DOCTORS = [UUID(int=1), UUID(int=2), UUID(int=3)]
URGENT, EMERGENCY = visit_pb2.VISIT_URGENCY_URGENT, visit_pb2.VISIT_URGENCY_EMERGENCY

PEOPLE = st.lists(
    st.builds(
        Waiting,
        visit_id=st.uuids(),
        urgency=st.integers(1, 3),
        arrived=st.integers(0, 60).map(lambda minutes: NOW - timedelta(minutes=minutes)),
        scheduled=st.none() | st.integers(-60, 60).map(lambda minutes: NOW + timedelta(minutes=minutes)),
        practitioner_id=st.none() | st.sampled_from(DOCTORS),
        minutes=st.integers(5, 60),
    ),
    max_size=12,
    unique_by=lambda each: each.visit_id,
)


@given(PEOPLE, st.randoms(use_true_random=False))
def test_the_order_depends_on_the_people_alone(people: list[Waiting], random: Any) -> None:
    line = in_order(people)
    shuffled = list(people)
    random.shuffle(shuffled)
    assert in_order(shuffled) == line
    for before, after in pairwise(line):
        assert before.urgency >= after.urgency
        if before.urgency == after.urgency:
            assert before.due <= after.due
            if before.due == after.due:
                assert before.arrived <= after.arrived
    for each in people:  # who leaves moves nobody but those behind
        rest = in_order(other for other in people if other is not each)
        assert rest == [other for other in line if other is not each]


@given(PEOPLE, st.sets(st.sampled_from(DOCTORS)), st.integers(0, 40))
def test_estimates_never_promise_two_patients_the_same_time(
    people: list[Waiting], on_duty: set[UUID], busy: int
) -> None:
    free = {doctor: NOW + timedelta(minutes=busy * place) for place, doctor in enumerate(sorted(on_duty))}
    line = in_order(people)
    starts = expected_starts(line, free, NOW)
    for each in people:
        possible = on_duty if each.practitioner_id is None else on_duty & {each.practitioner_id}
        assert (starts[each.visit_id] is None) == (not possible)
    known = [start for each in line if (start := starts[each.visit_id])]
    assert all(start >= NOW for start in known)
    for moment in known:
        seen = sum(
            start <= moment < start + timedelta(minutes=each.minutes)
            for each in line
            if (start := starts[each.visit_id])
        )
        assert seen <= len(on_duty)
    # Nobody behind changes what somebody ahead was told.
    for length in range(len(line)):
        part = expected_starts(line[:length], free, NOW)
        assert part == {each.visit_id: starts[each.visit_id] for each in line[:length]}


def test_late_is_late_and_early_waits_for_its_time() -> None:
    def person(name: int, arrived: int, scheduled: int | None = None, urgency: int = 1) -> Waiting:
        due = None if scheduled is None else NOW + timedelta(minutes=scheduled)
        return Waiting(
            visit_id=UUID(int=name), urgency=urgency, arrived=NOW + timedelta(minutes=arrived), scheduled=due,
            practitioner_id=None, minutes=15,
        )  # fmt: skip

    early, walk, late, hurt = person(1, -30, 0), person(2, -10), person(3, -5, -60), person(4, -1, urgency=3)
    assert [each.visit_id.int for each in in_order([early, walk, late, hurt])] == [4, 2, 3, 1]


def queue(practice: Practice, **filters: Any) -> list[Any]:
    request = pb.GetVisitQueueRequest(location_id=filters.pop("location_id", practice.location), **filters)
    return list(practice.call("GetVisitQueue", request).entries)


def names(entries: list[Any]) -> list[str]:
    return [entry.visit.patient_name for entry in entries]


def on_duty_all_week(practice: Practice, name: str) -> Any:
    provider = practice.resource(name)
    practice.template(provider.id, [block(day, "00:00", "24:00") for day in range(1, 8)])
    return provider


def test_walk_ins_and_appointments_stand_in_one_line(practice: Practice) -> None:
    provider, kind = on_duty_all_week(practice, "Dr Lee"), practice.type(minutes=20)
    walk_in(practice, patient_id=practice.patient("First"))
    advance(practice, 5)
    booked = practice.book(
        kind, practice.now(), provider, patient=practice.patient("Booked"), override_reason="Comes at once"
    )
    practice.call("ArriveAppointment", bookings.ArriveAppointmentRequest(id=booked.id))
    advance(practice, 1)
    walk_in(practice, patient_id=practice.patient("Bleeds"), urgency=EMERGENCY)
    entries = queue(practice)
    assert names(entries) == ["Bleeds", "First", "Booked"]
    assert [entry.position for entry in entries] == [1, 2, 3]
    assert [entry.waited_minutes for entry in entries] == [0, 6, 1]
    assert [entry.estimated_wait_minutes for entry in entries] == [0, 15, 30]
    assert names(queue(practice, practitioner_id=provider.practitioner_id)) == ["Bleeds", "First", "Booked"]
    [other] = queue(practice, appointment_type_id=kind.id)
    assert (other.visit.patient_name, other.position) == ("Booked", 3)
    practice.call(
        "StartVisitClinician",
        pb.StartVisitClinicianRequest(id=entries[0].visit.id, practitioner_id=provider.practitioner_id),
    )
    assert [entry.estimated_wait_minutes for entry in queue(practice)] == [14, 29]


def test_without_anybody_on_duty_no_wait_is_promised(practice: Practice) -> None:
    walk_in(practice)
    [alone] = queue(practice)
    assert not alone.HasField("estimated_wait_minutes")
    provider = on_duty_all_week(practice, "Dr Lee")
    [alone] = queue(practice)
    assert alone.estimated_wait_minutes == 0
    walk_in(practice, practitioner_id=practice.practitioner("On holiday"))
    assert [entry.HasField("estimated_wait_minutes") for entry in queue(practice)] == [True, False]
    assert not queue(practice, appointment_type_id=str(uuid4()))
    assert len(queue(practice, practitioner_id=provider.practitioner_id)) == 1


def test_a_queue_is_of_a_location_that_exists(practice: Practice) -> None:
    with pytest.raises(Refused, match="NOT_FOUND"):
        queue(practice, location_id=str(uuid4()))
    with pytest.raises(Refused, match="INVALID_REQUEST"):
        queue(practice, location_id="here")

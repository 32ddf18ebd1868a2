"""The steps of a visit: written once, taken back with a reason, one patient to a room, and the times they add up to."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from tests.scheduling.conftest import Practice

from praxis.operations.v1 import operations_service_pb2
from praxis.scheduling.v1 import appointment_pb2, events_pb2, resource_pb2, visit_pb2
from praxis.scheduling.v1 import appointment_service_pb2 as bookings
from praxis.scheduling.v1 import visit_service_pb2 as pb
from praxis_chassis.mapping import moment
from praxis_chassis.testing import Refused
from praxis_scheduling.rules import flow, lifecycle

ROOM, STAFF = resource_pb2.RESOURCE_KIND_ROOM, resource_pb2.RESOURCE_KIND_STAFF
VISIT = lifecycle.VISIT


def walk_in(practice: Practice, **more: Any) -> Any:
    more.setdefault("patient_id", practice.patient())
    visit = visit_pb2.Visit(location_id=practice.location, **more)
    return practice.call("CreateVisit", pb.CreateVisitRequest(visit=visit))


def room(practice: Practice, visit: Any, place: Any) -> Any:
    return practice.call("RoomVisit", pb.RoomVisitRequest(id=visit.id, room_id=place.id))


def undo(practice: Practice, visit: Any, reason: str = "Wrong tile") -> Any:
    return practice.call("UndoVisit", pb.UndoVisitRequest(id=visit.id, reason=reason))


def arrived(practice: Practice, **more: Any) -> tuple[Any, Any]:
    provider, kind = practice.open_provider(), practice.type()
    booked = practice.book(kind, practice.now(), provider, override_reason="Comes at once", **more)
    return booked, practice.call("ArriveAppointment", bookings.ArriveAppointmentRequest(id=booked.id))


def without_version(visit: Any) -> Any:
    copy = visit_pb2.Visit()
    copy.CopyFrom(visit)
    for name in ("etag", "update_time"):
        copy.ClearField(name)
    return copy


def steps(practice: Practice, visit: Any) -> list[Any]:
    request = pb.ListVisitStatusEventsRequest(visit_id=visit.id)
    return list(practice.call("ListVisitStatusEvents", request).status_events)


def test_each_step_taken_back_restores_the_visit_as_it_was(practice: Practice) -> None:
    _, visit = arrived(practice)
    first, second = practice.resource("Room 1", ROOM), practice.resource("Room 2", ROOM)
    other = practice.practitioner("Dr Who")
    moves = [
        lambda: room(practice, visit, first),
        lambda: room(practice, visit, second),
        lambda: practice.call("StartVisitTech", pb.StartVisitTechRequest(id=visit.id)),
        lambda: practice.call("StartVisitClinician", pb.StartVisitClinicianRequest(id=visit.id, practitioner_id=other)),
        lambda: practice.call("ReadyVisitForCheckout", pb.ReadyVisitForCheckoutRequest(id=visit.id)),
        lambda: practice.call("CompleteVisit", pb.CompleteVisitRequest(id=visit.id)),
    ]
    seen = [visit, *(move() for move in moves)]
    assert seen[4].practitioner_id == other
    for before in reversed(seen[:-1]):
        assert without_version(undo(practice, visit)) == without_version(before)
    kept = steps(practice, visit)
    assert [step.sequence for step in kept] == list(range(1, 14))
    assert [step.undone for step in kept] == [False] + [True] * 6 + [False] * 6
    assert [step.undoes_sequence for step in kept[7:]] == [7, 6, 5, 4, 3, 2]
    assert {step.reason for step in kept[7:]} == {"Wrong tile"}
    assert all(step.changed_by for step in kept)


def test_an_appointment_follows_when_its_visit_is_taken_back(practice: Practice) -> None:
    booked, visit = arrived(practice)
    practice.call("LeaveVisit", pb.LeaveVisitRequest(id=visit.id, reason="Could not wait"))
    assert steps(practice, visit)[-1].reason == "Could not wait"
    undo(practice, visit, "Came back")
    again = practice.call("GetAppointment", bookings.GetAppointmentRequest(id=booked.id))
    assert (again.state, again.visit_id) == (appointment_pb2.APPOINTMENT_STATE_ARRIVED, visit.id)
    wrong = undo(practice, visit, "It was the neighbour")
    assert wrong.state == visit_pb2.VISIT_STATE_ENTERED_IN_ERROR
    again = practice.call("GetAppointment", bookings.GetAppointmentRequest(id=booked.id))
    assert (again.state, again.visit_id) == (appointment_pb2.APPOINTMENT_STATE_BOOKED, "")
    assert again.reservations
    with pytest.raises(Refused, match="NOTHING_TO_UNDO"):
        undo(practice, visit)
    real = practice.call("ArriveAppointment", bookings.ArriveAppointmentRequest(id=booked.id))
    assert real.id != visit.id
    assert [event.from_state for event in practice.tenant.events(events_pb2.VisitCorrected)] == [
        visit_pb2.VISIT_STATE_LEFT, visit_pb2.VISIT_STATE_ARRIVED,
    ]  # fmt: skip
    assert len(practice.tenant.events(events_pb2.AppointmentReopened)) == 2


def test_a_confirmed_appointment_is_confirmed_again(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    booked = practice.book(kind, practice.now(), provider, override_reason="Comes at once")
    practice.call("ConfirmAppointment", bookings.ConfirmAppointmentRequest(id=booked.id))
    visit = practice.call("ArriveAppointment", bookings.ArriveAppointmentRequest(id=booked.id))
    undo(practice, visit)
    again = practice.call("GetAppointment", bookings.GetAppointmentRequest(id=booked.id))
    assert again.state == appointment_pb2.APPOINTMENT_STATE_CONFIRMED


@pytest.mark.parametrize("reason", ["", "  ", "..."])
def test_a_correction_needs_a_reason_in_words(practice: Practice, reason: str) -> None:
    visit = walk_in(practice)
    with pytest.raises(Refused, match="INVALID_REQUEST"):
        undo(practice, visit, reason)
    assert undo(practice, visit, "Wrong patient").state == visit_pb2.VISIT_STATE_ENTERED_IN_ERROR


def test_a_room_takes_as_many_as_it_holds(practice: Practice) -> None:
    small, ward = practice.resource("Room 1", ROOM), practice.resource("Ward", ROOM, capacity=2)
    visits = [walk_in(practice) for _ in range(3)]
    room(practice, visits[0], small)
    with pytest.raises(Refused, match="ROOM_OCCUPIED"):
        room(practice, visits[1], small)
    room(practice, visits[0], small)  # the same patient again is no second one
    room(practice, visits[1], ward)
    room(practice, visits[2], ward)
    with pytest.raises(Refused, match="ROOM_OCCUPIED"):
        room(practice, visits[0], ward)
    practice.call("ReadyVisitForCheckout", pb.ReadyVisitForCheckoutRequest(id=visits[0].id))
    room(practice, walk_in(practice), small)
    with pytest.raises(Refused, match="ROOM_OCCUPIED"):
        undo(practice, visits[0], "Not ready yet")


def test_of_many_who_are_brought_to_one_room_at_once_one_gets_it(practice: Practice) -> None:
    place, visits = practice.resource("Room 1", ROOM), [walk_in(practice) for _ in range(8)]

    def bring(visit: Any) -> bool:
        try:
            return bool(room(practice, visit, place).room_id)
        except Refused as refused:
            return "ROOM_OCCUPIED" not in str(refused)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(bring, visits)) == 1


def test_steps_cannot_be_rewritten(practice: Practice) -> None:
    visit = walk_in(practice)
    for statement in (
        "UPDATE visit_status_events SET to_state = 'completed'",
        "UPDATE visit_status_events SET change_time = now()",
        "DELETE FROM visit_status_events",
    ):
        with pytest.raises(ProgrammingError), practice.tenant.session() as session:
            session.execute(text(statement))
    assert [step.to_state for step in steps(practice, visit)] == [visit_pb2.VISIT_STATE_ARRIVED]


def test_who_looks_after_a_patient_can_change(practice: Practice) -> None:
    nurse, machine = practice.resource("Kim", STAFF), practice.resource("X-ray", resource_pb2.RESOURCE_KIND_EQUIPMENT)
    visit = walk_in(practice)
    assert visit.urgency == visit_pb2.VISIT_URGENCY_ROUTINE

    def change(*paths: str, **values: Any) -> Any:
        request = pb.UpdateVisitRequest(visit=visit_pb2.Visit(id=visit.id, **values))
        request.update_mask.paths.extend(paths)
        return practice.call("UpdateVisit", request)

    changed = change(
        "staff_resource_ids", "urgency", staff_resource_ids=[nurse.id], urgency=visit_pb2.VISIT_URGENCY_URGENT
    )
    assert (list(changed.staff_resource_ids), changed.urgency) == ([nurse.id], visit_pb2.VISIT_URGENCY_URGENT)
    with pytest.raises(Refused, match="NOT_STAFF"):
        change("staff_resource_ids", staff_resource_ids=[machine.id])
    with pytest.raises(Refused, match="NOT_FOUND"):
        change("staff_resource_ids", staff_resource_ids=[practice.practitioner("Nobody")])
    with pytest.raises(Refused, match="CANNOT_BE_CHANGED"):
        change("patient_id", patient_id=practice.patient("Another"))
    assert len(practice.tenant.events(events_pb2.VisitUpdated)) == 1


def advance(practice: Practice, minutes: int) -> None:
    """Let time pass for the practice."""
    practice.passed = getattr(practice, "passed", 0) + minutes * 60  # type: ignore[attr-defined]
    request = operations_service_pb2.SetClockOffsetRequest(offset_seconds=practice.passed)  # type: ignore[attr-defined]
    practice.call("SetClockOffset", request)


def times(practice: Practice, **filters: Any) -> dict[tuple[str, int], Any]:
    day = practice.now().date()
    request = pb.GetWaitTimesRequest(
        from_date=str(day - timedelta(days=2)), until_date=str(day + timedelta(days=2)), **filters
    )
    rows = practice.call("GetWaitTimes", request).rows
    return {(row.practitioner_id or row.location_id or row.local_date, row.span): row for row in rows}


def percentile(values: list[float], share: float) -> float:
    """Read the definition plainly: the value at the share of the way through the sorted values, interpolated."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def test_wait_times_are_those_of_the_steps_that_stand(practice: Practice) -> None:
    doctors = [practice.practitioner("Dr A"), practice.practitioner("Dr B")]
    waits: list[list[float]] = [[], []]
    for number, minutes in enumerate((3, 7, 20, 41, 5)):
        visit = walk_in(practice, practitioner_id=doctors[number % 2])
        advance(practice, minutes)
        if number == 2:  # a step that was a mistake neither ends the waiting nor begins anything
            practice.call("StartVisitTech", pb.StartVisitTechRequest(id=visit.id))
            advance(practice, 4)
            undo(practice, visit)
        begun = practice.call("StartVisitClinician", pb.StartVisitClinicianRequest(id=visit.id))
        waits[number % 2].append((moment(begun.clinician_start_time) - moment(begun.arrive_time)).total_seconds())
        advance(practice, 10)
        practice.call("ReadyVisitForCheckout", pb.ReadyVisitForCheckoutRequest(id=visit.id))
        practice.call("CompleteVisit", pb.CompleteVisitRequest(id=visit.id))
    walk_in(practice, practitioner_id=doctors[0])
    advance(practice, 6)
    found = times(practice, group_by=visit_pb2.WAIT_GROUPING_PRACTITIONER)
    for doctor, expected in zip(doctors, waits, strict=True):
        row = found[doctor, visit_pb2.WAIT_SPAN_WAITING]
        assert row.visits == len(expected)
        for figure, share in ((row.median_seconds, 0.5), (row.p90_seconds, 0.9), (row.longest_seconds, 1.0)):
            assert figure == pytest.approx(percentile(expected, share), abs=1)
        same = found[doctor, visit_pb2.WAIT_SPAN_UNTIL_CLINICIAN]
        assert (same.visits, same.median_seconds) == (row.visits, row.median_seconds)
        assert found[doctor, visit_pb2.WAIT_SPAN_WITH_CLINICIAN].median_seconds == pytest.approx(600, abs=5)
    assert waits[0][1] >= 24 * 60, "the undone step counted as waiting"
    assert not any(span == visit_pb2.WAIT_SPAN_WITH_TECH for _, span in found)
    now = found[doctors[0], visit_pb2.WAIT_SPAN_WAITING]
    assert (now.now_visits, found[doctors[1], visit_pb2.WAIT_SPAN_WAITING].now_visits) == (1, 0)
    assert now.now_longest_seconds == pytest.approx(360, abs=5)
    everything = times(practice)["", visit_pb2.WAIT_SPAN_WAITING]
    assert (everything.visits, everything.now_visits) == (5, 1)
    assert set(times(practice, group_by=visit_pb2.WAIT_GROUPING_LOCATION)) >= {
        (practice.location, visit_pb2.WAIT_SPAN_WHOLE_VISIT)
    }
    assert not times(practice, location_id=practice.practitioner("no location"))


def test_wait_times_want_a_range_of_days(practice: Practice) -> None:
    for first, reason in (("2026-03-02", "ENDS_BEFORE_START"), ("2024-01-01", "SEARCH_TOO_LONG")):
        with pytest.raises(Refused, match=reason):
            practice.call("GetWaitTimes", pb.GetWaitTimesRequest(from_date=first, until_date="2026-03-01"))
    with pytest.raises(Refused, match="INVALID_REQUEST"):
        practice.call("GetWaitTimes", pb.GetWaitTimesRequest())


BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)


@st.composite
def lives(draw: st.DrawFn) -> list[flow.Step]:
    """Return the steps of a visit that somebody corrects now and then."""
    state, found, standing = "arrived", [flow.Step(1, "unspecified", "arrived", BEGIN)], [1]
    for sequence in range(2, draw(st.integers(2, 15))):
        at = BEGIN + timedelta(minutes=sequence)
        verbs = lifecycle.allowed_verbs(VISIT, state)
        if not verbs or (len(standing) > 1 and draw(st.integers(0, 2)) == 0):
            last = found[standing.pop() - 1]
            found.append(flow.Step(sequence, state, last.source, at, undoes=last.sequence))
            state = last.source
        else:
            target = VISIT[draw(st.sampled_from(verbs))].target
            found.append(flow.Step(sequence, state, target, at))
            standing.append(sequence)
            state = target
        if not standing:
            break
    return found


def prefixes(life: list[flow.Step]) -> Iterator[list[flow.Step]]:
    yield from (life[:length] for length in range(1, len(life) + 1))


@given(lives())
def test_what_stands_leads_from_the_arrival_to_the_present_state(life: list[flow.Step]) -> None:
    for steps_so_far in prefixes(life):
        standing = flow.effective(steps_so_far)
        assert standing[-1].target == steps_so_far[-1].target
        assert all(before.target == after.source for before, after in pairwise(standing))
        found = flow.stamps(standing)
        assert found["arrive_time"] == BEGIN
        reached = {step.target for step in standing}
        assert {name for name, at in found.items() if at} == {{**flow.FIRST, **flow.LAST}[state] for state in reached}


@given(lives(), st.sampled_from(sorted(VISIT)))
def test_a_step_and_its_correction_leave_no_trace_in_the_stamps(life: list[flow.Step], verb: str) -> None:
    last, at = life[-1], BEGIN + timedelta(days=1)
    step = flow.Step(last.sequence + 1, last.target, VISIT[verb].target, at)
    back = flow.Step(last.sequence + 2, step.target, step.source, at, undoes=step.sequence)
    assert flow.stamps(flow.effective([*life, step, back])) == flow.stamps(flow.effective(life))

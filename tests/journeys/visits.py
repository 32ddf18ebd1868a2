"""The calendar's part of a journey: find, book, clash, squeeze in, move, cancel, and bring a patient through."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.journeys.clinic import Clinic, Json, instant

from praxis_local.demo.directory import Desk

FIRST_OVERRIDE_LANE = 1000


def through_the_day(clinic: Clinic, patient_id: str, desk: Desk, other: Desk) -> Json:
    """Book, meet every refusal and its way out, and return the visit that is ready for check-out."""
    slots_of_both(clinic, desk, other)
    booked = clinic.book(clinic.appointment(patient_id, other, clinic.moment(other, 9)))
    clash_has_three_alternatives(clinic, patient_id, other)
    squeezed = squeezed_in(clinic, patient_id, other)
    switch_allows_two(clinic, patient_id, desk)
    moved = clinic.front_desk.post(
        f"/v1/appointments/{squeezed['id']}:reschedule", {"start_time": clinic.moment(other, 14)}, name="move"
    )
    assert moved["reservations"][0]["lane"] == 0
    cancelled = clinic.front_desk.post(
        f"/v1/appointments/{moved['id']}:cancel", {"by": "patient", "reason": "Feels better"}, name="cancel"
    )
    assert cancelled["state"] == "cancelled"
    return seen(clinic, booked, other)


def slots_of_both(clinic: Clinic, desk: Desk, other: Desk) -> None:
    """Find free times over two providers."""
    body = {
        "appointment_type_id": clinic.visit_type(desk.clinician.treats), "channel": "desk", "limit": 100,
        "resource_ids": [desk.resource_id, other.resource_id],
        "from_time": clinic.moment(desk, 8), "until_time": clinic.moment(desk, 17),
    }  # fmt: skip
    slots = clinic.front_desk.post("/v1/appointments:findSlots", body)["slots"]
    assert {slot["resource_ids"][0] for slot in slots} == {desk.resource_id, other.resource_id}


def clash_has_three_alternatives(clinic: Clinic, patient_id: str, desk: Desk) -> None:
    """The same time again is refused, with three times that can be had."""
    body = clinic.appointment(patient_id, desk, clinic.moment(desk, 9))
    problem = clinic.front_desk.refusal(lambda: clinic.front_desk.post("/v1/appointments", body))
    assert (problem.status, problem.code) == (409, "SLOT_TAKEN")
    slots = problem.document["slot_alternatives"]["slots"]
    assert len(slots) == 3
    assert all(slot["start_time"] != clinic.moment(desk, 9) for slot in slots)


def squeezed_in(clinic: Clinic, patient_id: str, desk: Desk) -> Json:
    """A full time is given away all the same, with a reason and in a lane of its own."""
    start = clinic.moment(desk, 9)
    overridden = clinic.book(clinic.appointment(patient_id, desk, start, override_reason="The doctor asked for it"))
    assert overridden["overridden"]
    assert overridden["override_by"]
    assert overridden["reservations"][0]["lane"] >= FIRST_OVERRIDE_LANE
    return overridden


def switch_allows_two(clinic: Clinic, patient_id: str, desk: Desk) -> None:
    """Where the switch allows one more, the second booking of a time is taken and the third is refused."""
    body = clinic.appointment(patient_id, desk, clinic.moment(desk, 11))
    first, second = clinic.book(body), clinic.book(body)
    assert [booked["reservations"][0]["lane"] for booked in (first, second)] == [0, 1]
    assert [warning["reason"] for warning in second["warnings"]] == ["PATIENT_BOOKED_TWICE"]
    problem = clinic.front_desk.refusal(lambda: clinic.front_desk.post("/v1/appointments", body))
    assert problem.code == "SLOT_TAKEN"


def seen(clinic: Clinic, booked: Json, desk: Desk) -> Json:
    """Bring a patient who comes early from the door to the check-out, each step by the person who takes it."""
    problem = clinic.front_desk.refusal(lambda: clinic.front_desk.post(f"/v1/appointments/{booked['id']}:arrive", {}))
    assert problem.code == "ARRIVED_TOO_EARLY"
    now = instant(datetime.now(UTC).replace(second=0, microsecond=0))
    early = {"start_time": now, "override_reason": "The patient is here already"}
    clinic.front_desk.post(f"/v1/appointments/{booked['id']}:reschedule", early, name=f"early-{booked['id']}")
    visit = clinic.front_desk.post(f"/v1/appointments/{booked['id']}:arrive", {}, name=booked["id"])
    path = f"/v1/visits/{visit['id']}"
    clinic.paths.append(path)
    clinic.front_desk.post(f"{path}:room", {"room_id": clinic.practice.rooms[desk.location_id]}, name="room")
    clinic.provider.post(f"{path}:startClinician", {"practitioner_id": desk.practitioner_id}, name="start")
    ready = clinic.provider.post(f"{path}:readyForCheckout", {}, name="ready")
    assert ready["state"] == "ready_for_checkout"
    return ready


def complete(clinic: Clinic, visit: Json) -> None:
    """Note that the patient has left; the appointment is completed with the visit."""
    done = clinic.front_desk.post(f"/v1/visits/{visit['id']}:complete", {}, name="complete")
    assert done["state"] == "completed"
    appointment = clinic.front_desk.get(f"/v1/appointments/{visit['appointment_id']}")
    assert appointment["state"] == "completed"

"""What the practice's day does to plan ahead: closures and their visits, changes of the clock, patients together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from support.practice_day import Day

Json = dict[str, Any]


def planning(day: Day, patient: str, visit_type: str) -> None:
    """Close for a morning on which somebody is booked, and look at what the clock will do."""
    desk = day.people_desk
    visit = {"patient_id": patient, "appointment_type_id": visit_type, "resource_ids": [desk.resource_id]}
    day.make("/v1/appointments", {**visit, "location_id": desk.location_id, "start_time": day.moment(75, 9)})
    hours = {"start_time": day.moment(75, 8), "end_time": day.moment(75, 12)}
    closed = day.make("/v1/closures", {"location_id": desk.location_id, **hours, "reason": day.mark})
    day.change(f"/v1/closures/{closed['id']}", reason=f"{day.mark} training")
    (met,) = day.api.get("/v1/rebookingProposals", closure_id=closed["id"])["rebooking_proposals"]
    assert met["slots"]
    assert day.api.get("/v1/clockChanges", location_id=desk.location_id)["clock_changes"]
    assert day.api.get("/v1/holidays", location_id=desk.location_id)["holidays"]


def attendance(day: Day, patient: str) -> None:
    """Look at what somebody missed, and say what that is to mean."""
    day.change("/v1/attendancePolicy", counted_days=400, count_late_cancellations=True, warning_limit=2)
    assert day.api.get("/v1/attendancePolicy")["counted_days"] == 400
    assert day.api.get(f"/v1/attendances/{patient}")["patient_id"] == patient


def together(day: Day, patient: str, human: Json, visit_type: str) -> None:
    """Book a patient and somebody of the family one after the other."""
    desk = day.people_desk
    family = [patient, day.make("/v1/patients", {"human": human})["patient"]["id"]]
    members = [
        {"patient_id": each, "appointment_type_id": visit_type, "resource_ids": [desk.resource_id], "notes": day.mark}
        for each in family
    ]
    group = {"location_id": desk.location_id, "start_time": day.moment(78, 9), "arrangement": "back_to_back"}
    booked = day.make("/v1/appointments:bookTogether", {**group, "members": members})
    listed = day.api.get("/v1/appointments", group_id=booked["group_id"])["appointments"]
    assert {each["patient_id"] for each in listed} == set(family)

"""What the practice's day does to plan ahead: closures and their visits, and changes of the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.practice_day import Day


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

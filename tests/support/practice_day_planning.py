"""What the practice's day does to plan ahead: closures, and changes of the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.practice_day import Day


def planning(day: Day) -> None:
    """Close for a morning, and look at what the clock will do."""
    desk = day.people_desk
    hours = {"start_time": day.moment(75, 8), "end_time": day.moment(75, 12)}
    closed = day.make("/v1/closures", {"location_id": desk.location_id, **hours, "reason": day.mark})
    day.change(f"/v1/closures/{closed['id']}", reason=f"{day.mark} training")
    assert day.api.get("/v1/clockChanges", location_id=desk.location_id)["clock_changes"]

"""Calendar feeds in the practice's day."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.practice_day import Day


def feeds(day: Day, patient: str) -> None:
    """Let calendar programs read a desk and a patient, and take one address back."""
    for subject in ({"resource_id": day.people_desk.resource_id}, {"patient_id": patient}):
        feed = day.make("/v1/calendarFeeds", {**subject, "title": f"{day.mark} calendar", "detail": "full"})
        address = feed["url"].removeprefix("https://front.example")
        assert day.api.download(address).startswith(b"BEGIN:VCALENDAR")
        assert day.api.unchanged(address)
    day.api.get("/v1/calendarFeeds", patient_id=patient)
    day.make(f"/v1/calendarFeeds/{feed['id']}:revoke", {}, feed["etag"])

"""The waitlist in the practice's day: offers that are answered by links and at the desk, each passed on once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from support.practice_day import Day

Json = dict[str, Any]
COLLECTION = "/v1/waitlistEntries"


def waitlist(day: Day, patient: str, people: list[Json], visit_type: str) -> None:
    """Let four wait for two times that become free; of each two the first declines and the second accepts."""
    day.change("/v1/communicationSettings", quiet_from="00:00", quiet_until="00:00")
    guests = [_guest(day, human) for human in people]
    _answer_by_link(day, [_wait(day, guest, 50, visit_type) for guest in guests], _taken(day, patient, 50, visit_type))
    # A week after the first: two days that are nearer may both be moved to one Monday.
    first, second = (_wait(day, patient, 57, visit_type) for _ in range(2))
    day.change(first, priority=5, reason=f"{day.mark} soon")
    day.make(f"{_taken(day, patient, 57, visit_type)}:cancel", {"by": "patient"})
    day.make(f"{first}:declineOffer", {"offer_id": _offer(day, first)})
    day.make(f"{second}:acceptOffer", {"offer_id": _offer(day, second)})
    day.make(f"{first}:close", {"reason": day.mark})
    day.api.get(COLLECTION, patient_id=patient)


def _guest(day: Day, human: Json) -> str:
    ways = [{"system": "email", "value": f"guest{next(day.numbers)}.{day.mark}@example.org"}]
    return str(day.make("/v1/patients", {"human": {**human, "telecoms": ways}})["patient"]["id"])


def _taken(day: Day, patient: str, days: int, visit_type: str) -> str:
    desk = day.people_desk
    body = {
        "patient_id": patient, "location_id": desk.location_id, "start_time": day.moment(days, 9),
        "appointment_type_id": visit_type, "resource_ids": [desk.resource_id],
    }  # fmt: skip
    return f"/v1/appointments/{day.make('/v1/appointments', body)['id']}"


def _wait(day: Day, patient: str, days: int, visit_type: str) -> str:
    date = day.moment(days, 12)[:10]
    desk = day.people_desk
    entry = {
        "patient_id": patient, "appointment_type_id": visit_type, "location_id": desk.location_id,
        "resource_ids": [desk.resource_id], "windows": [{"from_date": date, "until_date": date}], "reason": day.mark,
    }  # fmt: skip
    return f"{COLLECTION}/{day.make(COLLECTION, entry)['id']}"


def _offer(day: Day, entry: str) -> str:
    offered = day.api.until(entry, lambda reply: reply["state"] == "offered")
    return str(offered["offers"][-1]["id"])


def _answer_by_link(day: Day, entries: list[str], freed: str) -> None:
    day.make(f"{freed}:cancel", {"by": "patient"})
    for entry, answer in zip(entries, ("decline", "accept"), strict=True):
        offer = _offer(day, entry)

        def mails(reply: Json, offer: str = offer) -> list[Json]:
            told = reply.get("communications", [])
            return [item for item in told if item.get("waitlist_offer_id") == offer and "body" in item]

        (mail,) = mails(day.api.until("/v1/communications", lambda reply, mails=mails: bool(mails(reply))))
        (link,) = re.findall(r"https://front.example(/links/\S+)", mail["body"])
        day.make(f"/v1{link}:{answer}", {})

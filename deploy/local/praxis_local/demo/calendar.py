"""This week's calendar: booked, confirmed, arrived, completed, cancelled and missed appointments around today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from itertools import cycle
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from praxis_local.api_client import ApiClient, ApiProblem
from praxis_local.demo.directory import Desk, Practice
from praxis_local.demo.past import pay_at_desk, post_encounter
from praxis_local.demo.register import Patient

DAYS_BACK, DAYS_AHEAD = 2, 6
FREE = {"SLOT_TAKEN", "OUTSIDE_HOURS", "CLOSED"}


def fill_calendar(api: ApiClient, practice: Practice, patients: Sequence[Patient], random: Random, today: date) -> None:
    queues = {kind: cycle([p for p in patients if p.treats == kind]) for kind in {p.treats for p in patients}}
    for desk in practice.desks:
        for day in _workdays(today):
            for start in _starts(desk, day, random):
                name = f"{desk.resource_id}-{start.isoformat()}"
                patient = next(queues[desk.clinician.treats])
                booked = _book(api, practice, desk, patient, start, random, name)
                if booked:
                    _live_through(api, practice, desk, patient, booked, start, Random(name), today, name)  # noqa: S311


def _workdays(today: date) -> Iterator[date]:
    for offset in range(-DAYS_BACK, DAYS_AHEAD + 1):
        day = today + timedelta(days=offset)
        if day.weekday() < 5:
            yield day


def _starts(desk: Desk, day: date, random: Random) -> list[datetime]:
    """Return three or four starts of a day in the location's own time."""
    zone = ZoneInfo(desk.place.time_zone)
    hours = sorted(random.sample((8, 9, 10, 11, 13, 14, 15, 16), k=random.choice((3, 4))))
    return [datetime.combine(day, clock_time(hour, random.choice((0, 15))), zone).astimezone(UTC) for hour in hours]


def _book(
    api: ApiClient, practice: Practice, desk: Desk, patient: Patient, start: datetime, random: Random, name: str
) -> dict[str, Any] | None:
    fitting = [identifier for kind, identifier in practice.visit_types if patient.treats in kind.patient_kinds]
    body = {
        "patient_id": patient.id, "appointment_type_id": random.choice(fitting), "location_id": desk.location_id,
        "channel": "desk", "start_time": start.isoformat().replace("+00:00", "Z"), "resource_ids": [desk.resource_id],
    }  # fmt: skip
    try:
        return api.post("/v1/appointments", body, name=name)
    except ApiProblem as problem:
        if problem.code in FREE:
            return None
        raise


def _live_through(
    api: ApiClient, practice: Practice, desk: Desk, patient: Patient, booked: dict[str, Any], start: datetime,
    random: Random, today: date, name: str,
) -> None:  # fmt: skip
    """Take an appointment to where it would be by now."""
    path = f"/v1/appointments/{booked['id']}"
    chance = random.random()
    if chance < 0.08:
        api.post(f"{path}:cancel", {"by": "patient", "reason": "Feels better"}, name=name)
    elif start > datetime.now(UTC):
        if chance < 0.6:
            api.post(f"{path}:confirm", {}, name=name)
    elif chance < 0.14:
        api.post(f"{path}:markNoShow", {}, name=name)
    else:
        visit = _see(api, desk, path, name)
        encounter = post_encounter(api, practice, desk, patient, random, _day(booked, today), name, visit["id"])
        pay_at_desk(api, desk, encounter, random, _day(booked, today), name)
        api.post(f"/v1/visits/{visit['id']}:complete", {}, name=name)


def _see(api: ApiClient, desk: Desk, path: str, name: str) -> dict[str, Any]:
    visit = api.post(f"{path}:arrive", {}, name=name)
    place = f"/v1/visits/{visit['id']}"
    api.post(f"{place}:startClinician", {"practitioner_id": desk.practitioner_id}, name=name)
    return api.post(f"{place}:readyForCheckout", {}, name=name)


def _day(booked: dict[str, Any], today: date) -> date:
    return date.fromisoformat(booked["local_date"]) if booked.get("local_date") else today

"""A course of visits that a payer permits in advance: never more than there are units, and none is lost."""

from __future__ import annotations

from datetime import timedelta

from tests.journeys.clinic import Clinic, Json, coined

from praxis_local.demo.directory import Desk

WEEKS_AHEAD = 4


def eight_visits_on_six_units(clinic: Clinic, patient_id: str, desk: Desk) -> None:
    """Ask for eight visits, be told which two are too many, take six, and cancel one for another."""
    path = _recorded(clinic, patient_id)
    body = _series(clinic, patient_id, desk, path.rpartition("/")[2])
    problem = clinic.front_desk.refusal(lambda: clinic.front_desk.post("/v1/series", body))
    assert (problem.status, problem.code) == (409, "SERIES_CONFLICTS")
    refused = problem.document["series_conflicts"]["occurrences"]
    assert [item["reason"] for item in refused] == ["AUTHORIZATION_UNITS_SHORT"] * 2
    assert clinic.front_desk.get(path)["units_remaining"] == 6
    outcome = clinic.front_desk.post("/v1/series?on_conflict=skip", body, name=coined("series"))
    assert [item["result"] for item in outcome["occurrences"]] == ["booked"] * 6 + ["conflict"] * 2
    _left(clinic, path, 0)
    one_more = clinic.front_desk.refusal(lambda: clinic.front_desk.post("/v1/appointments", _visit(clinic, body, desk)))
    assert (one_more.status, one_more.code) == (409, "AUTHORIZATION_UNITS_SHORT")
    last = outcome["series"]["appointment_ids"][-1]
    cancelled = clinic.front_desk.post(f"/v1/appointments/{last}:cancel", {"by": "patient"}, name=coined("cancel"))
    assert cancelled["authorization_id"] == body["authorization_id"]
    _left(clinic, path, 1)
    clinic.book(_visit(clinic, body, desk))
    _left(clinic, path, 0)
    held = clinic.front_desk.get(f"{path}/reservations")["reservations"]
    assert sorted(item["state"] for item in held) == ["confirmed"] * 6 + ["released"]


def _recorded(clinic: Clinic, patient_id: str) -> str:
    number = coined("auth")
    clinic.keep_private(number)
    first = clinic.today.isoformat()
    body = {
        "patient_id": patient_id, "payer_id": clinic.practice.payer_ids[0], "number": number, "units": 6,
        "from_date": first,
    }  # fmt: skip
    return f"/v1/authorizations/{clinic.front_desk.post('/v1/authorizations', body, name=number)['id']}"


def _series(clinic: Clinic, patient_id: str, desk: Desk, authorization_id: str) -> Json:
    first = clinic.today + timedelta(weeks=WEEKS_AHEAD)
    first -= timedelta(days=max(first.weekday() - 4, 0))
    return {
        "patient_id": patient_id, "appointment_type_id": clinic.visit_type(desk.clinician.treats),
        "location_id": desk.location_id, "first_date": first.isoformat(), "local_start": "15:00",
        "rule": {"frequency": "weekly", "count": 8}, "resource_ids": [desk.resource_id], "reason": "Physiotherapy",
        "authorization_id": authorization_id,
    }  # fmt: skip


def _visit(clinic: Clinic, series: Json, desk: Desk) -> Json:
    """Return the body of a visit before the first of the series."""
    start = clinic.moment(desk, 16)
    return clinic.appointment(series["patient_id"], desk, start, authorization_id=series["authorization_id"])


def _left(clinic: Clinic, path: str, units: int) -> None:
    clinic.front_desk.until(path, lambda reply: reply["units_remaining"] == units)

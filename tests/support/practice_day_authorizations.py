"""What the practice of the practice day does about what its payers permit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.practice_day import Day


def authorizations(day: Day, patient: str, visit_type: str) -> None:
    """Record what a payer permits, reserve of it, give some back, and book on it."""
    payer = day.practice.payer_ids[0]
    body = {"patient_id": patient, "payer_id": payer, "number": f"{day.mark}-AUTH", "units": 6, "note": day.mark}
    path = f"/v1/authorizations/{day.make('/v1/authorizations', body)['id']}"
    day.change(path, units=8)
    kept = day.make(f"{path}:reserve", {"units": 3, "patient_id": patient})["reservation"]
    reservation = f"/v1/unitReservations/{kept['id']}"
    day.make(f"{reservation}:confirm", {})
    day.make(f"{reservation}:release", {"units": 1})
    assert len(day.api.get(f"{path}/reservations")["reservations"]) == 1
    assert day.api.get(f"/v1/authorizations?patient_id={patient}")["authorizations"][0]["units_remaining"] == 6
    desk = day.people_desk
    visit = {
        "patient_id": patient, "location_id": desk.location_id, "start_time": day.moment(70, 9),
        "appointment_type_id": visit_type, "resource_ids": [desk.resource_id],
        "authorization_id": path.rpartition("/")[2],
    }  # fmt: skip
    booked = f"/v1/appointments/{day.make('/v1/appointments', visit)['id']}"
    assert day.api.until(path, lambda reply: reply["units_booked"] == 1)["units_remaining"] == 5
    later = {"start_time": day.moment(71, 10), "authorization_id": visit["authorization_id"]}
    day.make(f"{booked}:reschedule", later)
    day.change(booked, authorization_id="")
    assert day.api.until(path, lambda reply: reply["units_booked"] == 0)["units_remaining"] == 6
    day.make(f"{path}:close", {})

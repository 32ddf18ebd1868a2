"""What the practice of the practice day does about what its payers permit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.practice_day import Day


def authorizations(day: Day, patient: str) -> None:
    """Record what a payer permits, reserve of it, and give some back."""
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
    day.make(f"{path}:close", {})

"""What the practice of the practice day does with the records of its patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.practice_day import Day


def letters(day: Day, patient: str) -> None:
    """Drop the letter of condolence, note the death again, and write it then."""
    path = f"/v1/patients/{patient}"
    letter = f"/v1/patientTasks/{_open_letter(day, patient)}"
    day.make(f"{letter}:dismiss", {})
    day.make(f"{path}:reactivate", {})
    day.make(f"{path}:markDeceased", {"deceased_date": day.today.isoformat(), "condolence_letter": True})
    day.make(f"{letter}:complete", {})


def _open_letter(day: Day, patient: str) -> str:
    found = day.api.get("/v1/patientTasks", patient_id=patient, states="open")["patient_tasks"]
    return str(found[0]["id"])


def duplicates(day: Day, patient: str) -> None:
    """Look at who is likely registered twice, say that they are two, and look through everybody again."""
    found = day.api.get("/v1/duplicateCandidates", patient_id=patient, states="open")["duplicate_candidates"]
    pair = f"/v1/duplicateCandidates/{found[0]['id']}"
    day.make(f"{pair}:dismiss", {"reason": f"{day.mark} are twins"}, day.api.get(pair)["etag"])
    day.make("/v1/duplicateCandidates:find", {"page_size": 10})


def referrals(day: Day, patient: str) -> None:
    """Note who sent a patient, count a visit, and close the referral."""
    referrer = day.api.get("/v1/referrers")["referrers"][0]["id"]
    sent = {"patient_id": patient, "referrer_id": referrer, "number": f"{day.mark}-REF", "reason": day.mark}
    path = f"/v1/referrals/{day.make('/v1/referrals', sent)['id']}"
    day.change(path, visits_allowed=2)
    seen = day.api.get("/v1/appointments", patient_id=patient, states="completed")["appointments"][0]["id"]
    day.make(f"{path}:recordVisit", {"appointment_id": seen})
    day.make(f"{path}:close", {})
    day.make(f"{path}:removeVisit", {"appointment_id": seen})


def facilities(day: Day) -> None:
    """Note a hospital where the practice's people work too."""
    address = {"lines": ["1 Hospital Road"], "city": "Lawrence", "state": "KS", "postal_code": "66044"}
    made = day.make("/v1/facilities", {"name": f"{day.mark} Hospital", "address": address})
    day.change(f"/v1/facilities/{made['id']}", clia_number="17D0123456")

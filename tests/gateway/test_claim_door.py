"""Claims at the door: one that cannot be sent yet is refused with what to do about it."""

from __future__ import annotations

from gateway_support import refused
from support.practice_day import Lived, claim_of, cover, encounter_body, person


def test_a_claim_without_a_diagnosis_is_refused_with_what_to_do(lived: Lived) -> None:
    """The practice's own day is the twin: there the same charges go out, with a diagnosis."""
    day = lived.day
    patient = day.make("/v1/patients", {"human": person(day, "Nan")})["patient"]
    cover(day, patient["id"], 1, f"PAID-{day.mark}", day.practice.payer_ids[0])
    body = encounter_body(day, day.people_desk, patient["id"], 1, diagnoses=[])
    for charge in body["charges"]:
        del charge["diagnosis_pointers"]
    claim = claim_of(day, day.make("/v1/encounters", body)["id"])
    assert claim["state"] == "scrub_failed"
    answer = day.api.client.post("/v1/claims:submit", json={"claim_ids": [claim["id"]]})
    problem = refused(answer, 409, "CLAIM_HAS_FINDINGS")
    assert "The claim has no diagnosis. Enter at least one diagnosis" in problem["detail"]
    assert "submit it again" in problem["detail"]

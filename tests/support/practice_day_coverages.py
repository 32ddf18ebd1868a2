"""What the practice of the practice day does about coverages: causes, cards and what payers say."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.practice_day import Day

CARD = b"\x89PNG\r\n\x1a\n"


def coverage_work(day: Day, patient: str, coverage: str) -> None:
    """Record an accident, keep a picture of a card, and write down what the payer said."""
    accident = {
        "patient_id": patient,
        "kind": "employment",
        "accident_date": (day.today - timedelta(days=9)).isoformat(),
        "adjuster_name": f"{day.mark} Adams",
    }
    party = day.api.get(f"/v1/patients/{patient}")["human"]["party_id"]
    said = {"patient_id": patient, "party_id": party, "kind": "treatment", "decision": "given", "source": "paper"}
    day.make("/v1/consents", said)
    assert day.api.get(f"/v1/patients/{patient}/consents")["consents"][0]["in_force"]
    cause = day.make("/v1/relatedCauses", accident)
    path = f"/v1/relatedCauses/{cause['id']}"
    day.change(path, claim_number=f"WC-{day.mark}")
    assert day.api.get(f"/v1/relatedCauses?patient_id={patient}")["related_causes"]
    day.make(f"{path}:close", {})
    assert day.api.get(f"/v1/coverageVerifications?patient_id={patient}")["coverage_verifications"]
    day.make(f"/v1/coverages/{coverage}:verify", {"result": "active", "note": day.mark})
    day.api.upload(f"/v1/coverages/{coverage}/cardImage?back=true", CARD + day.mark.encode(), "image/png")
    shown = day.api.client.get(f"/v1/coverages/{coverage}/cardImage?back=true")
    assert shown.content == CARD + day.mark.encode()

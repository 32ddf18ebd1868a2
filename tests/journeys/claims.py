"""The insurer's part of a journey: the claim that an event made, sent, answered and posted."""

from __future__ import annotations

from typing import Any

from tests.claims.edi import judge
from tests.journeys.clinic import Clinic, Json

SETTLED = "posted"


def until_posted(clinic: Clinic, encounter_id: str) -> Json:
    """Send the claim of an encounter and wait until the insurer's answer stands in the ledger."""
    claim = ready(clinic, encounter_id)
    x12 = clinic.biller.download(f"/v1/claims/{claim['id']}/x12").decode("ascii")
    assert f"CLM*{claim['claim_number']}*" in x12
    assert judge.faults(x12) == []
    assert judge.faults(x12.replace("~NM1*85*", "~NM1*86*")), "the judge accepts whatever it is shown"
    submit(clinic, claim)
    return until_state(clinic, claim["id"], SETTLED)


def ready(clinic: Clinic, encounter_id: str) -> Json:
    """Wait for the claim that the encounter's event makes."""
    claims = clinic.biller.until("/v1/claims", _settled, encounter_id=encounter_id)["claims"]
    assert [claim["state"] for claim in claims] == ["ready"], claims
    clinic.paths.append(f"/v1/claims/{claims[0]['id']}")
    return dict(claims[0])


def submit(clinic: Clinic, claim: Json) -> Json:
    """Send one claim to the clearinghouse."""
    sent = clinic.biller.post("/v1/claims:submit", {"claim_ids": [claim["id"]]}, name=claim["id"])
    assert sent["claim_count"] == 1
    return dict(sent["submissions"][0])


def until_state(clinic: Clinic, claim_id: str, state: str) -> Json:
    """Wait until a claim is in a state, and check that the way there is told."""
    claim = clinic.biller.until(f"/v1/claims/{claim_id}", lambda reply: reply["state"] == state)
    entries = clinic.biller.get(f"/v1/claims/{claim_id}/timeline")["entries"]
    assert {"created", "ready", "batched", "submitted", "adjudicated", "posted"} <= {each["kind"] for each in entries}
    return claim


def answers(clinic: Clinic, claim: Json) -> list[str]:
    """Return the kinds of answers that came for a claim's submission."""
    path = f"/v1/submissions/{claim['submission_id']}/acknowledgments"
    return [each["kind"] for each in clinic.biller.get(path)["acknowledgments"]]


def _settled(reply: dict[str, Any]) -> bool:
    return [claim["state"] for claim in reply.get("claims", [])] not in ([], ["draft"])

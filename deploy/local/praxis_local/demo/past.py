"""The practice's past: charges over the last months, payments, claims sent, statements issued."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from random import Random
from typing import Any

from praxis_local.api_client import ApiClient, ApiProblem
from praxis_local.demo.directory import Desk, Practice
from praxis_local.demo.practices import DIAGNOSES
from praxis_local.demo.register import Patient

OLDEST_INSURED_DAYS, OLDEST_DAYS = 110, 300
STATEMENTS = 4
CLAIM_WAIT_SECONDS = 20.0


def bill_past_visits(
    api: ApiClient, practice: Practice, patients: Sequence[Patient], random: Random, today: date
) -> None:
    """Charge one to three past visits of two patients in three; most owners paid at the desk."""
    for number, patient in enumerate(patients):
        if number % 3 == 2:
            continue
        for visit in range(random.choice((1, 1, 2, 3))):
            age = random.randint(3, OLDEST_INSURED_DAYS if patient.insured else OLDEST_DAYS)
            day = today - timedelta(days=age)
            desk = random.choice(practice.desks_for(patient.treats))
            encounter = post_encounter(api, practice, desk, patient, random, day, f"past-{number}-{visit}")
            if random.random() < 0.7:
                pay_at_desk(api, desk, encounter, random, day, f"past-{number}-{visit}")


def post_encounter(
    api: ApiClient, practice: Practice, desk: Desk, patient: Patient, random: Random, day: date, name: str,
    visit_id: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Post the charges of one visit."""
    offered = [item for item in practice.spec.items if item.sector == patient.treats]
    chosen = random.sample(offered, k=min(len(offered), random.choice((1, 2, 2, 3))))
    diagnoses = random.sample(DIAGNOSES, k=2) if patient.treats == "human" else []
    pointers = {"diagnosis_pointers": [1]} if diagnoses else {}
    body = {
        "patient_id": patient.id, "service_date": day.isoformat(), "location_id": desk.location_id,
        "rendering_practitioner_id": desk.practitioner_id, "diagnoses": diagnoses,
        "charges": [{"catalog_item_id": practice.items[item.code], "units": "1", **pointers} for item in chosen],
        **({"visit_id": visit_id} if visit_id else {}),
        **({"self_pay": True} if patient.treats == "human" and not patient.insured else {}),
    }  # fmt: skip
    return api.post("/v1/encounters", body, name=name)


def pay_at_desk(api: ApiClient, desk: Desk, encounter: dict[str, Any], random: Random, day: date, name: str) -> None:
    """Pay what the accounts owe of an encounter; now and then only half of it."""
    for account, owed in _owed(encounter).items():
        amount = (owed if random.random() < 0.8 else owed / 2).quantize(Decimal("0.01"))
        if amount <= 0:
            continue
        payment = {
            "payer_kind": "account", "account_id": account, "method": random.choice(("card", "card", "cash", "check")),
            "amount": {"currency_code": "USD", "amount": str(amount)}, "received_date": day.isoformat(),
            "location_id": desk.location_id, "allocation_policy": "oldest_first",
        }  # fmt: skip
        api.post("/v1/payments", payment, name=f"{name}-{account}")


def _owed(encounter: dict[str, Any]) -> dict[str, Decimal]:
    owed: dict[str, Decimal] = {}
    for charge in encounter["charges"]:
        for share in charge.get("shares", []):
            if not share.get("payer_id"):
                amount = Decimal(share["amount"]["amount"])
                owed[share["account_id"]] = owed.get(share["account_id"], Decimal(0)) + amount
    return owed


def collect(api: ApiClient, practice: Practice) -> None:
    """Send the claims that are ready and issue the first statements."""
    if practice.payer_ids:
        _submit_claims(api)
    issued = 0
    for account in islice(api.every("/v1/accounts", "accounts"), 60):
        balance = api.get(f"/v1/accounts/{account['id']}/balance")
        if Decimal(balance["balance"]["amount"]) > 0:
            api.post("/v1/statements", {"account_id": account["id"]}, name=f"statement-{account['id']}")
            issued += 1
        if issued == STATEMENTS:
            break


def _submit_claims(api: ApiClient) -> None:
    """Wait until claims made by event are ready, then send them all."""
    deadline = time.monotonic() + CLAIM_WAIT_SECONDS
    while time.monotonic() < deadline:
        if api.get("/v1/claims", states="ready", page_size=1).get("claims"):
            break
        time.sleep(0.3)
    try:
        api.post("/v1/claims:submit", {}, name="submit")
    except ApiProblem as problem:
        if problem.code != "NOTHING_TO_SUBMIT":
            raise

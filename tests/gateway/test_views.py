"""The view of a patient joins three services, shows what may be seen, and says what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

import httpx
import pytest
from gateway_support import refused
from support.front_door import Diary, FrontDoor
from support.practice_day import Lived

from praxis_chassis.types import new_id
from praxis_gateway.composition import Gateway, compose
from praxis_gateway.settings import Settings


@pytest.fixture(scope="module")
def crippled(platform: Any, front_door: FrontDoor) -> Iterator[Gateway]:
    """A gateway that reaches patients and nobody else."""
    target = f"127.0.0.1:{front_door.services['patients'].server.port}"
    gateway = compose(platform.settings(Settings, "identity", patients_target=target, billing_target="127.0.0.1:1"))
    yield gateway
    gateway.runtime.close()


@pytest.fixture(scope="module")
def charged(lived: Lived) -> str:
    """A patient whose account owes something."""
    accounts = [each["id"] for each in lived.diary.get("/v1/accounts", page_size=500)["accounts"]]
    balances = [lived.diary.get(f"/v1/accounts/{each}/balance") for each in accounts]
    lines = [line for balance in balances for line in balance.get("lines", [])]
    return str(next(line["patient_id"] for line in lines if line.get("patient_id")))


def test_a_patient_is_shown_with_appointments_and_balances(lived: Lived, charged: str) -> None:
    shown = lived.diary.get(f"/v1/views/patients/{charged}")
    assert shown["patient"] == lived.diary.get(f"/v1/patients/{charged}")
    assert shown["warnings"] == []
    open_states = {"booked", "confirmed", "arrived"}
    listed = lived.diary.get("/v1/appointments", patient_id=charged)["appointments"]
    assert [each["id"] for each in shown["appointments"]] == [
        each["id"] for each in listed if each["state"] in open_states
    ][: len(shown["appointments"])]
    assert shown["balances"]
    for balance in shown["balances"]:
        assert balance == lived.diary.get(f"/v1/accounts/{balance['account_id']}/balance")


def test_parts_that_do_not_answer_are_named(lived: Lived, crippled: Gateway, charged: str) -> None:
    token = lived.diary.client.headers["Authorization"]
    with httpx.Client(transport=httpx.WSGITransport(app=crippled.app), base_url="http://localhost") as client:
        answer = client.get(f"/v1/views/patients/{charged}", headers={"Authorization": token})
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["patient"]["id"] == charged
    assert {(each["part"], each["code"]) for each in shown["warnings"]} == {
        ("appointments", "UNAVAILABLE"),
        ("balances", "UNAVAILABLE"),
    }
    assert not {"appointments", "balances"} & shown.keys()


def test_nobody_sees_more_in_a_view_than_without_it(front_door: FrontDoor, lived: Lived, charged: str) -> None:
    key = lived.diary.post("/v1/apiKeys", {"title": "Front", "scopes": ["patients.patients.read"]})["key"]
    with closing(Diary(front_door.url, key)) as narrow:
        assert narrow.get(f"/v1/views/patients/{charged}").keys() == {"patient", "warnings"}
    none = lived.diary.post("/v1/apiKeys", {"title": "Other", "scopes": ["billing.accounts.read"]})["key"]
    with closing(Diary(front_door.url, none)) as other:
        refused(other.client.get(f"/v1/views/patients/{charged}"), 403, "PERMISSION_DENIED")
    _, stranger = front_door.newcomer()
    with closing(stranger):
        refused(stranger.client.get(f"/v1/views/patients/{charged}"), 404, "NOT_FOUND")


def test_ids_that_are_none_are_refused(lived: Lived) -> None:
    refused(lived.diary.client.get(f"/v1/views/patients/{new_id()}"), 404, "NOT_FOUND")
    refused(lived.diary.client.get("/v1/views/patients/luna"), 400, "INVALID_REQUEST")
    refused(lived.diary.client.get(f"/v1/views/patients/{UUID(int=0)}"), 404, "NOT_FOUND")

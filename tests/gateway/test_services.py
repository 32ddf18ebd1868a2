"""The gateway in front of a running service: routes, etags, replays, the clock and tenancy over real gRPC."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from gateway_support import PASSWORD, client_of, new_email, ok, refused
from google.rpc import code_pb2
from support.front_door import SERVICES, FrontDoor

from praxis_chassis.testing import ServiceUnderTest
from praxis_gateway.composition import Gateway, compose
from praxis_gateway.invoke import GrpcTransport, RefusedError
from praxis_gateway.settings import Settings

NOT_BILLING = "billing: Hostname Verification Check failed"


@pytest.fixture(scope="module")
def front(platform: Any, gateway: Gateway, patients: ServiceUnderTest) -> Iterator[Gateway]:
    """A gateway that knows the running patients service."""
    target = f"127.0.0.1:{patients.server.port}"
    composed = compose(platform.settings(Settings, "identity", patients_target=target, rate_limit_anonymous=100_000))
    yield composed
    composed.runtime.close()


@pytest.fixture
def owner(front: Gateway, setup_token: Callable[[], str]) -> Callable[[], httpx.Client]:
    def make() -> httpx.Client:
        email, client = new_email(), client_of(front)
        body = {
            "setup_token": setup_token(),
            "tenant": {"name": "Elm Street", "kind": "human", "mode": "test"},
            "owner": {"email": email, "display_name": "Lee", "password": PASSWORD},
        }
        ok(client.post("/v1/tenants", json=body))
        session = ok(client.post("/v1/sessions", json={"email": email, "password": PASSWORD}))
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {session['token']}"
        return client

    return make


def person(name: str = "Doe") -> dict[str, Any]:
    return {"person": {"name": {"use": "official", "family": name, "given": ["Jane"]}}}


def test_a_resource_lives_through_the_gateway(owner: Callable[[], httpx.Client]) -> None:
    client = owner()
    created = client.post("/v1/parties", json=person(), headers={"Idempotency-Key": "jane"})
    assert created.status_code == 201, created.text
    party = created.json()
    assert created.headers["location"] == f"/v1/parties/{party['id']}"
    again = client.post("/v1/parties", json=person(), headers={"Idempotency-Key": "jane"})
    assert again.json() == party
    assert again.headers["idempotency-replayed"] == "true"
    other = client.post("/v1/parties", json=person("Roe"), headers={"Idempotency-Key": "jane"})
    refused(other, 422, "IDEMPOTENCY_KEY_REUSED")
    read = client.get(f"/v1/parties/{party['id']}")
    assert read.headers["etag"] == party["etag"]


def test_an_update_changes_what_was_sent_and_needs_a_fresh_etag(owner: Callable[[], httpx.Client]) -> None:
    client = owner()
    party = ok(client.post("/v1/parties", json=person()))
    url, etag = f"/v1/parties/{party['id']}", {"If-Match": party["etag"]}
    changed = ok(client.patch(url, json={"language": "es"}, headers=etag))
    assert changed["language"] == "es"
    assert changed["person"] == party["person"]
    refused(client.patch(url, json={"language": "en"}, headers=etag), 412, "ETAG_MISMATCH")


def test_another_practice_sees_nothing(owner: Callable[[], httpx.Client]) -> None:
    mine, theirs = owner(), owner()
    party = ok(mine.post("/v1/parties", json=person()))
    ok(mine.get(f"/v1/parties/{party['id']}"))
    refused(theirs.get(f"/v1/parties/{party['id']}"), 404, "NOT_FOUND")
    assert ok(theirs.get("/v1/parties", params={"query": "Doe"}))["parties"] == []


def test_roles_reach_the_service(owner: Callable[[], httpx.Client], front: Gateway) -> None:
    client, email = owner(), new_email()
    body = {"user": {"email": email, "display_name": "Kim", "roles": ["report_analyst"]}, "password": PASSWORD}
    ok(client.post("/v1/users", json=body))
    analyst = client_of(front)
    ok(analyst.post("/v1/sessions", json={"email": email, "password": PASSWORD}))
    refused(analyst.get("/v1/patients"), 403, "PERMISSION_DENIED")


def test_refusals_come_in_the_callers_language(owner: Callable[[], httpx.Client]) -> None:
    missing = "/v1/parties/019ad2b5-7c00-7000-8000-000000000001"
    client = owner()
    english = refused(client.get(missing, headers={"Accept-Language": "en"}), 404, "NOT_FOUND")
    spanish = refused(client.get(missing, headers={"Accept-Language": "es-MX,en;q=0.5"}), 404, "NOT_FOUND")
    assert english["detail"] != spanish["detail"]


def test_the_clock_moves_in_every_service(front_door: FrontDoor, anonymous: httpx.Client) -> None:
    _, owner = front_door.newcomer()
    before = told_days(owner.client, "before")
    month, headers = {"seconds": 30 * 86_400}, {"Idempotency-Key": "a-month"}
    # A gateway of the same practice to which no service answers: what one of them was not told, none counts as told.
    stopped = {**headers, "Authorization": owner.client.headers["Authorization"]}
    refused(anonymous.post("/v1/test/clock:advance", json=month, headers=stopped), 503, "UNAVAILABLE")
    assert not ok(owner.client.get("/v1/test/clock")).get("offset_seconds")
    assert days_since(before, told_days(owner.client, "meanwhile")) <= {0, 1}
    clock = ok(owner.client.post("/v1/test/clock:advance", json=month, headers=headers))
    assert clock["offset_seconds"] == 30 * 86_400
    assert ok(owner.client.post("/v1/test/clock:advance", json=month, headers=headers)) == clock
    assert ok(owner.client.get("/v1/test/clock"))["offset_seconds"] == 30 * 86_400
    after = told_days(owner.client, "after")
    assert after.keys() >= {*SERVICES, "identity"}
    assert days_since(before, after) <= {30, 31}
    ok(owner.client.get("/v1/sessions/current"))
    owner.close()


def days_since(before: dict[str, date], after: dict[str, date]) -> set[int]:
    """Return how many days each service went on; one more than asked when the test runs across midnight."""
    return {(after[name] - before[name]).days for name in after}


def told_days(client: httpx.Client, name: str) -> dict[str, date]:
    """Return the day on which each service says that something happened just now."""
    tax = {"name": name, "jurisdiction": "KS", "tax_class": "standard", "sector": "animal", "percent": "5"}
    made: dict[str, tuple[str, dict[str, Any]]] = {
        "patients": ("parties", person()),
        "scheduling": ("reminderPlans", {"name": name, "channels": ["email"], "communications": [{"kind": "booked"}]}),
        "billing": ("taxRates", {**tax, "start_date": "2026-01-01"}),
        "claims": (
            "payers",
            {"name": name, "kind": "commercial", "electronic_id": name.upper(), "filing_limit_days": 90},
        ),
        "identity": ("roles", {"name": name, "title": name, "permissions": ["patients.patients.read"]}),
    }
    told = {key: ok(client.post(f"/v1/{path}", json=body))["create_time"] for key, (path, body) in made.items()}
    told["reporting"] = ok(client.get("/v1/reports/patientAging"))["aging_date"]
    return {key: date.fromisoformat(text[:10]) for key, text in told.items()}


@pytest.mark.parametrize(("name", "reasons"), [("patients", []), ("billing", [NOT_BILLING])])
def test_the_log_tells_which_service_is_not_what_it_should_be(
    platform: Any, patients: ServiceUnderTest, caplog: pytest.LogCaptureFixture, name: str, reasons: list[str]
) -> None:
    target = f"127.0.0.1:{patients.server.port}"
    transport = GrpcTransport(target, name, platform.certificates("gateway"))
    method = patients.methods["ListPractices"]
    with caplog.at_level(logging.WARNING), pytest.raises(RefusedError) as failure:
        transport.call(method.full_name, method.request(), {}, 10)
    assert failure.value.status.code == (code_pb2.UNAVAILABLE if reasons else code_pb2.UNAUTHENTICATED)
    told = [record.__dict__["reason"] for record in caplog.records if record.message == "service not trusted"]
    assert told == reasons

"""The gateway in front of a running service: routes, etags, replays, the clock and tenancy over real gRPC."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from gateway_support import PASSWORD, client_of, new_email, ok, refused
from google.rpc import code_pb2

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


def test_the_clock_moves_in_every_service(owner: Callable[[], httpx.Client]) -> None:
    client = owner()
    before = ok(client.post("/v1/parties", json=person()))["create_time"]
    headers = {"Idempotency-Key": "a-month"}
    clock = ok(client.post("/v1/test/clock:advance", json={"seconds": 30 * 86_400}, headers=headers))
    assert clock["offset_seconds"] == 30 * 86_400
    assert ok(client.post("/v1/test/clock:advance", json={"seconds": 30 * 86_400}, headers=headers)) == clock
    assert ok(client.get("/v1/test/clock"))["offset_seconds"] == 30 * 86_400
    after = ok(client.post("/v1/parties", json=person("Roe")))["create_time"]
    assert after[:10] > before[:10]
    ok(client.get("/v1/sessions/current"))


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

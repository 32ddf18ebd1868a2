"""Bad input at every door gets a problem document that says what to do."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from gateway_support import Practice, client_of, ok, refused
from google.rpc import code_pb2, status_pb2

from praxis_chassis.database import Database
from praxis_gateway import contracts, endpoint
from praxis_gateway.composition import Gateway
from praxis_gateway.limits import Limiter
from praxis_gateway.problems import from_status
from praxis_gateway.transcoding import rule_of

CONTRACTS = contracts.load()
SOME_ID = "019ad2b5-7c00-7000-8000-000000000001"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("operation", CONTRACTS.operations, ids=lambda op: f"{op.verb} {op.path}")
def test_nothing_opens_without_a_login(operation: contracts.Operation, anonymous: httpx.Client) -> None:
    path = rule_of(operation)
    for index in range(len(operation.path_fields())):
        path = path.replace(f"<segment:p{index}>", SOME_ID)
    answer = anonymous.request(operation.verb.upper(), path)
    if operation.policy.permission == "public":
        assert answer.status_code in {400, 415}
        return
    if operation.policy.tenant_field:  # the service judges the signature, and no service is there
        refused(answer, 503, "UNAVAILABLE")
        return
    refused(answer, 401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("code", ["CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED",
                                  "INTERNAL", "UNAVAILABLE", "DATA_LOSS"])  # fmt: skip
def test_what_the_network_answers_in_place_of_a_service_is_told_with_what_to_do(code: str) -> None:
    problem = from_status(status_pb2.Status(code=code_pb2.Code.Value(code)))
    assert problem.status >= 500
    assert re.search(r"[.;] (try|Try|Tell) ", problem.detail), problem.detail


def test_public_routes_are_the_known_ones() -> None:
    public = {op.name for op in CONTRACTS.operations if op.policy.permission == "public"}
    assert public == {"CreateTenant", "CreateSession", "AcceptInvitation"}


def test_routes_that_a_signature_opens_lie_apart() -> None:
    signed = {op.path for op in CONTRACTS.operations if op.policy.tenant_field}
    assert signed
    assert all(path.startswith(("/v1/feeds/", "/v1/links/", "/v1/webhooks/")) for path in signed)


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "nonsense"])
def test_unusable_credentials_say_what_to_send(header: str, anonymous: httpx.Client) -> None:
    refused(anonymous.get("/v1/users", headers={"Authorization": header}), 401, "UNAUTHENTICATED")


def test_unknown_tokens_are_refused(anonymous: httpx.Client) -> None:
    for token in ("praxis_session_unknown", "x" * 5000):
        refused(anonymous.get("/v1/users", headers={"Authorization": f"Bearer {token}"}), 401, "SESSION_INVALID")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "JSON_MALFORMED"),
        (b'{"name": "x", "name": "y"}', "JSON_NAME_REPEATED"),
        (b"", "JSON_MALFORMED"),
        (b'{"name": "\xff"}', "JSON_MALFORMED"),
        ('{"name": "x"}'.encode("utf-16"), "JSON_MALFORMED"),
        (b"[" * 100_000, "JSON_MALFORMED"),
        (b"[1]", "OBJECT_EXPECTED"),
        (b"null", "OBJECT_EXPECTED"),
        (b'{"name": 1}', "TEXT_EXPECTED"),
        (b'{"nmae": "x"}', "UNKNOWN_FIELD"),
    ],
)
def test_bodies_that_are_no_role(practice: Practice, content: bytes, code: str) -> None:
    problem = refused(practice.owner.post("/v1/roles", content=content, headers=JSON), 400, "INVALID_REQUEST")
    assert problem["errors"][0]["code"] == code
    assert problem["errors"][0]["message"]


def test_rules_of_the_contract_point_at_the_field(practice: Practice) -> None:
    body = {"name": "No Spaces", "title": "", "permissions": []}
    problem = refused(practice.owner.post("/v1/roles", json=body), 400, "INVALID_REQUEST")
    assert {error["pointer"] for error in problem["errors"]} == {"/name", "/title", "/permissions"}


def test_only_json_is_taken(practice: Practice) -> None:
    answer = practice.owner.post("/v1/roles", content=b"name=x", headers={"Content-Type": "text/plain"})
    refused(answer, 415, "MEDIA_TYPE_UNSUPPORTED")


def test_large_bodies_are_refused(practice: Practice) -> None:
    refused(practice.owner.post("/v1/roles", content=b" " * 3_000_001, headers=JSON), 413, "BODY_TOO_LARGE")


def test_files_larger_than_25_mb_are_refused(practice: Practice) -> None:
    upload = next((op for op in CONTRACTS.operations if op.takes_file), None)
    if upload is None:
        pytest.skip("no contract takes a file")
    answer = practice.owner.post(
        upload.path, content=b"x" * 26_000_000, headers={"Content-Type": "application/edi-x12"}
    )
    refused(answer, 413, "BODY_TOO_LARGE")
    refused(practice.owner.post(upload.path, content=b""), 400, "FILE_EMPTY")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/unknown", "/v1/users/", "/v1/users/a/b", "/%00", "/v1/../etc/passwd"]
)
def test_unknown_paths(path: str, anonymous: httpx.Client) -> None:
    refused(anonymous.get(path), 404, "ROUTE_NOT_FOUND")


def test_wrong_methods_name_the_right_ones(anonymous: httpx.Client) -> None:
    answer = anonymous.delete("/v1/users")
    problem = refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, POST"
    assert "GET, POST" in problem["detail"]
    assert anonymous.get(f"/v1/users/{SOME_ID}:disable").headers["allow"] == "POST"


@pytest.mark.parametrize("identifier", ["1", "not-a-uuid", "%27%3B--", "a" * 5000])
def test_ids_that_are_none(practice: Practice, identifier: str) -> None:
    problem = refused(practice.owner.get(f"/v1/users/{identifier}"), 400, "INVALID_REQUEST")
    assert problem["errors"][0]["parameter"] == "id"
    for path in ("users", "roles"):
        body = {"title": "X"} if path == "roles" else {"display_name": "X"}
        answer = practice.owner.patch(f"/v1/{path}/{identifier}", json=body)
        assert refused(answer, 400, "INVALID_REQUEST")["errors"][0]["parameter"] == "id"


def test_foreign_ids_are_not_found(practice: Practice) -> None:
    for path in ("users", "roles", "apiKeys"):
        refused(practice.owner.get(f"/v1/{path}/{SOME_ID}"), 404, "NOT_FOUND")


def test_page_tokens_come_from_the_list(practice: Practice) -> None:
    for token in ("x", "AAAA", "e30", "ÿ"):
        answer = practice.owner.get("/v1/users", params={"page_token": token})
        refused(answer, 400, "PAGE_TOKEN_INVALID")


def test_lists_can_be_paged_through(practice: Practice) -> None:
    expected = [practice.invite("biller")[0]["id"] for _ in range(3)]
    seen: list[str] = []
    token = ""
    while True:
        reply = ok(practice.owner.get("/v1/users", params={"page_size": 1, "page_token": token}))
        seen += [user["id"] for user in reply["users"]]
        token = reply.get("next_page_token", "")
        if not token:
            break
    assert seen[1:] == expected


def test_stale_etags(practice: Practice) -> None:
    tenant = practice.owner.get("/v1/tenants/current")
    etag = tenant.headers["etag"]
    assert etag == tenant.json()["etag"]
    changed = practice.owner.patch("/v1/tenants/current", json={"name": "New"}, headers={"If-Match": etag})
    assert ok(changed)["name"] == "New"
    stale = practice.owner.patch("/v1/tenants/current", json={"name": "Newer"}, headers={"If-Match": etag})
    refused(stale, 412, "ETAG_MISMATCH")


def test_a_missing_service_is_told_and_nothing_else_breaks(practice: Practice) -> None:
    answer = practice.owner.get("/v1/patients")
    problem = refused(answer, 503, "UNAVAILABLE")
    assert answer.headers["retry-after"]
    assert "127.0.0.1" not in problem["detail"]
    ok(practice.owner.get("/v1/users"))


def test_too_many_calls(practice: Practice, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    limiter = Limiter(60, clock=lambda: now[0])
    assert all(limiter.take("a").allowed for _ in range(60))
    blocked = limiter.take("a")
    assert not blocked.allowed
    assert blocked.wait_seconds == 1
    assert limiter.take("b").allowed
    now[0] += 2
    assert [limiter.take("a").allowed for _ in range(3)] == [True, True, False]


def test_every_answer_carries_the_security_headers(anonymous: httpx.Client) -> None:
    for path in ("/livez", "/v1/users", "/docs", "/v1/openapi.json", "/nowhere"):
        headers = anonymous.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-request-id"]


def test_readiness_needs_the_database(
    anonymous: httpx.Client, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [anonymous.get(path).status_code for path in ("/livez", "/readyz")] == [200, 200]
    away = Database("postgresql://nobody@127.0.0.1:9/identity", size=1)
    monkeypatch.setattr(gateway.runtime, "database", away)
    assert anonymous.get("/livez").status_code == 200
    answer = anonymous.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    away.close()


def test_the_reference_page_asks_no_other_host(anonymous: httpx.Client) -> None:
    for path in ("/docs", "/docs/reference.js", "/docs/reference.css"):
        answer = anonymous.get(path)
        assert answer.status_code == 200
        assert "http://" not in answer.text
        assert "https://" not in answer.text


def test_faults_of_our_own_tell_nothing(
    practice: Practice, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("Jane Doe 1970-01-01")

    monkeypatch.setattr(endpoint, "json_response", fail)
    answer = practice.owner.get("/v1/users")
    refused(answer, 500, "INTERNAL")
    assert "Jane" not in answer.text


def test_request_ids_of_the_caller_are_kept(gateway: Gateway) -> None:
    client = client_of(gateway)
    assert client.get("/livez", headers={"X-Request-Id": "partner-12345"}).headers["x-request-id"] == "partner-12345"
    assert client.get("/livez", headers={"X-Request-Id": "<script>"}).headers["x-request-id"] != "<script>"

"""What owners, staff and programs do with logins, roles and keys, over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx
import pytest
from gateway_support import PASSWORD, Practice, client_of, new_email, ok, refused

from praxis_gateway import authentication
from praxis_gateway.composition import Gateway


def test_a_setup_token_creates_one_practice(anonymous: httpx.Client, setup_token: Callable[[], str]) -> None:
    body = {
        "setup_token": setup_token(),
        "tenant": {"name": "Oak", "kind": "animal"},
        "owner": {"email": new_email(), "display_name": "Ann", "password": PASSWORD},
    }
    created = ok(anonymous.post("/v1/tenants", json=body))
    assert created["tenant"]["mode"] == "live"
    assert created["owner"]["roles"] == ["owner"]
    body["owner"] = {"email": new_email(), "display_name": "Bob", "password": PASSWORD}
    refused(anonymous.post("/v1/tenants", json=body), 403, "SETUP_TOKEN_INVALID")


@pytest.mark.parametrize("password", ["short", "password1234", "Passw0rd!2026", "abcdefghijklmnop", "aaaaaaaaaaaaaa"])
def test_weak_passwords_are_refused(practice: Practice, password: str) -> None:
    body = {"user": {"email": new_email(), "display_name": "Kim", "roles": ["biller"]}, "password": password}
    problem = refused(practice.owner.post("/v1/users", json=body), 400, "INVALID_REQUEST")
    assert problem["errors"][0]["pointer"] == "/password"


def test_sessions_show_who_is_logged_in_and_end(practice: Practice) -> None:
    client = practice.person("front_desk")
    session = ok(client.get("/v1/sessions/current"))
    assert session["roles"] == ["front_desk"]
    assert "scheduling.appointments.*" in session["permissions"]
    assert "token" not in session
    assert client.delete("/v1/sessions/current").status_code == 204
    refused(client.get("/v1/sessions/current"), 401, "SESSION_INVALID")


def test_unknown_users_and_wrong_passwords_get_the_same_answer(practice: Practice, anonymous: httpx.Client) -> None:
    _, email = practice.invite("biller")
    answers = []
    for address in (email, new_email()):
        answer = anonymous.post("/v1/sessions", json={"email": address, "password": "not-the-password"})
        problem = refused(answer, 401, "CREDENTIALS_INVALID")
        for own in ("request_id", "trace_id"):
            problem.pop(own)
        answers.append(problem)
    assert answers[0] == answers[1]


def test_wrong_passwords_are_throttled_for_known_and_unknown_accounts(
    practice: Practice, anonymous: httpx.Client
) -> None:
    _, email = practice.invite("biller")
    for address in (email, new_email()):
        for _ in range(6):
            wrong = anonymous.post("/v1/sessions", json={"email": address, "password": "not-the-password"})
            assert wrong.status_code == 401
        blocked = anonymous.post("/v1/sessions", json={"email": address, "password": PASSWORD})
        refused(blocked, 429, "LOGIN_THROTTLED")
        assert int(blocked.headers["retry-after"]) >= 1


def test_parallel_guesses_count_one_by_one(practice: Practice) -> None:
    _, email = practice.invite("biller")
    statuses: list[int] = []

    def guess() -> None:
        client, body = client_of(practice.gateway), {"email": email, "password": "wrong-password"}
        # A busy machine turns some away before anybody looks at the password; they ask again.
        asked = (client.post("/v1/sessions", json=body).status_code for _ in range(100))
        statuses.append(next((status for status in asked if status != 503), 503))

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(401), statuses.count(429)) == (6, 6), statuses


def test_a_success_forgives_earlier_failures(practice: Practice, anonymous: httpx.Client) -> None:
    _, email = practice.invite("biller")
    for _ in range(2):
        for _ in range(4):
            anonymous.post("/v1/sessions", json={"email": email, "password": "not-the-password"})
        ok(anonymous.post("/v1/sessions", json={"email": email.upper(), "password": PASSWORD}))


def test_invitations_set_the_first_password_once(practice: Practice, anonymous: httpx.Client) -> None:
    email = new_email()
    body = {"user": {"email": email, "display_name": "Kim", "roles": ["provider"]}}
    invited = ok(practice.owner.post("/v1/users", json=body))
    assert invited["user"]["state"] == "invited"
    refused(anonymous.post("/v1/sessions", json={"email": email, "password": PASSWORD}), 401, "CREDENTIALS_INVALID")
    choice = {"invitation_token": invited["invitation_token"], "password": PASSWORD}
    assert ok(anonymous.post("/v1/users:acceptInvitation", json=choice)) == {"email": email}
    refused(anonymous.post("/v1/users:acceptInvitation", json=choice), 409, "INVITATION_INVALID")
    assert ok(practice.login(email).get("/v1/sessions/current"))["email"] == email


def test_changing_the_password_ends_other_sessions(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    _, email = practice.invite("biller")
    first, second = practice.login(email), practice.login(email)
    new = "walnut-river-candle-9"
    body = {"current_password": PASSWORD, "new_password": new}
    ok(first.post("/v1/users:changePassword", json=body))
    ok(first.get("/v1/sessions/current"))
    refused(second.get("/v1/sessions/current"), 401, "SESSION_INVALID")
    practice.login(email, new)


def test_nobody_grants_what_they_lack(practice: Practice) -> None:
    admin = practice.person("practice_admin")
    body = {"user": {"email": new_email(), "display_name": "Kim", "roles": ["owner"]}, "password": PASSWORD}
    refused(admin.post("/v1/users", json=body), 403, "GRANT_EXCEEDS_OWN")
    body["user"] = {"email": new_email(), "display_name": "Kim", "roles": ["front_desk"]}
    ok(admin.post("/v1/users", json=body))
    role = {"name": "everything", "title": "Everything", "permissions": ["*.*.*"]}
    refused(admin.post("/v1/roles", json=role), 403, "GRANT_EXCEEDS_OWN")
    key = {"title": "Script", "scopes": ["*.*.read"]}
    refused(admin.post("/v1/apiKeys", json=key), 403, "GRANT_EXCEEDS_OWN")


def test_who_holds_more_cannot_be_changed_from_below(practice: Practice) -> None:
    admin = practice.person("practice_admin")
    owner_id = ok(practice.owner.get("/v1/sessions/current"))["user_id"]
    for verb in ("disable", "resetPassword"):
        refused(admin.post(f"/v1/users/{owner_id}:{verb}"), 403, "USER_OUTRANKS_CALLER")


def test_the_last_owner_stays(practice: Practice) -> None:
    owner_id = ok(practice.owner.get("/v1/sessions/current"))["user_id"]
    refused(practice.owner.post(f"/v1/users/{owner_id}:disable"), 409, "LAST_OWNER")
    refused(practice.owner.post(f"/v1/users/{owner_id}:setRoles", json={"roles": ["biller"]}), 409, "LAST_OWNER")
    practice.invite("owner")
    assert ok(practice.owner.post(f"/v1/users/{owner_id}:setRoles", json={"roles": ["biller"]}))["roles"] == ["biller"]


def test_a_disabled_person_is_out_within_seconds(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    assert authentication.REMEMBER_SECONDS < 5
    monkeypatch.setattr(authentication, "REMEMBER_SECONDS", 0.0)
    user, email = practice.invite("front_desk")
    client = practice.login(email)
    ok(client.get("/v1/users"))
    assert ok(practice.owner.post(f"/v1/users/{user['id']}:disable"))["state"] == "disabled"
    refused(client.get("/v1/users"), 401, "SESSION_INVALID")
    login = {"email": email, "password": PASSWORD}
    refused(client_of(practice.gateway).post("/v1/sessions", json=login), 401, "CREDENTIALS_INVALID")
    ok(practice.owner.post(f"/v1/users/{user['id']}:enable"))
    ok(practice.login(email).get("/v1/users"))


def test_custom_roles_follow_their_permissions(practice: Practice) -> None:
    body = {"name": "greeter", "title": "Greeter", "permissions": ["identity.users.read"]}
    role = ok(practice.owner.post("/v1/roles", json=body))
    refused(practice.owner.post("/v1/roles", json=body), 409, "ROLE_NAME_TAKEN")
    greeter = practice.person("greeter")
    ok(greeter.get("/v1/users"))
    refused(greeter.get("/v1/apiKeys"), 403, "PERMISSION_DENIED")
    refused(practice.owner.post(f"/v1/roles/{role['id']}:retire"), 409, "ROLE_IN_USE")
    changed = ok(practice.owner.patch(f"/v1/roles/{role['id']}", json={"title": "Welcome"}))
    assert changed["title"] == "Welcome"
    assert changed["permissions"] == body["permissions"]
    stale = practice.owner.patch(f"/v1/roles/{role['id']}", json={"title": "X"}, headers={"If-Match": role["etag"]})
    refused(stale, 412, "ETAG_MISMATCH")
    unknown = {"name": "odd", "title": "Odd", "permissions": ["identity.horses.read"]}
    refused(practice.owner.post("/v1/roles", json=unknown), 400, "INVALID_REQUEST")


def test_api_keys_open_their_scopes_only_and_can_be_revoked(
    practice: Practice, anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "REMEMBER_SECONDS", 0.0)
    key = ok(practice.owner.post("/v1/apiKeys", json={"title": "Script", "scopes": ["identity.users.read"]}))
    assert key["key"].startswith("praxis_test_")
    anonymous.headers["Authorization"] = f"Bearer {key['key']}"
    ok(anonymous.get("/v1/users"))
    refused(anonymous.get("/v1/roles"), 403, "PERMISSION_DENIED")
    refused(anonymous.get("/v1/sessions/current"), 409, "SESSION_REQUIRED")
    assert "key" not in ok(practice.owner.get(f"/v1/apiKeys/{key['id']}"))
    ok(practice.owner.post(f"/v1/apiKeys/{key['id']}:revoke"))
    refused(anonymous.get("/v1/users"), 401, "API_KEY_INVALID")


def test_a_mistyped_key_is_told_apart_without_looking(practice: Practice, anonymous: httpx.Client) -> None:
    key = ok(practice.owner.post("/v1/apiKeys", json={"title": "Script", "scopes": ["identity.users.read"]}))["key"]
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
    anonymous.headers["Authorization"] = f"Bearer {wrong}"
    problem = refused(anonymous.get("/v1/users"), 401, "API_KEY_INVALID")
    assert "copy it again" in problem["detail"]


def test_live_practices_get_live_keys_and_keep_their_clock(new_practice: Callable[..., Practice]) -> None:
    live = new_practice("live")
    key = ok(live.owner.post("/v1/apiKeys", json={"title": "Script", "scopes": ["identity.users.read"]}))
    assert key["key"].startswith("praxis_live_")
    refused(live.owner.post("/v1/test/clock:advance", json={"seconds": 60}), 409, "CLOCK_LIVE")


def test_practices_do_not_see_each_other(new_practice: Callable[..., Practice]) -> None:
    one, two = new_practice(), new_practice()
    user, _ = one.invite("biller")
    ok(one.owner.get(f"/v1/users/{user['id']}"))
    refused(two.owner.get(f"/v1/users/{user['id']}"), 404, "NOT_FOUND")
    key = ok(one.owner.post("/v1/apiKeys", json={"title": "Script", "scopes": ["identity.users.read"]}))
    refused(two.owner.get(f"/v1/apiKeys/{key['id']}"), 404, "NOT_FOUND")
    assert [item["id"] for item in ok(two.owner.get("/v1/apiKeys"))["api_keys"]] == []


def test_who_works_for_two_practices_chooses_one(new_practice: Callable[..., Practice], gateway: Gateway) -> None:
    one, two = new_practice(), new_practice()
    user, email = one.invite("biller")
    body = {"user": {"email": email, "display_name": "Kim", "roles": ["front_desk"]}}
    refused(two.owner.post("/v1/users", json={**body, "password": PASSWORD}), 409, "LOGIN_EXISTS")
    joined = ok(two.owner.post("/v1/users", json=body))
    assert (joined["user"]["id"], joined["user"]["state"]) == (user["id"], "invited")
    client = client_of(gateway)
    accept = {"invitation_token": joined["invitation_token"], "password": PASSWORD}
    ok(client.post("/v1/users:acceptInvitation", json=accept))
    problem = refused(client.post("/v1/sessions", json={"email": email, "password": PASSWORD}), 409,
                      "TENANT_CHOICE_REQUIRED")  # fmt: skip
    assert {choice["tenant_id"] for choice in problem["tenant_choices"]["tenants"]} == {one.id, two.id}
    session = client.post("/v1/sessions", json={"email": email, "password": PASSWORD, "tenant_id": two.id})
    assert ok(session)["roles"] == ["front_desk"]
    refused(two.owner.post(f"/v1/users/{user['id']}:resetPassword"), 409, "LOGIN_SHARED")


def test_another_practice_cannot_take_over_an_invited_login(
    new_practice: Callable[..., Practice], anonymous: httpx.Client
) -> None:
    victim, attacker = new_practice(), new_practice()
    body = {"user": {"email": new_email(), "display_name": "Kim", "roles": ["biller"]}}
    ours = ok(victim.owner.post("/v1/users", json=body))["invitation_token"]
    theirs = ok(attacker.owner.post("/v1/users", json=body))["invitation_token"]
    ok(anonymous.post("/v1/users:acceptInvitation", json={"invitation_token": theirs, "password": PASSWORD}))
    stolen = ok(anonymous.post("/v1/sessions", json={"email": body["user"]["email"], "password": PASSWORD}))
    assert stolen["tenant_id"] == attacker.id
    wanted = {"email": body["user"]["email"], "password": PASSWORD, "tenant_id": victim.id}
    refused(anonymous.post("/v1/sessions", json=wanted), 401, "CREDENTIALS_INVALID")
    wrong = {"invitation_token": ours, "password": "another-long-password"}
    refused(anonymous.post("/v1/users:acceptInvitation", json=wrong), 401, "CREDENTIALS_INVALID")


def test_a_login_made_beforehand_is_let_in_by_nobody_but_its_owner_with_the_token(
    new_practice: Callable[..., Practice], anonymous: httpx.Client
) -> None:
    attacker, victim = new_practice(), new_practice()
    _, email = attacker.invite("biller")
    body = {"user": {"email": email, "display_name": "Kim", "roles": ["owner"]}}
    token = ok(victim.owner.post("/v1/users", json=body))["invitation_token"]
    wanted = {"email": email, "password": PASSWORD, "tenant_id": victim.id}
    refused(anonymous.post("/v1/sessions", json=wanted), 401, "CREDENTIALS_INVALID")
    ok(anonymous.post("/v1/users:acceptInvitation", json={"invitation_token": token, "password": PASSWORD}))
    assert ok(anonymous.post("/v1/sessions", json=wanted))["tenant_id"] == victim.id


def test_a_moved_clock_blocks_no_login(new_practice: Callable[..., Practice], anonymous: httpx.Client) -> None:
    practice = new_practice()
    _, email = practice.invite("biller")
    # Identity moves its clock at once; that no service is here to be told does not matter to logins.
    practice.owner.post("/v1/test/clock:advance", json={"seconds": 300 * 86400})
    client = practice.login(email)
    for _ in range(6):
        client.post(
            "/v1/users:changePassword", json={"current_password": "wrong-wrong-wrong", "new_password": PASSWORD}
        )
    problem = anonymous.post("/v1/sessions", json={"email": email, "password": PASSWORD})
    assert int(problem.headers.get("Retry-After", "0")) < 86400, problem.text


def test_the_cookie_of_loopback_is_not_taken_over_tls(practice: Practice, anonymous: httpx.Client) -> None:
    _, email = practice.invite("owner")
    ok(anonymous.post("/v1/sessions", json={"email": email, "password": PASSWORD}))
    ok(anonymous.get("/v1/sessions/current"))
    refused(anonymous.get("/v1/sessions/current", headers={"Host": "praxis.example"}), 401, "UNAUTHENTICATED")


def test_browsers_need_the_csrf_token_for_changes(practice: Practice, anonymous: httpx.Client) -> None:
    _, email = practice.invite("owner")
    session = ok(anonymous.post("/v1/sessions", json={"email": email, "password": PASSWORD}))
    assert "praxis" in anonymous.cookies
    ok(anonymous.get("/v1/sessions/current"))
    body = {"title": "Script", "scopes": ["identity.users.read"]}
    refused(anonymous.post("/v1/apiKeys", json=body), 403, "CSRF_TOKEN_INVALID")
    headers = {"X-CSRF-Token": session["csrf_token"]}
    ok(anonymous.post("/v1/apiKeys", json=body, headers=headers))
    foreign = {**headers, "Sec-Fetch-Site": "cross-site"}
    refused(anonymous.post("/v1/apiKeys", json=body, headers=foreign), 403, "CSRF_TOKEN_INVALID")


def test_repeated_keys_give_the_first_reply(practice: Practice) -> None:
    body = {"name": "greeter", "title": "Greeter", "permissions": ["identity.users.read"]}
    headers = {"Idempotency-Key": "make-greeter"}
    first = practice.owner.post("/v1/roles", json=body, headers=headers)
    again = practice.owner.post("/v1/roles", json=body, headers=headers)
    assert ok(first) == ok(again)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    other = practice.owner.post("/v1/roles", json={**body, "title": "Other"}, headers=headers)
    refused(other, 422, "IDEMPOTENCY_KEY_REUSED")

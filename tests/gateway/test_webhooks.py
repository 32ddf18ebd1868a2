"""The doors for calls that prove themselves by a signature: what gets in, what does not, and the page of a link."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from support.front_door import FrontDoor
from support.practice_day import SMS_SECRET, Lived
from twilio.request_validator import RequestValidator

FORM = {"MessageSid": "SM-gateway", "From": "+17855550123", "Body": "STOP"}
TOKEN = "A" * 43


@pytest.fixture
def http(front_door: FrontDoor) -> httpx.Client:
    return httpx.Client(base_url=front_door.url, trust_env=False)


def signed(path: str, form: dict[str, str], secret: str = SMS_SECRET) -> dict[str, str]:
    url = f"https://front.example{path}"
    return {"X-Twilio-Signature": RequestValidator(secret).compute_signature(url, form)}


def test_a_signed_text_gets_in_and_any_other_does_not(http: httpx.Client, lived: Lived) -> None:
    path = f"/v1/webhooks/{lived.tenant_id}/sms"
    assert http.post(path, data=FORM, headers=signed(path, FORM)).status_code == 204
    assert http.post(path, data={**FORM, "Body": "START"}, headers=signed(path, FORM)).status_code == 403
    assert http.post(path, data=FORM, headers=signed(path, FORM, "another")).status_code == 403
    assert http.post(path, data=FORM).status_code == 403
    elsewhere = path.replace(str(lived.tenant_id), "019ad2b5-7c00-7000-8000-000000000001")
    assert http.post(elsewhere, data=FORM, headers=signed(elsewhere, FORM)).status_code == 403
    assert http.post("/v1/webhooks/nobody/sms", data=FORM).status_code == 404


def test_a_large_body_is_not_read(http: httpx.Client, lived: Lived) -> None:
    reply = http.post(f"/v1/webhooks/{lived.tenant_id}/sms", content=b"a" * 70_000)
    assert (reply.status_code, reply.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert "64 KB" in reply.json()["detail"]


def test_a_guest_may_do_nothing_else(http: httpx.Client, lived: Lived) -> None:
    """The guest's token never leaves the gateway; every other door asks for a login."""
    assert http.get("/v1/communications").status_code == 401
    assert http.post(f"/v1/links/{lived.tenant_id}/{TOKEN}:cancel").status_code == 404


def test_the_page_of_a_link_shows_and_does_nothing_by_itself(http: httpx.Client, lived: Lived) -> None:
    words = " ".join(each.reply.decode() for each in lived.diary.exchanges if each.path == "/v1/communications")
    path = re.findall(r"https://front.example(/links/[0-9a-f-]+/[\w-]+)", words)[0]
    page = http.get(path)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert '<button name="choice" value="unsubscribe">' in page.text
    done = http.post(path, data={"choice": "unsubscribe"})
    assert "You get no more messages here." in done.text
    assert http.post(path, data={"choice": "delete"}).status_code == 400
    nowhere = http.get(path[:-4] + "AAAA")
    assert nowhere.status_code == 404


def test_the_description_says_that_no_login_is_needed(front_door: FrontDoor) -> None:
    paths = front_door.description()["paths"]
    hook = paths["/v1/webhooks/{tenant_id}/sms"]["post"]
    assert hook["security"] == []
    assert "application/x-www-form-urlencoded" in hook["requestBody"]["content"]
    assert paths["/v1/links/{tenant_id}/{token}:unsubscribe"]["post"]["security"] == []
    assert json.dumps(paths).count('"security": []') > 6

"""What the gateway's tests share: a practice with its owner logged in, and checks of answers."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

import httpx

from praxis_gateway.composition import Gateway

GAP = re.compile(r"(?<!\w)\?")  # what stands in a text for a fact that was not given; other ones end a question
PASSWORD = "umbrella-lamp-42-tree"  # a test fixture, not a secret


@dataclass
class Practice:
    """A fresh practice with its owner logged in."""

    gateway: Gateway
    id: str
    owner_email: str
    owner: httpx.Client

    def invite(self, *roles: str, password: str = PASSWORD) -> tuple[dict[str, Any], str]:
        """Add a person and return the person and the e-mail address."""
        email = new_email()
        body = {"user": {"email": email, "display_name": "Kim", "roles": list(roles)}, "password": password}
        return ok(self.owner.post("/v1/users", json=body))["user"], email

    def login(self, email: str, password: str = PASSWORD) -> httpx.Client:
        """Log a person in and return a client that sends the token."""
        client = client_of(self.gateway)
        session = ok(client.post("/v1/sessions", json={"email": email, "password": password}))
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {session['token']}"
        return client

    def person(self, *roles: str) -> httpx.Client:
        """Add a person with roles and log in as that person."""
        return self.login(self.invite(*roles)[1])


def new_email() -> str:
    return f"{secrets.token_hex(6)}@example.org"


def ok(response: httpx.Response) -> dict[str, Any]:
    assert response.is_success, response.text
    return dict(response.json())


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a whole problem document and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = dict(response.json())
    assert document["code"] == code, document
    assert document["status"] == status
    assert document["detail"].endswith((".", "?"))
    assert document["detail"].rstrip(".") not in {code, document["title"]}, (
        "the name of a reason says nobody what to do"
    )
    assert not GAP.search(document["detail"]), "a fact is missing in the text"
    assert document["request_id"] == response.headers["x-request-id"]
    return document


def client_of(gateway: Gateway) -> httpx.Client:
    return httpx.Client(transport=httpx.WSGITransport(gateway.app), base_url="http://localhost:8080")

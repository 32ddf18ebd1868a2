"""The public API as one logged-in user sees it: JSON, files in both directions, and refusals to look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from praxis_local.api_client import ApiClient, ApiProblem

PATIENCE_SECONDS = 90.0


class Api(ApiClient):
    """A user of one practice; writes with a `name` carry an idempotency key."""

    def __init__(self, url: str, token: str = "", series: str = "", role: str = "") -> None:
        super().__init__(url, token, series)
        self.role = role

    @classmethod
    def login(cls, url: str, user: Mapping[str, str], series: str) -> Api:
        """Return the API as the user sees it after the log-in."""
        door = cls(url)
        session = door.post("/v1/sessions", {"email": user["email"], "password": user["password"]})
        door.close()
        return cls(url, session["token"], f"{series}-{user['role']}", user["role"])

    def patch(self, path: str, body: Mapping[str, Any], etag: str = "") -> dict[str, Any]:
        return self._call("PATCH", path, json=body, headers={"If-Match": etag} if etag else {})

    def download(self, path: str) -> bytes:
        """Return the bytes of a file."""
        return self._whole(self._http.get(path))

    def unchanged(self, path: str) -> bool:
        """Tell whether who has read something is told so when he asks again."""
        known = self._http.get(path).headers["ETag"]
        again = self._http.get(path, headers={"If-None-Match": known})
        return again.status_code == 304 and not again.content

    def export(self, body: Mapping[str, Any]) -> bytes:
        """Return a report as a file."""
        return self._whole(self._http.post("/v1/reports:export", json=body))

    def upload(self, path: str, content: bytes, media_type: str) -> dict[str, Any]:
        """Send a file as it is."""
        return self._call("POST", path, content=content, headers={"Content-Type": media_type})

    def refusal(self, call: Callable[[], object]) -> ApiProblem:
        """Return the problem that a call ends in."""
        try:
            reply = call()
        except ApiProblem as problem:
            return problem
        raise AssertionError(f"was not refused: {reply}")

    def until(self, path: str, holds: Callable[[dict[str, Any]], bool], **parameters: Any) -> dict[str, Any]:
        """Read until what is read holds, because events take a moment."""
        return eventually(lambda: self.get(path, **parameters), holds)

    def _whole(self, reply: httpx.Response) -> bytes:
        assert reply.status_code == 200, f"{reply.request.url} answered {reply.status_code}: {reply.text[:600]}"
        return reply.content


def eventually(read: Callable[[], dict[str, Any]], holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read again and again until what is read holds, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds(reply := read()):
        assert time.monotonic() < deadline, f"stays at {reply}"
        time.sleep(0.2)
    return reply

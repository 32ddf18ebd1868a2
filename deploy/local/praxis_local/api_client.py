"""A small client of the public API: keys, idempotency, and patience where events are still under way."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx

PATIENCE_SECONDS = 60.0
TOO_MANY, UNAVAILABLE, TOO_LATE = 429, 503, 504
# Refusals that end by themselves, once the event from the service that owns the fact has arrived.
PENDING = {
    "PATIENT_NOT_KNOWN_YET", "LOCATION_NOT_KNOWN_YET", "PARTY_NOT_KNOWN_YET", "NO_RESPONSIBLE_ACCOUNT",
    "PATIENT_UNKNOWN", "LOCATION_UNKNOWN", "PRACTITIONER_UNKNOWN", "COVERAGE_NOT_VALID", "COVERAGE_NOT_KNOWN_YET",
    "PAYER_UNKNOWN", "VISIT_NOT_KNOWN_YET",
    "AUTHORIZATION_UNKNOWN",
}  # fmt: skip


class ApiProblem(Exception):
    """A refusal; the text is what the problem document tells people to do."""

    def __init__(self, method: str, path: str, status: int, document: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(document.get("code", ""))
        self.document = dict(document)
        places = "; ".join(f"{e.get('pointer') or e.get('parameter')}: {e.get('message')}" for e in self.errors)
        detail = document.get("detail") or "no explanation"
        super().__init__(f"{method} {path} answered {status} {self.code}: {detail} {places}".rstrip())

    @property
    def errors(self) -> list[dict[str, Any]]:
        return list(self.document.get("errors", []))


# Knows no authority: to read those of the machine, as every client does by itself, takes longer than many a call.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class ApiClient:
    """Speaks JSON with one gateway as one caller; `series` makes repeated writes harmless."""

    def __init__(self, url: str, token: str = "", series: str = "") -> None:
        self.series = series
        self.url, self.token = url, token
        self.replayed = False
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        verify = PLAIN if url.startswith("http://") else True
        self._http = httpx.Client(base_url=url, headers=headers, timeout=60, verify=verify)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        return self._call("GET", path, params=parameters)

    def every(self, path: str, member: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield all items of a list, page by page."""
        token = ""
        while True:
            page = self.get(path, page_size=200, **parameters, **({"page_token": token} if token else {}))
            yield from page.get(member, [])
            token = page.get("next_page_token", "")
            if not token:
                return

    def post(self, path: str, body: Mapping[str, Any], name: str = "", etag: str = "") -> dict[str, Any]:
        """Send a write; `name` tells this write apart within the series."""
        headers = {"Idempotency-Key": str(uuid5(NAMESPACE_URL, f"{self.series}|{path}|{name}"))} if name else {}
        if etag:
            headers["If-Match"] = etag
        return self._call("POST", path, json=body, headers=headers)

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = 0.05
        while True:
            reply = self._http.request(method, path, **options)
            if reply.is_success:
                self.replayed = reply.headers.get("Idempotency-Replayed") == "true"
                return dict(reply.json()) if reply.content else {}
            problem = _problem(method, path, reply)
            passes = _passes(problem, repeatable=method == "GET" or "Idempotency-Key" in options.get("headers", {}))
            if not passes or time.monotonic() > deadline:
                raise problem
            time.sleep(float(reply.headers.get("Retry-After", pause)))
            pause = min(pause * 2, 1.0)


def _problem(method: str, path: str, reply: httpx.Response) -> ApiProblem:
    try:
        document = reply.json()
    except ValueError:
        document = {"detail": reply.text[:200]}
    return ApiProblem(method, path, reply.status_code, document)


def _passes(problem: ApiProblem, *, repeatable: bool) -> bool:
    """Tell whether waiting helps: too much at once, a part restarting or too slow, or an event not applied yet."""
    late = repeatable and problem.status == TOO_LATE
    return late or problem.code in PENDING or problem.status in {TOO_MANY, UNAVAILABLE}

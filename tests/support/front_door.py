"""The gateway listening in front of all five services, and what one practice said and heard there."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy.orm import Session
from support.api import Api
from support.platform import Platform
from werkzeug.serving import WSGIRequestHandler, make_server

from praxis_chassis import app as chassis_app
from praxis_chassis import boundary
from praxis_chassis.boundary import Method
from praxis_chassis.context import Actor, Context, system_context
from praxis_chassis.service import Runtime
from praxis_chassis.testing import ServiceUnderTest
from praxis_chassis.types import new_id
from praxis_gateway.composition import Gateway, compose
from praxis_gateway.identity.usecases import tenants
from praxis_gateway.settings import Settings

SERVICES = ("patients", "scheduling", "billing", "claims", "reporting")
# All that keep rows of practices: identity lives in the gateway's own process, on a database of its own.
KEEPERS = (*SERVICES, "identity")
PASSWORD = "umbrella-lamp-42-tree"  # a test fixture, not a secret
UNLIMITED = 10_000_000
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Exchange:
    """A request that was answered well, and its answer."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: bytes
    reply: bytes

    @property
    def ids(self) -> set[str]:
        """Return the ids that the request names."""
        return set(ID.findall(f"{self.path}?{self.query} {self.content.decode(errors='replace')}"))

    def again(self, client: httpx.Client) -> httpx.Response:
        """Send the same request as somebody else."""
        url = f"{self.path}?{self.query}" if self.query else self.path
        return client.request(self.method, url, headers=self.headers, content=self.content)

    def renamed(self, word: str, other: str) -> Exchange:
        """Return the same request with one word replaced."""
        content = self.content
        for old, new in ((word, other), (word.lower(), other.lower())):
            content = content.replace(old.encode(), new.encode())
        return replace(self, content=content)


class Diary(Api):
    """A caller that keeps every exchange that went well."""

    def __init__(self, url: str, token: str = "", series: str = "") -> None:
        super().__init__(url, token, series)
        self.url = url
        self.exchanges: list[Exchange] = []
        self._http.event_hooks["response"].append(self._note)

    @property
    def client(self) -> httpx.Client:
        """Return the connection with the caller's token."""
        return self._http

    @property
    def ids(self) -> set[str]:
        """Return every id that any answer held."""
        return {found for each in self.exchanges for found in ID.findall(each.reply.decode(errors="replace"))}

    def delete(self, path: str) -> None:
        self._call("DELETE", path)

    def _note(self, response: httpx.Response) -> None:
        response.read()
        if not response.is_success:
            return
        request = response.request
        kept = ("content-type", "if-match", "idempotency-key")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        query = request.url.query.decode()
        self.exchanges.append(
            Exchange(request.method, request.url.path, query, headers, request.content, response.content)
        )


@dataclass(frozen=True)
class FrontDoor:
    """A listening gateway."""

    gateway: Gateway
    services: Mapping[str, ServiceUnderTest]
    url: str

    @property
    def runtimes(self) -> dict[str, Runtime]:
        """Return what each of those that keep rows runs on."""
        return {**{name: under.runtime for name, under in self.services.items()}, "identity": self.gateway.runtime}

    def methods(self) -> Iterator[tuple[str, Method]]:
        """Yield every RPC of everybody."""
        for name, runtime in self.runtimes.items():
            yield from ((name, method) for method in boundary.Boundary(runtime).methods.values())

    def session(self, name: str, tenant_id: UUID) -> AbstractContextManager[Session]:
        """Open a transaction of a practice as the role that its calls have."""
        runtime = self.runtimes[name]
        return runtime.database.transaction(system_context(runtime, tenant_id, "test"))

    def setup_token(self) -> str:
        """Return a token that creates one practice."""
        with self.gateway.runtime.database.transaction(
            Context(None, Actor("system", "test"), self.gateway.runtime)
        ) as session:
            return tenants.add_setup_token(session)

    def newcomer(self) -> tuple[UUID, Diary]:
        """Create a practice group and return its id, and its owner logged in."""
        return newcomer(self.url, self.setup_token())

    def description(self) -> dict[str, Any]:
        """Return the OpenAPI description that the gateway serves."""
        return description(self.url)


def newcomer(url: str, setup_token: str) -> tuple[UUID, Diary]:
    """Create a practice group and return its id, and its owner logged in."""
    email, door = f"owner-{new_id()}@example.org", Diary(url)
    owner = {"email": email, "display_name": "Robin", "password": PASSWORD}
    tenant = {"name": "Elm Street", "kind": "mixed", "mode": "test"}
    created = door.post("/v1/tenants", {"setup_token": setup_token, "tenant": tenant, "owner": owner})
    session = door.post("/v1/sessions", {"email": email, "password": PASSWORD})
    diary = Diary(url, session["token"], email)
    diary.exchanges.extend(door.exchanges)
    door.close()
    return UUID(created["tenant"]["id"]), diary


def description(url: str) -> dict[str, Any]:
    """Return the OpenAPI description that a gateway serves."""
    return dict(json.loads(httpx.get(f"{url}/v1/openapi.json").content))


class _Quiet(WSGIRequestHandler):
    """Keeps connections and writes no access log."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 -- the name is the base class's
        """Say nothing."""


@contextmanager
def opened(platform: Platform, running: Callable[..., ServiceUnderTest]) -> Iterator[FrontDoor]:
    """Start the gateway in front of all services on a free port."""
    services = {name: running(name) for name in SERVICES}
    targets = {f"{name}_target": f"127.0.0.1:{under.server.port}" for name, under in services.items()}
    limits = {"rate_limit": UNLIMITED, "rate_limit_anonymous": UNLIMITED}
    settings = platform.settings(Settings, "identity", **limits, **targets)
    assert isinstance(settings, Settings)
    gateway = compose(settings)
    chassis_app.migrate(gateway.runtime)
    server = make_server("127.0.0.1", 0, gateway.app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield FrontDoor(gateway, services, f"http://127.0.0.1:{server.port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        gateway.runtime.close()


@contextmanager
def at_once() -> Iterator[None]:
    """Let what names something unknown be refused at once, where a test knows that nothing is on its way."""
    patience, boundary.PENDING_SECONDS = boundary.PENDING_SECONDS, 0.0
    try:
        yield
    finally:
        boundary.PENDING_SECONDS = patience


def route_pattern(template: str) -> re.Pattern[str]:
    """Return what matches the paths of a route such as `/v1/patients/{id}:erase`."""
    parts = re.split(r"\{[^}]*\}", template)
    return re.compile("[^/:]+".join(re.escape(part) for part in parts))

"""The HTTP door for tests: ledger, clock, scenarios, reset."""

import json
from collections.abc import Callable
from dataclasses import fields
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chsim.clock import Clock
from chsim.folders import Folders
from chsim.scenarios import Rule, parse
from chsim.state import State

Body = dict[str, Any]


class Admin:
    """What the routes do."""

    def __init__(self, state: State, clock: Clock, folders: Folders) -> None:
        self._state = state
        self._clock = clock
        self._folders = folders
        self.routes: dict[tuple[str, str], Callable[[Body], Body]] = {
            ("GET", "/health"): self._health,
            ("GET", "/admin/ledger"): self._ledger,
            ("POST", "/admin/clock"): self._advance,
            ("POST", "/admin/scenario"): self._add_scenario,
            ("POST", "/admin/reset"): self._reset,
        }

    def _health(self, _: Body) -> Body:
        return {"status": "ok"}

    def _ledger(self, _: Body) -> Body:
        with self._folders.lock:
            return {"clock": self._clock.now().isoformat(), "claims": self._state.ledger()}

    def _advance(self, body: Body) -> Body:
        with self._folders.lock, self._state.transaction():
            self._clock.advance(_whole_seconds(body))
        self._folders.turn()
        return {"clock": self._clock.now().isoformat()}

    def _add_scenario(self, body: Body) -> Body:
        unknown = set(body) - {field.name for field in fields(Rule)}
        if unknown or parse(str(body.get("scenario", ""))) is None:
            raise ValueError("Send `scenario` and, to narrow it, `claim_number`, `payer_id` or `procedure`.")
        with self._folders.lock, self._state.transaction():
            self._state.add_rule(Rule(**{key: str(value) for key, value in body.items()}))
        return {"rules": len(self._state.rules())}

    def _reset(self, _: Body) -> Body:
        self._folders.reset()
        return {}


def _whole_seconds(body: Body) -> int:
    seconds = body.get("advance")
    if not isinstance(seconds, int):
        raise ValueError('Send {"advance": SECONDS}.')
    return seconds


def server(address: str, admin: Admin) -> ThreadingHTTPServer:
    """A server for the routes, bound to HOST:PORT; port 0 takes a free one."""

    class Door(BaseHTTPRequestHandler):
        """Turns requests into calls of the routes."""

        def do_GET(self) -> None:
            """Answers reads."""
            self._answer("GET")

        def do_POST(self) -> None:
            """Answers changes."""
            self._answer("POST")

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Keeps quiet."""

        def _answer(self, method: str) -> None:
            route = admin.routes.get((method, self.path))
            try:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                status = HTTPStatus.OK if route else HTTPStatus.NOT_FOUND
                reply = route(body) if route else {"error": "There is no such route."}
            except ValueError as error:
                status, reply = HTTPStatus.BAD_REQUEST, {"error": str(error)}
            data = json.dumps(reply, indent=1).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    host, _, port = address.rpartition(":")
    return ThreadingHTTPServer((host or "127.0.0.1", int(port)), Door)

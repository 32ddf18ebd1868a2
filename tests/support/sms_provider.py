"""A provider of text messages of the common shape, as an HTTP server; the number's last digits say how it behaves."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

ACCOUNT, SECRET = "AC0123456789abcdef0123456789abcdef", "a-secret-of-the-practice"
LANDLINE, STOPPED, VANISHES, LOST = "0001", "0002", "0003", "0004"


@dataclass
class Texts:
    """What was taken.

    Numbers that end in 0001 are no mobiles, 0002 have stopped; 0003 takes and breaks the connection,
    0004 only breaks it.
    """

    taken: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: count(1))
    url: str = ""

    def to(self, number: str) -> list[str]:
        """Return the texts to a number."""
        return [item["body"] for item in self.taken if item["to"] == number]

    def take(self, fields: dict[str, str]) -> dict[str, str]:
        """Take a text and give it an id."""
        sid = f"SM{next(self.numbers):032x}"
        found = {"sid": sid, "to": fields["To"], "from": fields["From"], "body": fields["Body"], "status": "queued"}
        self.taken.append({**found, "callback": fields.get("StatusCallback", "")})
        return found


class _Handler(BaseHTTPRequestHandler):
    """Answers as the provider does."""

    texts: Texts
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = {name: values[0] for name, values in parse_qs(body, strict_parsing=True).items()}
        ending = fields["To"][-4:]
        if not self._known():
            self._answer(401, {"code": 20003, "message": "Authenticate"})
        elif ending == LANDLINE:
            self._answer(400, {"code": 21614, "message": "not a mobile number"})
        elif ending == STOPPED:
            self._answer(400, {"code": 21610, "message": "unsubscribed recipient"})
        elif ending in (VANISHES, LOST):
            if ending == VANISHES:
                self.texts.take(fields)
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self._answer(201, self.texts.take(fields))

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        self.texts.asked.append(asked["To"][0])
        found = [item for item in reversed(self.texts.taken) if item["to"] == asked["To"][0]]
        self._answer(200 if self._known() else 401, {"messages": found})

    def _known(self) -> bool:
        login = base64.b64encode(f"{ACCOUNT}:{SECRET}".encode()).decode()
        path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
        return self.headers["Authorization"] == f"Basic {login}" and urlsplit(self.path).path == path

    def _answer(self, status: int, document: Any) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is the base class's
        """Say nothing."""


@contextmanager
def sms_provider() -> Iterator[Texts]:
    """Let a provider run."""
    texts = Texts()

    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"texts": texts}))
    server.daemon_threads = True
    texts.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield texts
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

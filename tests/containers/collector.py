"""Receives metrics inside the test system, and tells how many calls each process answered well, and its address.

It runs in a container of its own on the network where every process finds its collector.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from praxis_local.devtrace.records import points_of

ANSWERED = "rpc.server.call.duration"
# Counts grow as long as a process lives, so the newest of each is kept: by process, its address, and the method.
counts: dict[tuple[str, str, str], int] = {}


class Door(BaseHTTPRequestHandler):
    """Takes exports, and answers questions from within the container."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/metrics":
            for point in points_of(body):
                labels = dict(point.labels)
                if point.name == ANSWERED and labels["rpc.response.status_code"] == "OK":
                    counts[point.instance, self.client_address[0], labels["rpc.method"]] = point.count
        self._send(b"")

    def do_GET(self) -> None:
        self._send(json.dumps([[*key, count] for key, count in list(counts.items())]).encode())

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is inherited
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", 4318), Door).serve_forever()

"""The receiver and its pages on one loopback port: OTLP/HTTP in, HTML and JSON out."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from google.protobuf.message import DecodeError

from praxis_local.devtrace import chart, pages, records, waterfall
from praxis_local.devtrace.ring import Record, Ring, Trace, Wanted, edges_of

LARGEST = 16_000_000
PROTOBUF = "application/x-protobuf"
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
STYLE = files("praxis_local.devtrace").joinpath("style.css").read_bytes()


class DevTrace:
    """One listening viewer."""

    def __init__(self, port: int = 0, ring: Ring | None = None, door: type[Door] | None = None) -> None:
        self.ring = ring or Ring()
        self.http = ThreadingHTTPServer(("127.0.0.1", port), type("Bound", (door or Door,), {"ring": self.ring}))
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def start(self) -> None:
        """Listen in the background."""
        threading.Thread(target=self.http.serve_forever, name="devtrace", daemon=True).start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class Door(BaseHTTPRequestHandler):
    """Answers one connection."""

    ring: Ring
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take what an exporter sends; a page of another site cannot send this content type unasked."""
        length = int(self.headers.get("Content-Length") or 0)
        known = self.path in {"/v1/traces", "/v1/logs", "/v1/metrics"}
        if not known or length > LARGEST or self.headers.get("Content-Type") != PROTOBUF or not self._local():
            self.close_connection = True
            self._send(415 if known else 404, b"", "text/plain")
            return
        try:
            self.take(self.path, self.rfile.read(length))
        except DecodeError:
            self._send(400, b"", "text/plain")
            return
        self._send(200, b"", PROTOBUF)

    def take(self, path: str, body: bytes) -> None:
        """Put an export where it belongs; bytes that are none raise DecodeError."""
        if path == "/v1/traces":
            self.ring.take_spans(list(records.spans_of(body)))
        elif path == "/v1/logs":
            self.ring.take_lines(list(records.lines_of(body)))
        else:
            self.ring.take_points(list(records.points_of(body)))

    def do_GET(self) -> None:
        """Show a page, or the same for programs."""
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if not self._local():
            self._send(403, b"", "text/plain")
        elif parts.path == "/style.css":
            self._send(200, STYLE, "text/css; charset=utf-8")
        elif parts.path.startswith("/api/"):
            found = answer(self.ring, parts.path.removeprefix("/api/"), query)
            body = json.dumps(found if found is not None else {"error": "there is no such thing"}).encode()
            self._send(404 if found is None else 200, body, "application/json")
        else:
            found_page = show(self.ring, parts.path, query)
            missing = pages.layout(
                "Not here", "", "This trace is not here, or no longer: the newest thousand are kept."
            )
            self._send(200 if found_page else 404, (found_page or missing).encode(), "text/html; charset=utf-8")

    def _local(self) -> bool:
        """Refuse names that merely resolve to this machine, which is how a foreign page would reach us."""
        return self.headers.get("Host", "").rpartition(":")[0] in {"127.0.0.1", "localhost"}

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is inherited
        """Say nothing."""


def wanted_of(query: dict[str, str]) -> Wanted:
    """Read the filters of a list."""
    try:
        least = float(query.get("at_least_ms") or 0)
    except ValueError:
        least = 0.0
    return Wanted(
        query.get("service", ""), query.get("text", ""), least, "errors_only" in query, "slowest_first" in query
    )


def show(ring: Ring, path: str, query: dict[str, str]) -> str | None:
    """Return a page, or nothing when there is none."""
    live = "live" in query
    if path == "/traces":
        rest = urlencode({key: value for key, value in query.items() if key != "live"})
        return pages.traces(ring, wanted_of(query), live=live, query=rest)
    if path.startswith("/traces/"):
        trace = ring.trace(path.removeprefix("/traces/"))
        return waterfall.page(trace) if trace else None
    simple: dict[str, Callable[[], str]] = {
        "/": lambda: pages.calls(ring, live=live),
        "/map": lambda: chart.page(ring),
        "/metrics": lambda: pages.metrics(ring, live=live),
        "/logs": lambda: pages.logs(ring, live=live),
    }
    return simple[path]() if path in simple else None


def answer(ring: Ring, path: str, query: dict[str, str]) -> Any:
    """Return what programs may ask, or nothing."""
    if path == "traces":
        return {"traces": [_summary(trace) for trace in ring.traces(wanted_of(query))]}
    if path.startswith("traces/"):
        trace = ring.trace(path.removeprefix("traces/"))
        return _whole(trace) if trace else None
    simple: dict[str, Callable[[], Any]] = {
        "calls": lambda: {"calls": [_call(record) for record in ring.records()]},
        "metrics": lambda: {"metrics": [_fields(point) for point in ring.points()]},
        "logs": lambda: {"logs": [_fields(line) for line in ring.lines()]},
        "map": lambda: {"edges": [_fields(edge, leave_out="durations") for edge in edges_of(ring.traces())]},
    }
    return simple[path]() if path in simple else None


def _summary(trace: Trace) -> dict[str, Any]:
    root = trace.root
    return {
        "id": trace.id, "name": root.name, "code": root.code, "services": trace.services, "spans": len(trace.spans),
        "errors": len(trace.errors), "answered_ms": root.milliseconds, "settled_ms": trace.settled_ms,
    }  # fmt: skip


def _whole(trace: Trace) -> dict[str, Any]:
    spans = [{**_fields(span), "depth": depth} for depth, span in trace.tree()]
    return {**_summary(trace), "spans": spans, "logs": [_fields(line) for line in trace.lines]}


def _call(record: Record) -> dict[str, Any]:
    p50, p95, p99 = record.percentiles()
    return {**_fields(record, leave_out="newest"), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}


def _fields(thing: Any, leave_out: str = "") -> dict[str, Any]:
    return {name: getattr(thing, name) for name in thing.__dataclass_fields__ if name != leave_out}

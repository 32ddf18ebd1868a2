"""The gRPC server of a service and its probes: bounded, drained without dropping a call."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from praxis_chassis import migrations, tls
from praxis_chassis.boundary import Boundary, Method
from praxis_chassis.errors import CallFailed
from praxis_chassis.service import Runtime

STATUS_KEY = "grpc-status-details-bin"
CODES = {code.value[0]: code for code in grpc.StatusCode}
GRACE_SECONDS = 20
log = logging.getLogger(__name__)

OPTIONS = [
    ("grpc.max_connection_age_ms", 30_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.so_reuseport", 0),
]


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in the stubs only
    """Routes every RPC of the contract to the boundary."""

    def __init__(self, boundary: Boundary) -> None:
        self.table = {f"/{name}": self._handler(boundary, method) for name, method in boundary.methods.items()}

    def service(self, details: Any) -> Any:
        """Return the handler of a method, or nothing."""
        return self.table.get(details.method)

    def _handler(self, boundary: Boundary, method: Method) -> Any:
        reader, writer = method.request.FromString, method.reply.SerializeToString
        if method.kind == "stream":
            return grpc.unary_stream_rpc_method_handler(_streamed(boundary, method), reader, writer)
        return grpc.unary_unary_rpc_method_handler(_unary(boundary, method), reader, writer)


def _metadata(context: grpc.ServicerContext) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}


def _unary(boundary: Boundary, method: Method) -> Callable[[Any, grpc.ServicerContext], Any]:
    def answer(request: Message, context: grpc.ServicerContext) -> Message | None:
        try:
            reply = boundary.call(
                method.full_name, request, _metadata(context), context.time_remaining(), peers=tls.peers_of(context)
            )
        except CallFailed as failure:
            _refuse(context, failure.status)
            return None
        if reply.replayed:
            context.set_trailing_metadata((("x-idempotent-replay", "true"),))
        return reply.message

    return answer


def _streamed(boundary: Boundary, method: Method) -> Callable[[Any, grpc.ServicerContext], Iterator[Message]]:
    def answer(request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
        try:
            yield from boundary.stream(method.full_name, request, _metadata(context), peers=tls.peers_of(context))
        except CallFailed as failure:
            _refuse(context, failure.status)

    return answer


def _refuse(context: grpc.ServicerContext, status: status_pb2.Status) -> None:
    context.set_trailing_metadata(((STATUS_KEY, status.SerializeToString()),))
    context.abort(CODES.get(status.code, grpc.StatusCode.UNKNOWN), code_pb2.Code.Name(status.code))


class _Health(health.HealthServicer):
    """Tells callers whether this process takes calls.

    The library forgets a watcher that leaves on the thread that serves all calls, under a lock that a watcher who
    comes holds while it waits for that very thread: both then wait for ever, and with them every call.
    """

    def _on_close_callback(self, *watcher: Any) -> Callable[[], None]:
        forget = super()._on_close_callback(*watcher)
        return lambda: threading.Thread(target=forget, name="watcher-left", daemon=True).start()


class Server:
    """One listening process of a service."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.boundary = Boundary(runtime)
        threads = runtime.settings.threads
        self.grpc = grpc.server(
            ThreadPoolExecutor(threads, thread_name_prefix="rpc"),
            handlers=[_Handlers(self.boundary)],
            options=OPTIONS,
            # Calls beyond this are refused at once, so that those accepted are answered in time.
            maximum_concurrent_rpcs=4 * threads,
        )
        self.health = _Health()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.grpc)
        self.port = 0

    def start(self) -> None:
        """Listen, and say so on the health protocol."""
        self.port = tls.listen(self.grpc, self.runtime.settings.listen, self.runtime.certificates)
        self.grpc.start()
        for name in ("", *{method.service for method in self.boundary.methods.values()}):
            self.health.set(name, health_pb2.HealthCheckResponse.SERVING)
        log.info("serving", extra={"port": self.port})

    def drain(self) -> None:
        """Say that no more calls are wanted, wait for the callers to notice, then finish what runs."""
        self.health.enter_graceful_shutdown()
        time.sleep(self.runtime.settings.drain_seconds)
        self.grpc.stop(GRACE_SECONDS).wait()


class Probes:
    """Liveness and readiness over plain HTTP on a port of their own."""

    def __init__(self, listen: str, ready: Callable[[], dict[str, Any]]) -> None:
        host, port = listen.rsplit(":", 1)

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = {} if self.path == "/livez" else ready()
                good = self.path in {"/livez", "/readyz"} and not found
                body = json.dumps({"status": "ok" if good else "not ready", **found}).encode()
                self.send_response(200 if good else 503)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
                """Keep probes out of the log."""

        self.http = ThreadingHTTPServer((host, int(port)), Answer)
        self.port = self.http.server_address[1]

    def start(self) -> None:
        """Answer from a thread of its own."""
        threading.Thread(target=self.http.serve_forever, name="probes", daemon=True).start()

    def stop(self) -> None:
        """Close the port."""
        self.http.shutdown()
        self.http.server_close()


def readiness(runtime: Runtime) -> dict[str, Any]:
    """Return what is missing before calls can be answered: the database, and its newest shape."""
    try:
        with runtime.database.engine.connect() as connection:
            level = migrations.current(connection)
    except Exception as failure:  # noqa: BLE001 - whatever stops the database from answering is the finding
        return {"database": type(failure).__name__}
    missing = migrations.heads(runtime.service.migrations) - level
    return {"migrations": f"lacks {', '.join(sorted(missing))}"} if missing else {}

"""A call that comes while a service restarts waits for it, even one that may not be repeated."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from praxis.patients.v1 import directory_service_pb2 as directory
from praxis_gateway.invoke import GrpcTransport, RefusedError
from praxis_local.processes import free_port

NAME = "praxis.patients.v1.DirectoryService/ListPractices"


class _Answers(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in the stubs only
    def service(self, details: Any) -> Any:
        def answer(_request: bytes, _context: grpc.ServicerContext) -> bytes:
            return directory.ListPracticesResponse(next_page_token="seen").SerializeToString()

        return grpc.unary_unary_rpc_method_handler(answer) if details.method == f"/{NAME}" else None


def serving(port: int) -> grpc.Server:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[_Answers()], options=[("grpc.so_reuseport", 0)])
    checks = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    checks.set("", health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server


def ask(transport: GrpcTransport, seconds: float = 5.0) -> str:
    reply = transport.call(NAME, directory.ListPracticesRequest(), {}, seconds)
    return str(reply.message.next_page_token)  # type: ignore[attr-defined] # the message of this RPC


def test_a_call_without_a_key_survives_the_restart_of_the_only_replica() -> None:
    port = free_port()
    transport, first, later = GrpcTransport(f"127.0.0.1:{port}", "patients", None), serving(port), []
    assert ask(transport) == "seen"
    first.stop(None).wait()
    again = threading.Timer(1.0, lambda: later.append(serving(port)))
    again.start()
    began = time.monotonic()
    assert ask(transport) == "seen"
    assert time.monotonic() - began >= 0.5, "nobody had to wait, so the run shows nothing"
    again.join()
    later[0].stop(None)


def test_a_service_that_never_answered_is_refused_at_once() -> None:
    transport = GrpcTransport(f"127.0.0.1:{free_port()}", "patients", None)
    with pytest.raises(RefusedError) as refusal:
        ask(transport, 60.0)
    assert refusal.value.status.code == code_pb2.UNAVAILABLE

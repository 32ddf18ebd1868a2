"""Calls to the services: gRPC for the five, in this process for identity."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2
from opentelemetry.trace import SpanKind

from praxis.policy.v1 import policy_pb2
from praxis_chassis import telemetry
from praxis_chassis.boundary import Boundary
from praxis_chassis.clients import channel
from praxis_chassis.errors import CallFailed
from praxis_chassis.service import Runtime
from praxis_chassis.tls import Certificates, distrust_of
from praxis_gateway.contracts import Operation, message_class
from praxis_gateway.problems import from_status

READ_SECONDS = 2.0
WRITE_SECONDS = 5.0
LONG_SECONDS = 30.0
# For so long after it last answered, a service without a connected replica is waited for, as within a restart of all.
PATIENCE_SECONDS = 3.0
REPLAYED = "x-idempotent-replay"
STATUS_KEY = "grpc-status-details-bin"
_LONG_SERVICES = ("reporting",)
log = logging.getLogger(__name__)


class RefusedError(Exception):
    """A service refused a call; the status says why."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(f"refused with code {status.code}")
        self.status = status


@dataclass(frozen=True)
class Reply:
    """What a service answered."""

    message: Message
    replayed: bool = False


class Transport(Protocol):
    """A way to call one service."""

    def call(self, full_name: str, request: Message, metadata: Mapping[str, str], deadline_seconds: float) -> Reply:
        """Return the reply, or raise `RefusedError`."""


def deadline_of(operation: Operation) -> float:
    """Return how many seconds a call may take."""
    disclosure = operation.policy.audit_class == policy_pb2.AUDIT_CLASS_DISCLOSURE
    if operation.takes_file or operation.gives_file or disclosure or operation.service in _LONG_SERVICES:
        return LONG_SECONDS
    return READ_SECONDS if operation.verb == "get" else WRITE_SECONDS


class GrpcTransport:
    """Calls over gRPC, spread over the replicas of the service."""

    def __init__(self, target: str, service: str, certificates: Certificates | None) -> None:
        self._target, self._service, self._certificates = target, service, certificates
        self._stubs: dict[str, Callable[..., Any]] = {}
        self._channel: grpc.Channel | None = None
        self._lock = threading.Lock()
        self._heard = -PATIENCE_SECONDS

    def call(self, full_name: str, request: Message, metadata: Mapping[str, str], deadline_seconds: float) -> Reply:
        """Return the reply of the service, or raise its refusal."""
        with telemetry.rpc(SpanKind.CLIENT, full_name) as span:
            sent = {**metadata, "traceparent": span.traceparent}
            waits = deadline_seconds <= WRITE_SECONDS and self._was_there()
            try:
                message, done = self._stub(full_name, request).with_call(  # type: ignore[attr-defined]
                    request, timeout=deadline_seconds, metadata=list(sent.items()), wait_for_ready=waits
                )
            except grpc.RpcError as error:
                status = _status(error)
                if status.details:
                    self._heard = time.monotonic()
                if reason := distrust_of(error):
                    log.warning("service not trusted", extra={"reason": f"{self._service}: {reason}"})
                span.answered(code_pb2.Code.Name(status.code))
                raise RefusedError(status) from None
        self._heard = time.monotonic()
        trailers = {key for key, _ in done.trailing_metadata() or ()}
        return Reply(message, REPLAYED in trailers)

    def _was_there(self) -> bool:
        """Tell whether the service answered a moment ago; a call that finds no connection then waits for a new one.

        Nothing was sent meanwhile, so that even what may not be repeated survives the restart of the last replica.
        """
        return time.monotonic() - self._heard < PATIENCE_SECONDS

    def _stub(self, full_name: str, request: Message) -> Callable[..., Any]:
        """Return the stub, made at first use so that the channel belongs to the worker and not to its parent."""
        stub = self._stubs.get(full_name)
        if stub is None:
            with self._lock:
                self._channel = self._channel or channel(self._target, self._service, self._certificates, _OPTIONS)
            method = descriptor_pool.Default().FindMethodByName(full_name.replace("/", "."))
            reply = message_class(method.output_type)
            stub = self._channel.unary_unary(
                f"/{full_name}",
                request_serializer=type(request).SerializeToString,
                response_deserializer=reply.FromString,
            )
            self._stubs[full_name] = stub
        return stub


_HEALTH = {"serviceName": ""}
_OPTIONS: list[tuple[str, Any]] = [
    # Second tries are made by `breakers`, which knows what may be repeated and what the service can bear; replicas that
    # say that they are about to stop get no new call.
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": _HEALTH})),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


def _status(error: grpc.RpcError) -> status_pb2.Status:
    """Return the status of a failed call; texts of the transport stay inside, because they name addresses."""
    call = cast(grpc.Call, error)  # what a stub raises is both, which its types do not say
    for key, value in call.trailing_metadata() or ():
        if key == STATUS_KEY:
            return status_pb2.Status.FromString(value)
    return status_pb2.Status(code=call.code().value[0])


@dataclass
class Invoker:
    """Finds the transport of an operation."""

    transports: Mapping[str, Transport] = field(default_factory=dict)

    def call(self, operation: Operation, request: Message, metadata: Mapping[str, str]) -> Reply:
        """Call the service that owns an operation."""
        transport = self.transports.get(operation.service)
        if transport is None:
            raise from_status(status_pb2.Status(code=code_pb2.UNAVAILABLE))
        try:
            return transport.call(operation.full_name, request, metadata, deadline_of(operation))
        except RefusedError as refusal:
            raise from_status(refusal.status, operation) from None


class IdentityTransport:
    """Calls identity in this process, through the same boundary as over the network."""

    def __init__(self, runtime: Runtime) -> None:
        self._boundary = Boundary(runtime)

    def call(self, full_name: str, request: Message, metadata: Mapping[str, str], deadline_seconds: float) -> Reply:
        """Return the reply of identity, or raise its refusal."""
        try:
            reply = self._boundary.call(full_name, request, metadata, deadline_seconds, peers=None)
        except CallFailed as failure:
            raise RefusedError(failure.status) from None
        return Reply(reply.message, reply.replayed)

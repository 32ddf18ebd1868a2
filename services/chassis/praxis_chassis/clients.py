"""Channels to other services, for the few calls that do not go through the gateway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc

from praxis.operations.v1 import operations_service_pb2, operations_service_pb2_grpc
from praxis_chassis.channels import RenewedChannel
from praxis_chassis.service import Runtime
from praxis_chassis.settings import SettingsError
from praxis_chassis.tls import Certificates
from praxis_chassis.tokens import Minter

CHANNEL_OPTIONS = [
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


def channel(
    target: str, service: str, certificates: Certificates | None, options: Sequence[Any] = CHANNEL_OPTIONS
) -> grpc.Channel:
    """Open a channel to a service, with client-side balancing by the default options.

    Targets look like `dns:///patients:7000` or `127.0.0.1:7000`.
    """
    if certificates is None:
        return grpc.insecure_channel(target, options=options)
    return RenewedChannel(target, service, certificates, options)


def read_events(runtime: Runtime, source: str, **asked: Any) -> Iterator[Any]:
    """Read the event log of a service, or what of it is asked for; its contract must allow it to us."""
    reader, target = runtime.service.name, getattr(runtime.settings, f"{source}_target")
    if not target:
        raise SettingsError(f"PRAXIS_{source.upper()}_TARGET is not set; it is needed to read the events of {source}")
    if not runtime.settings.token_private_key_file:
        raise SettingsError("PRAXIS_TOKEN_PRIVATE_KEY_FILE is not set; it is needed to read the events of others")
    minter = Minter(Path(runtime.settings.token_private_key_file).read_bytes())
    minter.issuer = reader
    token = minter.mint(tenant_id=None, subject=reader, kind="system", permissions=["operations.events.read"])
    with channel(target, source, runtime.certificates) as opened:
        stub = operations_service_pb2_grpc.OperationsServiceStub(opened)
        request = operations_service_pb2.ReadEventsRequest(**asked)
        yield from stub.ReadEvents(request, metadata=(("authorization", f"Bearer {token}"),), timeout=3600)

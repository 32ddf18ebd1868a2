"""Channels to other services, for the few calls that do not go through the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc

from praxis.operations.v1 import operations_service_pb2, operations_service_pb2_grpc
from praxis_chassis.settings import SettingsError
from praxis_chassis.tokens import Minter

CHANNEL_OPTIONS = [
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


def channel(target: str) -> grpc.Channel:
    """Open a channel with client-side balancing; targets look like `dns:///patients:7000` or `127.0.0.1:7000`."""
    return grpc.insecure_channel(target, options=CHANNEL_OPTIONS)


def read_events(settings: Any, reader: str, source: str, minter: Minter) -> Iterator[Any]:
    """Read the whole event log of a service as `reader`, which the contract must allow."""
    target = getattr(settings, f"{source}_target")
    if not target:
        raise SettingsError(f"PRAXIS_{source.upper()}_TARGET is not set; it is needed to read the events of {source}")
    minter.issuer = reader
    token = minter.mint(tenant_id=None, subject=reader, kind="system", permissions=["operations.events.read"])
    with channel(target) as opened:
        stub = operations_service_pb2_grpc.OperationsServiceStub(opened)
        request = operations_service_pb2.ReadEventsRequest()
        yield from stub.ReadEvents(request, metadata=(("authorization", f"Bearer {token}"),), timeout=3600)

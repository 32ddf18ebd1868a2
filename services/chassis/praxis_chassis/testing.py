"""Run a service as it runs in production, inside a test: real gRPC, PostgreSQL and NATS, and a tenant per test."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from sqlalchemy import func, select

from praxis_chassis import app, clients, clock, inbox, subjects, tables
from praxis_chassis.boundary import Method
from praxis_chassis.context import system_context
from praxis_chassis.events import Envelope, event_type, message_class
from praxis_chassis.inbox import Verdict
from praxis_chassis.messaging import Worker
from praxis_chassis.server import STATUS_KEY, Server
from praxis_chassis.service import Runtime, Service
from praxis_chassis.tls import Certificates
from praxis_chassis.tokens import Minter
from praxis_chassis.types import new_id

ARRIVE_SECONDS = 10.0


class Refused(Exception):
    """A call that was refused: its gRPC code, its reason and its details."""

    def __init__(self, code: grpc.StatusCode, status: status_pb2.Status) -> None:
        self.code, self.status = code, status
        info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        self.others: list[Any] = []
        for detail in status.details:
            if not detail.Unpack(info) and not detail.Unpack(request):
                self.others.append(detail)
        self.reason, self.metadata = info.reason, dict(info.metadata)
        self.violations = [(item.field, item.reason, item.description) for item in request.field_violations]
        super().__init__(f"{code.name} {self.reason} {status.message} {self.violations}")


class ServiceUnderTest:
    """One service, listening, with its work process in a thread."""

    def __init__(self, service: Service, settings: Any, private_key: Path, *, work: bool = True) -> None:
        self.service = service
        self.runtime = Runtime(service, settings, verbose=True)
        app.migrate(self.runtime)
        self.server = Server(self.runtime)
        self.server.start()
        self.worker = Worker(self.runtime) if work else None
        if self.worker:
            self.worker.start()
        self.channel = self.channel_of("gateway")
        self.minter = Minter(private_key.read_bytes())
        self.methods = {method.name: method for method in self.server.boundary.methods.values()}
        policies = [method.policy for method in self.methods.values()]
        self.permissions = {name for policy in policies for name in (policy.permission, *policy.further_permissions)}

    def channel_of(self, caller: str) -> grpc.Channel:
        """Open a channel as another part, whose certificates lie beside the service's own."""
        folder, target = self.runtime.settings.tls_dir, f"127.0.0.1:{self.server.port}"
        certificates = Certificates(Path(folder).with_name(caller)) if folder else None
        return clients.channel(target, self.service.name, certificates)

    def close(self) -> None:
        """Stop everything."""
        self.channel.close()
        if self.worker:
            self.worker.stop()
        assert self.server.grpc.stop(1).wait(20), "the server does not stop"
        self.runtime.close()

    def tenant(self, tenant_id: UUID | None = None) -> TenantUnderTest:
        """Return a fresh tenant of this service."""
        return TenantUnderTest(self, tenant_id or new_id())


@dataclass
class TenantUnderTest:
    """One tenant's view of a service: calls, foreign events and waiting for its own."""

    under_test: ServiceUnderTest
    id: UUID
    versions: dict[UUID, int] = field(default_factory=dict)

    def call(
        self,
        name: str,
        request: Message,
        *,
        permissions: Iterable[str] | None = None,
        key: str = "",
        subject: str = "00000000-0000-7000-8000-000000000001",
        kind: str = "user",
        locale: str = "en",
        traceparent: str = "",
        factor_time: float = 0.0,
        purpose: str = "operations",
    ) -> Any:
        """Call an RPC by its short name over gRPC with a real token; raise Refused when it is refused."""
        under = self.under_test
        method: Method = under.methods[name]
        granted = under.permissions if permissions is None else permissions
        token = under.minter.mint(
            tenant_id=self.id,
            subject=subject,
            kind=kind,
            permissions=granted,
            purpose=purpose,
            factor_time=factor_time,
        )
        metadata = (
            ("authorization", f"Bearer {token}"),
            ("x-locale", locale),
            ("x-idempotency-key", key),
            ("traceparent", traceparent),
        )
        invoke = under.channel.unary_unary(
            f"/{method.full_name}", type(request).SerializeToString, method.reply.FromString
        )
        try:
            return invoke(request, metadata=metadata, timeout=20)
        except grpc.RpcError as failure:
            raise _refused(failure) from None

    def receive(self, event: Message, aggregate_id: UUID | str) -> None:
        """Let a foreign event arrive, as the next of its aggregate, and apply it."""
        identifier, kind = UUID(str(aggregate_id)), event_type(event.DESCRIPTOR)
        self.versions[identifier] = self.versions.get(identifier, 0) + 1
        envelope = Envelope(
            event_id=new_id(),
            tenant_id=self.id,
            type=kind.name,
            source=kind.service,
            aggregate=kind.aggregate,
            aggregate_id=identifier,
            epoch=1,
            version=self.versions[identifier],
            actor="user:test",
            origin="user:test",
            correlation_id=str(new_id()),
            causation_id="",
            traceparent="",
            occurred_at=clock.wall(),
            payload=event.SerializeToString(),
        )
        runtime = self.under_test.runtime
        deadline = time.monotonic() + ARRIVE_SECONDS
        # A collision with another transaction is no failure of the event; the stream would deliver it again as well.
        while inbox.apply(runtime, self.under_test.service.reaction_table, envelope) is not Verdict.DONE:
            if time.monotonic() > deadline:
                raise AssertionError(f"{kind.name} waits for an event before it")
            time.sleep(0.02)
        if self.dead_letters():
            raise AssertionError(f"{kind.name} could not be applied")

    def dead_letters(self) -> int:
        """Count the tenant's dead and parked events."""
        with self.session() as session:
            return int(session.execute(select(func.count()).select_from(tables.dead_letters)).scalar_one())

    def session(self) -> Any:
        """Open a transaction as the service's app role in this tenant."""
        runtime = self.under_test.runtime
        return runtime.database.transaction(system_context(runtime, self.id, "test"))

    def events(self, kind: type[Message] | None = None) -> list[Message]:
        """Return the tenant's recorded events in order, opened."""
        query = select(tables.events).where(tables.events.c.tenant_id == self.id).order_by(tables.events.c.position)
        runtime, found = self.under_test.runtime, []
        with runtime.relay_database.engine.begin() as connection:
            for row in connection.execute(query).mappings():
                if kind is not None and row["type"] != kind.DESCRIPTOR.full_name:
                    continue
                message = message_class(row["type"])()
                message.ParseFromString(_opened(runtime, connection, row))
                found.append(message)
        return found

    def wait_published(self, seconds: float = 10) -> None:
        """Wait until the relay has published everything."""
        deadline = time.monotonic() + seconds
        query = select(func.count()).select_from(tables.events).where(tables.events.c.published_at.is_(None))
        while time.monotonic() < deadline:
            with self.session() as session:
                if not session.execute(query).scalar_one():
                    return
            time.sleep(0.05)
        raise AssertionError("events were not published in time")


def _opened(runtime: Runtime, connection: Any, row: Any) -> bytes:
    return subjects.body_of(connection, runtime.keys, row)[0]


def _refused(failure: Any) -> Refused:
    status = status_pb2.Status()
    for key, value in failure.trailing_metadata() or ():
        if key == STATUS_KEY:
            status.ParseFromString(value)
    return Refused(failure.code(), status)

"""Domain events: recorded in the transaction of the change, applied exactly once and in order where they arrive."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import ModuleType
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from praxis.event.v1 import event_pb2
from praxis_chassis import clock, subjects, tables
from praxis_chassis.context import Context, context_of
from praxis_chassis.database import Aggregate, bump
from praxis_chassis.mapping import mapping_for, to_wire
from praxis_chassis.prepared import Prepared
from praxis_chassis.remains import remains_of
from praxis_chassis.types import new_id

F = TypeVar("F", bound=Callable[..., None])
FIELDS = (
    "tenant_id", "id", "aggregate", "aggregate_id", "version", "type", "subject", "subject_id", "payload", "actor",
    "origin", "correlation_id", "causation_id", "traceparent", "occurred_at", "recorded_at",
)  # fmt: skip
EPOCH = func.coalesce(select(tables.epochs.c.epoch).scalar_subquery(), 1)
ROW = Prepared(
    insert(tables.events).values({name: bindparam(name) for name in FIELDS} | {"epoch": EPOCH}), "INSERT events"
)


@dataclass(slots=True)
class Recorded:
    """An event that waits for the end of its transaction, where the aggregate's final state is known."""

    event: type[Message]
    aggregate: Aggregate
    version: int
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventType:
    """What the contract says about an event message."""

    name: str
    service: str
    aggregate: str
    verb: str
    patient_field: str
    erases: bool

    @property
    def subject(self) -> str:
        """The NATS subject: no personal data, only what kind of thing happened."""
        return f"praxis.{self.service}.{self.aggregate}.{self.verb}.v1"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event as it travels: the facts beside its body."""

    event_id: UUID
    tenant_id: UUID
    type: str
    source: str
    aggregate: str
    aggregate_id: UUID
    epoch: int
    version: int
    actor: str
    origin: str
    correlation_id: str
    causation_id: str
    traceparent: str
    occurred_at: datetime
    payload: bytes
    tenant_sequence: int = 0


@lru_cache(maxsize=512)
def event_type(descriptor: Descriptor) -> EventType:
    """Return the declared facts of an event message; a message without the option raises TypeError."""
    option = descriptor.GetOptions().Extensions[event_pb2.event]
    if not option.aggregate or not option.verb:
        raise TypeError(f"{descriptor.full_name} has no (praxis.event.v1.event) option")
    service = descriptor.full_name.split(".")[1]
    return EventType(descriptor.full_name, service, option.aggregate, option.verb, option.patient_field, option.erases)


def record(session: Session, event: type[Message], aggregate: Any, **facts: Any) -> None:
    """Note that something happened to an aggregate; its message is built and stored when the transaction ends.

    The event's field whose type has a Mapping for the aggregate is filled from it; `facts` fill the others.
    """
    event_type(event.DESCRIPTOR)
    if aggregate not in session:
        session.add(aggregate)
    context_of(session).recorded.append(Recorded(event, aggregate, bump(aggregate), facts))


def store_recorded(session: Session) -> None:
    """Write the recorded events as rows; the aggregates' rows are locked by the flush before."""
    context = context_of(session)
    if not context.recorded:
        return
    session.flush()
    waiting, context.recorded = context.recorded, []
    if not session.info.get("tenant_known"):
        _meet_tenant(session, context)
    for item in waiting:
        ROW.run(session, **_row(session, context, item))
    for item in waiting:
        if event_type(item.event.DESCRIPTOR).erases:
            subjects.forget(session, item.aggregate.id)


def _meet_tenant(session: Session, context: Context) -> None:
    session.execute(upsert(tables.tenants).values(tenant_id=context.tenant).on_conflict_do_nothing())
    session.info["tenant_known"] = True


def _row(session: Session, context: Context, item: Recorded) -> dict[str, Any]:
    kind = event_type(item.event.DESCRIPTOR)
    message = build(item)
    subject_id = subject_of(message)
    payload = message.SerializeToString(deterministic=True)
    if subject_id is not None:
        context.subjects.add(subject_id)
        sealed = subjects.seal_for(session, subject_id, payload)
        if sealed is None:
            subject_id, payload = None, remains_of(kind.name, payload)
        else:
            payload = sealed
    return {
        "tenant_id": context.tenant,
        "id": new_id(),
        "aggregate": kind.aggregate,
        "aggregate_id": item.aggregate.id,
        "version": item.version,
        "type": kind.name,
        "subject": kind.subject,
        "subject_id": subject_id,
        "payload": payload,
        "actor": str(context.actor),
        "origin": context.origin or str(context.actor),
        "correlation_id": context.correlation_id,
        "causation_id": context.causation_id or context.request_id,
        "traceparent": context.traceparent,
        "occurred_at": clock.now(session),
        "recorded_at": clock.wall(),
    }


def build(item: Recorded) -> Message:
    """Return the event's message: the public state after the change, and the facts."""
    values = {name: to_wire(value) for name, value in item.facts.items()}
    for field in item.event.DESCRIPTOR.fields:
        if field.name in values or field.message_type is None or field.is_repeated:
            continue
        mapping = mapping_for(item.aggregate, field.message_type.full_name)
        if mapping is not None:
            values[field.name] = mapping.message(item.aggregate)
    return item.event(**values)


def subject_of(message: Message) -> UUID | None:
    """Return the id of the patient an event is about, by the path in its contract."""
    path = event_type(message.DESCRIPTOR).patient_field
    value: Any = message
    for part in path.split(".") if path else ():
        value = getattr(value, part)
    return UUID(value) if path and value else None


# ── the receiving side ────────────────────────────────────────────────────────────────────────────────


def reaction(*events: type[Message]) -> Callable[[F], F]:
    """Mark a function `(session, event)` as what this service does when one of the events arrives."""

    def mark(function: F) -> F:
        function.__events__ = [event.DESCRIPTOR.full_name for event in events]  # type: ignore[attr-defined]
        for event in events:
            event_type(event.DESCRIPTOR)
        return function

    return mark


class Reactions:
    """All reactions of a service, by event type; several functions may react to one event."""

    def __init__(self, module: ModuleType | None, service: str) -> None:
        self.service = service
        self.functions: dict[str, list[Callable[..., None]]] = {}
        for value in vars(module).values() if module else ():
            for name in getattr(value, "__events__", ()):
                self.functions.setdefault(name, []).append(value)
        self.aggregates: dict[str, set[str]] = {}
        for name in self.functions:
            kind = event_type(message_class(name).DESCRIPTOR)
            # Whoever follows a service must also hear that it was restored.
            self.aggregates.setdefault(kind.service, {"epoch"}).add(kind.aggregate)

    def run(self, session: Session, envelope: Envelope) -> None:
        """Do what the service does about one event; others of a known aggregate pass, also those of a newer release."""
        functions = self.functions.get(envelope.type, ())
        if not functions and not is_known(envelope.type):
            return
        for function in functions:
            event = message_class(envelope.type)()
            event.ParseFromString(envelope.payload)
            function(session, event)
        if erases(envelope.type):
            subjects.forget(session, envelope.aggregate_id)


def erases(name: str) -> bool:
    """Tell whether an event erases the person who is its aggregate."""
    return is_known(name) and bool(event_type(message_class(name).DESCRIPTOR).erases)


def is_known(name: str) -> bool:
    """Tell whether this release has a contract for an event type."""
    try:
        message_class(name)
    except (ImportError, KeyError):
        return False
    return True


@lru_cache(maxsize=512)
def message_class(name: str) -> Any:
    """Return the generated class of a message by its full name; its module is imported when needed."""
    from importlib import import_module

    from google.protobuf import descriptor_pool

    package = name.rsplit(".", 1)[0]
    if re.fullmatch(r"praxis\.[a-z]+\.v\d+", package):
        import_module(f"{package}.events_pb2")
    return GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))

"""How far foreign aggregates were applied: locked for a whole run of events at once, and written once at its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.events import Envelope
from praxis_chassis.prepared import Prepared

Key = tuple[str, str, UUID]
# All at once and in one order, so that two consumers never wait for each other.
LOCK = Prepared(
    text(
        "SELECT source, aggregate, aggregate_id, epoch, version, blocked FROM consumed"
        " WHERE (source, aggregate, aggregate_id) IN"
        " (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:aggregates AS text[]), CAST(:ids AS uuid[])))"
        " ORDER BY source, aggregate, aggregate_id FOR UPDATE"
    ),
    "SELECT consumed",
)
MEET = Prepared(
    text(
        "INSERT INTO consumed (tenant_id, source, aggregate, aggregate_id, epoch, version)"
        " SELECT CAST(:tenant AS uuid), met.source, met.aggregate, met.id, 0, 0"
        " FROM unnest(CAST(:sources AS text[]), CAST(:aggregates AS text[]), CAST(:ids AS uuid[]))"
        " AS met(source, aggregate, id) ON CONFLICT DO NOTHING"
    ),
    "INSERT consumed",
)
ADVANCE = Prepared(
    text(
        "UPDATE consumed SET epoch = done.epoch, version = done.version"
        " FROM unnest(CAST(:sources AS text[]), CAST(:aggregates AS text[]), CAST(:ids AS uuid[]),"
        " CAST(:epochs AS integer[]), CAST(:versions AS bigint[]))"
        " AS done(source, aggregate, id, epoch, version)"
        " WHERE consumed.source = done.source AND consumed.aggregate = done.aggregate"
        " AND consumed.aggregate_id = done.id"
    ),
    "UPDATE consumed",
)
RECEIVE = Prepared(
    text(
        "INSERT INTO inbox (tenant_id, event_id, type, received_at)"
        " SELECT CAST(:tenant AS uuid), done.id, done.type, done.moment"
        " FROM unnest(CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:moments AS timestamptz[]))"
        " AS done(id, type, moment)"
    ),
    "INSERT inbox",
)


@dataclass(slots=True)
class State:
    """The last event of an aggregate that was applied, and whether an earlier one waits as a dead letter."""

    epoch: int
    version: int
    blocked: bool


@dataclass
class Progress:
    """What one transaction knows of the aggregates whose events it applies, and has still to write."""

    states: dict[Key, State] = field(default_factory=dict)
    changed: dict[Key, State] = field(default_factory=dict)
    received: dict[UUID, tuple[str, datetime]] = field(default_factory=dict)
    written: set[UUID] = field(default_factory=set)

    def lock(self, session: Session, envelopes: Iterable[Envelope]) -> None:
        """Read and lock the states of the events' aggregates; one that is met for the first time is at nothing."""
        wanted = sorted({key_of(envelope) for envelope in envelopes} - self.states.keys())
        if not wanted:
            return
        self._read(session, wanted)
        if new := [key for key in wanted if key not in self.states]:
            MEET.run(session, tenant=context_of(session).tenant, **_columns(new))
            self._read(session, new)

    def state(self, session: Session, envelope: Envelope) -> State:
        """Return how far the event's aggregate is."""
        self.lock(session, [envelope])
        return self.states[key_of(envelope)]

    def advance(self, session: Session, envelope: Envelope) -> None:
        """Note that the event was applied."""
        known = self.state(session, envelope)
        known.epoch, known.version = envelope.epoch, envelope.version
        self.changed[key_of(envelope)] = known
        self.received[envelope.event_id] = envelope.type, clock.wall()

    def has_applied(self, envelope: Envelope) -> bool:
        """Tell whether the event was applied in this transaction."""
        return envelope.event_id in self.received or envelope.event_id in self.written

    def write(self, session: Session) -> None:
        """Write what was applied so far."""
        if not self.received:
            return
        facts = list(self.received.values())
        RECEIVE.run(
            session, tenant=context_of(session).tenant, ids=list(self.received),
            types=[kind for kind, _ in facts], moments=[moment for _, moment in facts],
        )  # fmt: skip
        states = list(self.changed.values())
        ADVANCE.run(
            session, **_columns(list(self.changed)),
            epochs=[known.epoch for known in states], versions=[known.version for known in states],
        )  # fmt: skip
        self.written |= self.received.keys()
        self.received, self.changed = {}, {}

    def forget(self) -> None:
        """Read again what is needed next, because the rows were changed beside."""
        self.states = {}

    def _read(self, session: Session, keys: list[Key]) -> None:
        for source, aggregate, identifier, *state in LOCK.rows(session, **_columns(keys)):
            self.states[source, aggregate, identifier] = State(*state)


def of(session: Session) -> Progress:
    """Return the progress of the session's transaction."""
    found: Progress = session.info.setdefault("progress", Progress())
    return found


def key_of(envelope: Envelope) -> Key:
    """Return what tells an aggregate from every other of the tenant."""
    return envelope.source, envelope.aggregate, envelope.aggregate_id


def _columns(keys: list[Key]) -> dict[str, Any]:
    return {
        "sources": [source for source, _, _ in keys],
        "aggregates": [aggregate for _, aggregate, _ in keys],
        "ids": [identifier for _, _, identifier in keys],
    }

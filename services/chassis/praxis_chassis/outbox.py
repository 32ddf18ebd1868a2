"""The relay's view of the event log: what is unpublished, in what order, and whether the stream went back."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, case, func, select, text, update

from praxis_chassis import clock, subjects, tables
from praxis_chassis.service import Runtime

LEADER_LOCK = 7261002
SWEEP_SECONDS = 30.0
# A transaction that took its position early may commit late; so far back every poll looks.
LATE_POSITIONS = 2000
# What is older than this has left the stream by itself, so that a stream without it has lost nothing.
STREAM_DAYS = 14
WAITING = text("SELECT * FROM events WHERE published_at IS NULL AND position > :low ORDER BY position LIMIT :limit")
ANY_WAITING = "SELECT EXISTS (SELECT FROM events WHERE published_at IS NULL AND position > %s)"
TAKE = text(
    "INSERT INTO tenant_sequences AS known (tenant_id, last)"
    " SELECT * FROM unnest(CAST(:tenants AS uuid[]), CAST(:counts AS bigint[]))"
    " ON CONFLICT (tenant_id) DO UPDATE SET last = known.last + excluded.last RETURNING tenant_id, last"
)
NUMBER = text(
    "UPDATE events SET tenant_sequence = given.number"
    " FROM unnest(CAST(:tenants AS uuid[]), CAST(:ids AS uuid[]), CAST(:numbers AS bigint[]))"
    " AS given(tenant_id, id, number) WHERE events.tenant_id = given.tenant_id AND events.id = given.id"
)
MARK = text(
    "UPDATE events SET published_at = :at, stream_seq = kept.sequence"
    " FROM unnest(CAST(:tenants AS uuid[]), CAST(:ids AS uuid[]), CAST(:sequences AS bigint[]))"
    " AS kept(tenant_id, id, sequence) WHERE events.tenant_id = kept.tenant_id AND events.id = kept.id"
)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pending:
    """One event that waits to be published, its body opened."""

    event_id: UUID
    tenant_id: UUID
    position: int
    tenant_sequence: int
    source: str
    subject: str
    type: str
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
    erased: bool
    payload: bytes

    @property
    def message_id(self) -> str:
        """What the stream tells duplicates by; a blanked event is another message than the one it replaces."""
        return f"{self.event_id}-erased" if self.erased else str(self.event_id)


def waiting(runtime: Runtime) -> tuple[int, float]:
    """Return how many events wait to be published, and the age of the oldest in seconds."""
    table = tables.events
    query = select(func.count(), func.min(table.c.recorded_at)).where(table.c.published_at.is_(None))
    with runtime.relay_database.engine.connect() as connection:
        count, oldest = connection.execute(query).one()
    return count, (clock.wall() - oldest).total_seconds() if oldest else 0.0


@dataclass(frozen=True, slots=True)
class Published:
    """Where the log says that the stream keeps an event."""

    event_id: UUID
    sequence: int
    aged: bool


class Outbox:
    """Reads and marks the event log as the relay's role."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.leader: Connection | None = None
        self.low = 0
        self.swept = 0.0

    def lead(self) -> bool:
        """Try to become the one relay of this service; the lock lives as long as its connection."""
        self.resign()
        connection = self.runtime.relay_database.engine.connect()
        if connection.execute(text(f"SELECT pg_try_advisory_lock({LEADER_LOCK})")).scalar():
            connection.commit()
            self.leader, self.low, self.swept = connection, 0, 0.0
            return True
        connection.close()
        return False

    def resign(self) -> None:
        """Let another instance lead."""
        if self.leader is not None:
            self.leader.invalidate()
            self.leader.close()
            self.leader = None

    def fetch(self, limit: int) -> list[Pending]:
        """Return unpublished events in order of position, numbered per tenant without gaps."""
        if self.leader is None:
            return []
        if time.monotonic() - self.swept > SWEEP_SECONDS:
            self.low, self.swept = 0, time.monotonic()
        if not _any_waiting(self.leader, self.low):
            return []
        with self.leader.begin():
            found = self.leader.execute(WAITING, {"low": self.low, "limit": limit}).mappings()
            if not (rows := [dict(row) for row in found]):
                return []
            self._number(self.leader, [row for row in rows if row["tenant_sequence"] is None])
            bodies = subjects.bodies_of(self.leader, self.runtime.keys, rows)
            return [self._pending(row, *body) for row, body in zip(rows, bodies, strict=True)]

    def _number(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        counts = Counter(row["tenant_id"] for row in rows)
        taken = connection.execute(TAKE, {"tenants": list(counts), "counts": list(counts.values())})
        following = {tenant: count(last - counts[tenant] + 1) for tenant, last in taken}
        for row in rows:
            row["tenant_sequence"] = next(following[row["tenant_id"]])
        connection.execute(NUMBER, _columns(rows) | {"numbers": [row["tenant_sequence"] for row in rows]})

    def _pending(self, row: dict[str, Any], payload: bytes, erased: bool) -> Pending:
        names = (
            "tenant_id", "position", "tenant_sequence", "subject", "type", "aggregate", "aggregate_id", "epoch",
            "version", "actor", "origin", "correlation_id", "causation_id", "traceparent", "occurred_at",
        )  # fmt: skip
        values = {name: row[name] for name in names}
        return Pending(event_id=row["id"], source=self.runtime.service.name, payload=payload, erased=erased, **values)

    def mark(self, published: Sequence[tuple[Pending, int, bool]]) -> None:
        """Mark what the stream acknowledged, in the order of its answers; when it went back, publish its tail again."""
        if not published or self.leader is None:
            return
        with self.leader.begin():
            if self._went_back(self.leader, published):
                return  # what was acknowledged before the stream went back may be lost too: all of it goes again
            rows = [{"tenant_id": event.tenant_id, "id": event.event_id} for event, _, _ in published]
            sequences = [sequence for _, sequence, _ in published]
            self.leader.execute(MARK, _columns(rows) | {"at": clock.wall(), "sequences": sequences})
        self.low = max(self.low, max(event.position for event, _, _ in published) - LATE_POSITIONS)

    def _went_back(self, connection: Connection, published: Sequence[tuple[Pending, int, bool]]) -> bool:
        """Tell whether a new message got a sequence that is not above all before it: the stream's only writer is we."""
        highest = connection.execute(select(func.max(tables.events.c.stream_seq))).scalar() or 0
        lost = []
        for _, sequence, duplicate in published:
            if sequence <= highest and not duplicate:
                lost.append(sequence)
            highest = max(highest, sequence)
        if lost:
            self._publish_again(connection, min(lost))
        return bool(lost)

    def _publish_again(self, connection: Connection, sequence: int) -> None:
        """Take the marks off everything from a sequence on, except what would have aged out of the stream anyway."""
        table = tables.events
        marks = {"published_at": case((table.c.published_at < _oldest(), table.c.published_at)), "stream_seq": None}
        count = connection.execute(update(table).where(table.c.stream_seq >= sequence).values(marks)).rowcount
        self.low, self.swept = 0, time.monotonic()
        log.error("stream went back; its lost tail is published again", extra={"sequence": sequence, "count": count})

    def newest(self, above: int = 0, upto: int | None = None) -> Published | None:
        """Return the event with the highest sequence in the stream that the log knows of, between two sequences."""
        if self.leader is None:
            return None
        table = tables.events
        query = select(table.c.id, table.c.stream_seq, table.c.published_at).where(table.c.stream_seq > above)
        if upto is not None:
            query = query.where(table.c.stream_seq <= upto)
        with self.leader.begin():
            row = self.leader.execute(query.order_by(table.c.stream_seq.desc()).limit(1)).one_or_none()
        return row and Published(row.id, row.stream_seq, row.published_at < _oldest())

    def lost_from(self, sequence: int) -> None:
        """Let everything that the stream kept from a sequence on be published again."""
        if self.leader is not None:
            with self.leader.begin():
                self._publish_again(self.leader, sequence)

    def to_blank(self) -> list[tuple[int, list[UUID]]]:
        """Return the stream messages whose person was erased since they were published."""
        if self.leader is None:
            return []
        table = tables.events
        query = select(table.c.stream_seq, table.c.id).where(
            table.c.erased, table.c.blanked_at.is_(None), table.c.published_at.is_not(None)
        )
        with self.leader.begin():
            return [(row.stream_seq, [row.id]) for row in self.leader.execute(query.limit(100))]

    def blanked(self, event_ids: Sequence[UUID]) -> None:
        """Note that messages are gone from the stream, so that their bodiless successors are published."""
        if self.leader is None:
            return
        table = tables.events
        values = {"blanked_at": clock.wall(), "published_at": None, "stream_seq": None}
        with self.leader.begin():
            self.leader.execute(update(table).where(table.c.id.in_(event_ids)).values(values))
        self.low = 0


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"tenants": [row["tenant_id"] for row in rows], "ids": [row["id"] for row in rows]}


def _oldest() -> datetime:
    return clock.wall() - timedelta(days=STREAM_DAYS - 1)


def _any_waiting(connection: Connection, low: int) -> bool:
    """Tell whether there is anything to fetch: asked all day, so in one round trip and with nothing around it."""
    driver: Any = connection.connection.driver_connection
    driver.autocommit = True
    try:
        return bool(driver.execute(ANY_WAITING, (low,)).fetchone()[0])
    finally:
        driver.autocommit = False

"""Rows 6 and 7: from the commit of an event to its projection, and how fast a backlog is drained."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from uuid import UUID

import nats
import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session
from tests.bench.calls import Effort
from tests.bench.figures import Figure, Void, at_least, percentile
from tests.bench.stage import Part, Stage

from praxis.patients.v1 import events_pb2, practice_pb2
from praxis_chassis.context import system_context
from praxis_chassis.events import record, store_recorded
from praxis_chassis.service import Runtime
from praxis_chassis.types import new_id
from praxis_local.processes import wait_until
from praxis_local.provision import database_url
from praxis_patients.service import service as patients
from praxis_patients.store.models import Location, Practice

PLACES, TOGETHER = 200, 50
PER_SECOND, BACKLOG = 200, 800
SETTLE_SECONDS = 60.0
COUNT = "SELECT count(*) FROM {}"
LAST_EVENT = text(
    "SELECT pg_current_xact_id()::xid::text, id FROM events WHERE tenant_id = :tenant AND aggregate = 'location'"
    " AND aggregate_id = :place ORDER BY version DESC LIMIT 1"
)
INBOX = (
    "INSERT INTO inbox (tenant_id, event_id, type, received_at)"
    " VALUES (%s, %s, 'praxis.patients.v1.LocationCreated', now())"
)
PLACE = (
    "INSERT INTO locations (tenant_id, location_id, name, time_zone) VALUES (%s, %s, 'Place', 'UTC')"
    " ON CONFLICT (tenant_id, location_id) DO UPDATE SET name = excluded.name, time_zone = excluded.time_zone"
)


@dataclass
class Flow:
    """Patients as the owner, whose events this process records; reporting as the projection."""

    stage: Stage
    effort: Effort
    runtime: Runtime
    relay: Part
    projection: Part
    tenant: UUID = field(default_factory=new_id)
    places: list[UUID] = field(default_factory=list)

    def begin(self) -> None:
        """Make the places that all events are about."""
        with self._transaction() as session:
            practice = Practice(
                kind=practice_pb2.PRACTICE_KIND_HUMAN, name="Bench", legal_name="", npi="", tax_id="", taxonomy_code="",
                phone="", country_code="US", currency_code="USD", locale="en-US", tenant_id=self.tenant, id=new_id(),
            )  # fmt: skip
            record(session, events_pb2.PracticeCreated, practice)
            session.flush()
            for number in range(PLACES):
                place = Location(
                    id=new_id(), practice_id=practice.id, name=f"Place {number}", time_zone="UTC", phone="", npi="",
                    place_of_service_code="11",
                )  # fmt: skip
                record(session, events_pb2.LocationCreated, place)
                self.places.append(place.id)
            store_recorded(session)
        self.settle()

    def change(self, *numbers: int) -> None:
        """Change places in one transaction, with an event for each."""
        with self._transaction() as session:
            self._change(session, numbers)

    def change_traced(self, number: int) -> tuple[int, UUID]:
        """Change one place and return the transaction and the event."""
        with self._transaction() as session:
            self._change(session, [number])
            row = session.execute(LAST_EVENT, {"tenant": self.tenant, "place": self.places[number % PLACES]}).one()
            return int(row[0]), row[1]

    def _change(self, session: Session, numbers: Sequence[int]) -> None:
        for number in numbers:
            key = (self.tenant, self.places[number % PLACES])
            place = session.get_one(Location, key, with_for_update=True)
            place.name = f"Place {number}"
            record(session, events_pb2.LocationUpdated, place)
        store_recorded(session)

    def settle(self) -> None:
        """Wait until everything recorded is projected; what is not by then is lost, and the run void."""
        if not wait_until(lambda: self.recorded() == self.projected(), SETTLE_SECONDS):
            raise Void(f"{self.recorded()} events recorded, {self.projected()} projected")

    def recorded(self) -> int:
        return int(self.stage.rows("patients", COUNT.format("events WHERE type LIKE '%Location%'"))[0][0])

    def projected(self) -> int:
        return int(self.stage.rows("reporting", COUNT.format("inbox WHERE type LIKE '%Location%'"))[0][0])

    def waiting(self) -> int:
        return int(self.stage.rows("patients", COUNT.format("events WHERE published_at IS NULL"))[0][0])

    @contextmanager
    def held(self, *parts: Part) -> Iterator[None]:
        """Freeze programs for a while."""
        for part in parts:
            os.kill(part.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for part in parts:
                os.kill(part.pid, signal.SIGCONT)

    def _transaction(self) -> Any:
        return self.runtime.database.transaction(system_context(self.runtime, self.tenant, "bench"))


@contextmanager
def opened(stage: Stage, effort: Effort) -> Iterator[Flow]:
    """Start relay and projection as processes of their own."""
    runtime = Runtime(patients, patients.settings.from_environment(stage.topology.environment("patients")))
    flow = Flow(stage, effort, runtime, stage.start("patients", "work"), stage.start("reporting", "work"))
    try:
        flow.begin()
        yield flow
    finally:
        runtime.close()


def visible(flow: Flow) -> list[Figure]:
    """Row 6: both commits by PostgreSQL's own clock, so that nothing is measured but what happens between them."""
    before = flow.projected()
    sent = _paced(flow, int(PER_SECOND * flow.effort.rounds * flow.effort.seconds))
    flow.settle()
    waits = _waits(flow, sent)
    lost, doubled = len(sent) - len(waits), flow.projected() - before - len(sent)
    half, most = percentile(waits, 0.5), percentile(waits, 0.99)
    note = f"{len(waits)} events at {PER_SECOND}/s"
    return [
        Figure("6 commit to projection, p50", half, "ms", "≤ 60 ms", half <= 60, moonshot="≤ 10 ms", note=note),
        Figure("6 commit to projection, p99", most, "ms", "≤ 300 ms", most <= 300, moonshot="≤ 50 ms", note=note),
        Figure("6 lost or doubled", lost + doubled, "events", "0", (lost, doubled) == (0, 0), moonshot="0", note=note),
    ]


def _paced(flow: Flow, total: int) -> list[tuple[int, UUID]]:
    """Commit one event every five milliseconds, from several threads."""
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        waiting = []
        for number in range(total):
            time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
            waiting.append(pool.submit(flow.change_traced, number))
        return [each.result() for each in waiting]


def _waits(flow: Flow, sent: Sequence[tuple[int, UUID]]) -> list[float]:
    """Return the milliseconds between the two commits of each event."""
    moments = "SELECT x, pg_xact_commit_timestamp(x::text::xid) FROM unnest(%s::bigint[]) AS x"
    committed = dict(flow.stage.rows("patients", moments, [transaction for transaction, _ in sent]))
    seen = dict(flow.stage.rows("reporting", "SELECT event_id, pg_xact_commit_timestamp(xmin) FROM inbox"))
    both = [(committed[transaction], seen[event]) for transaction, event in sent if event in seen]
    return [(projected - recorded).total_seconds() * 1000 for recorded, projected in both]


def drained(flow: Flow) -> list[Figure]:
    """Row 7: a backlog is published while the projection sleeps, then projected; each against its raw peer."""
    relay, projection = [], []
    for number in range(flow.effort.rounds):
        with flow.held(flow.projection):
            with flow.held(flow.relay):
                for first in range(0, BACKLOG, TOGETHER):
                    flow.change(*range(number * BACKLOG + first, number * BACKLOG + first + TOGETHER))
            if not wait_until(lambda: not flow.waiting(), SETTLE_SECONDS):
                raise Void(f"{flow.waiting()} events were not published")
            published = _spread(flow, "patients", "events", "published_at")
            relay.append((published, asyncio.run(_publish_raw(flow))))
        flow.settle()
        projected = _spread(flow, "reporting", "inbox", "received_at")
        projection.append((projected, _insert_raw(flow)))
    relayed, applied = (median(value for value, _ in pairs) for pairs in (relay, projection))
    return [
        Figure("7 relay drain", relayed, "events/s", "≥ 500/s", relayed >= 500),
        at_least("7 relay drain against raw publish", relay, "events/s", 0.3, moonshot="≥ 0.5"),
        Figure(
            "7 projection", applied, "events/s", "≥ 500/s", applied >= 500,
            reference=median(raw for _, raw in projection),
            ratio=median(value / raw for value, raw in projection), note="reference: the same rows, inserted raw",
        ),
    ]  # fmt: skip


def _spread(flow: Flow, database: str, table: str, column: str) -> float:
    """Return the events per second of the last backlog, by the times that the program itself noted."""
    query = f"SELECT {column} FROM {table} WHERE type LIKE '%%LocationUpdated' ORDER BY {column} DESC LIMIT %s"
    moments = sorted(row[0] for row in flow.stage.rows(database, query, BACKLOG))
    first = moments.count(moments[0])  # published together, so all of them before the first moment was noted
    return float((len(moments) - first) / (moments[-1] - moments[0]).total_seconds())


async def _publish_raw(flow: Flow) -> float:
    """Publish the same bodies to a stream of their own without waiting for each."""
    bodies = [bytes(row[0]) for row in flow.stage.rows("patients", "SELECT payload FROM events LIMIT %s", BACKLOG)]
    client = await nats.connect(flow.stage.topology.nats_url)
    stream = client.jetstream(publish_async_max_pending=256)
    await stream.add_stream(name="BENCH", subjects=["bench.>"])
    began = time.perf_counter()
    acknowledged = [await stream.publish_async("bench.raw", body, wait_stall=30) for body in bodies]
    await asyncio.gather(*acknowledged)
    took = time.perf_counter() - began
    await stream.delete_stream("BENCH")
    await client.close()
    return len(bodies) / took


def _insert_raw(flow: Flow) -> float:
    """Write the rows that a projection writes, a hundred in a transaction, and forget them again."""
    tenant, rows = new_id(), 100
    with psycopg.connect(database_url(flow.stage.postgres.admin_url, "reporting")) as connection:
        began = time.perf_counter()
        for first in range(0, BACKLOG, rows):
            ids = [new_id() for _ in range(first, min(first + rows, BACKLOG))]
            with connection.cursor() as cursor:
                cursor.executemany(INBOX, [(tenant, each) for each in ids])
                cursor.executemany(PLACE, [(tenant, each) for each in ids])
            connection.commit()
        took = time.perf_counter() - began
        for table in ("inbox", "locations"):
            connection.execute(f"DELETE FROM {table} WHERE tenant_id = %s".encode(), (tenant,))
    return BACKLOG / took

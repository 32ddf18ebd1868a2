"""Rows 6 and 7: from the commit of an event to its projection, and how fast a backlog is drained."""

from __future__ import annotations

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

from sqlalchemy import text
from sqlalchemy.orm import Session
from tests.bench.calls import Effort
from tests.bench.figures import Figure, Promise, Void, percentile
from tests.bench.stage import Part, Stage
from tests.support.event_flow import raw_insert_rate, raw_publish_rate

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
PER_SECOND, BACKLOG, SHORT_BACKLOG = 200, 4000, 800
SETTLE_SECONDS = 60.0
COUNT = "SELECT count(*) FROM {}"
LAST_EVENT = text(
    "SELECT pg_current_xact_id()::xid::text, id FROM events WHERE tenant_id = :tenant AND aggregate = 'location'"
    " AND aggregate_id = :place ORDER BY version DESC LIMIT 1"
)
VISIBLE = (
    Promise("6 commit to projection, p50", "ms", "≤ 60 ms", "≤ 10 ms"),
    Promise("6 commit to projection, p99", "ms", "≤ 300 ms", "≤ 50 ms"),
    Promise("6 lost or doubled", "events", "0", "0"),
)
DRAINED = (
    Promise("7 relay drain", "events/s", "≥ 500/s and ≥ 0.3 × reference", "≥ 0.5 × reference"),
    Promise("7 projection", "events/s", "≥ 500/s"),
)
LEAST, SHARE = 500, 0.3


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
    typical, slow, wrong = VISIBLE
    return [
        typical.kept(half, met=half <= 60, note=note),
        slow.kept(most, met=most <= 300, note=note),
        wrong.kept(lost + doubled, met=(lost, doubled) == (0, 0), note=note),
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
    backlog = BACKLOG if flow.effort.rounds > 1 else SHORT_BACKLOG
    relay, projection = [], []
    url = database_url(flow.stage.postgres.admin_url, "reporting")
    for number in range(flow.effort.rounds):
        with flow.held(flow.projection):
            with flow.held(flow.relay):
                for first in range(0, backlog, TOGETHER):
                    flow.change(*range(number * backlog + first, number * backlog + first + TOGETHER))
            if not wait_until(lambda: not flow.waiting(), SETTLE_SECONDS):
                raise Void(f"{flow.waiting()} events were not published")
            published = _spread(flow, "patients", "events", "published_at", backlog)
            relay.append((published, raw_publish_rate(flow.stage.topology.nats_url, _bodies(flow, backlog))))
        flow.settle()
        projected = _spread(flow, "reporting", "inbox", "received_at", backlog)
        projection.append((projected, raw_insert_rate(url, backlog)))
    drain, apply = DRAINED
    slowest = min(value for value, _ in relay), min(value for value, _ in projection)
    notes = [f"{backlog} events; slowest round {value:.0f}/s" for value in slowest]
    relayed, applied = (median(value for value, _ in pairs) for pairs in (relay, projection))
    return [
        drain.paired(relay, lambda ratio: relayed >= LEAST and ratio >= SHARE, note=notes[0]),
        apply.paired(projection, lambda _ratio: applied >= LEAST, note=f"{notes[1]}; reference: the same rows, raw"),
    ]


def _spread(flow: Flow, database: str, table: str, column: str, backlog: int) -> float:
    """Return the events per second of the last backlog, by the times that the program itself noted."""
    query = f"SELECT {column} FROM {table} WHERE type LIKE '%%LocationUpdated' ORDER BY {column} DESC LIMIT %s"
    moments = sorted(row[0] for row in flow.stage.rows(database, query, backlog))
    first = moments.count(moments[0])  # published together, so all of them before the first moment was noted
    return float((len(moments) - first) / (moments[-1] - moments[0]).total_seconds())


def _bodies(flow: Flow, count: int) -> list[bytes]:
    return [bytes(row[0]) for row in flow.stage.rows("patients", "SELECT payload FROM events LIMIT %s", count)]

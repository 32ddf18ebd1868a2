"""Compares afterwards: the owners' events, what each consumer applied and when, projections, ledger and reports."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from tests.faults.world import World

from praxis.billing.v1 import ledger_service_pb2
from praxis.reporting.v1 import report_service_pb2
from praxis_chassis import tables
from praxis_chassis.context import system_context

OWNERS = ("patients", "billing")
# Who applies whose events in these runs.
FLOWS = {"billing": ["patients"], "reporting": ["patients", "billing"]}


@dataclass
class Findings:
    """What differs; everything must be empty."""

    unpublished: int = 0
    gaps: int = 0
    lost: set[UUID] = field(default_factory=set)
    unknown: set[UUID] = field(default_factory=set)
    disordered: int = 0
    dead: int = 0
    differing: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        return self == Findings()


@dataclass
class Oracle:
    """One tenant, as its owners recorded it and its consumers applied it; `before` was applied by the set-up."""

    world: World
    tenant: UUID
    before: dict[str, set[UUID]] = field(default_factory=dict)

    @contextmanager
    def session(self, service: str) -> Iterator[Session]:
        runtime = self.world.runtimes[service]
        with runtime.database.transaction(system_context(runtime, self.tenant, "oracle")) as session:
            yield session

    def events(self, owner: str) -> list[Any]:
        """Return the facts of every event of an owner, in the order of their positions."""
        table = tables.events
        columns = (table.c.id, table.c.aggregate, table.c.aggregate_id, table.c.version, table.c.type)
        with self.session(owner) as session:
            return list(session.execute(select(*columns).order_by(table.c.position)))

    def expected(self, consumer: str) -> list[Any]:
        """Return the events that a consumer must have applied."""
        known = self.world.runtimes[consumer].service.reaction_table.aggregates
        return [row for owner in FLOWS[consumer] for row in self.events(owner) if row.aggregate in known[owner]]

    def applied(self, consumer: str) -> dict[UUID, Any]:
        table = tables.inbox
        with self.session(consumer) as session:
            return {row[0]: row[1] for row in session.execute(select(table.c.event_id, table.c.received_at))}

    def waiting(self) -> list[UUID]:
        """Return the aggregate of every event that a consumer has still to apply."""
        missing = []
        for consumer in FLOWS:
            known = self.applied(consumer)
            missing += [row.aggregate_id for row in self.expected(consumer) if row.id not in known]
        return missing

    def behind(self) -> int:
        """Return how many events consumers have still to apply; only the last look compares them one by one.

        Whoever waits asks again and again, and must not take the machine from those it waits for.
        """
        return sum(max(0, self._recorded(name) - self._received(name)) for name in FLOWS) or len(self.waiting())

    def caught_up(self) -> bool:
        """Tell whether all is applied; who waits for it is held a little, because each look costs those who work."""
        if self.behind():
            time.sleep(0.15)
            return False
        return True

    def _recorded(self, consumer: str) -> int:
        """Count the events that a consumer must apply."""
        known, table = self.world.runtimes[consumer].service.reaction_table.aggregates, tables.events
        found = 0
        for owner in FLOWS[consumer]:
            with self.session(owner) as session:
                query = select(func.count()).select_from(table).where(table.c.aggregate.in_(known[owner]))
                found += session.execute(query).scalar_one()
        return found

    def _received(self, consumer: str) -> int:
        """Count the events that a consumer has applied, those of the set-up left out."""
        with self.session(consumer) as session:
            counted = session.execute(select(func.count()).select_from(tables.inbox)).scalar_one()
        return counted - len(self.before.get(consumer, ()))

    def unpublished(self) -> int:
        """Return how many events the bus has not got yet; cheap enough to be asked again and again."""
        table, found = tables.events, 0
        for owner in OWNERS:
            with self.session(owner) as session:
                query = select(func.count()).select_from(table).where(table.c.published_at.is_(None))
                found += session.execute(query).scalar_one()
        return found

    def dead(self, consumer: str) -> int:
        """Return how many events a consumer has set aside; cheap as well."""
        with self.session(consumer) as session:
            return int(session.execute(select(func.count()).select_from(tables.dead_letters)).scalar_one())

    def find(self) -> Findings:
        """Compare everything."""
        found = Findings()
        for owner in OWNERS:
            self._judge_owner(owner, found)
        found.unpublished = self.unpublished()
        for consumer in FLOWS:
            self._judge_consumer(consumer, found)
            found.dead += self.dead(consumer)
            if self.names(consumer) != self.names("patients"):
                found.differing.append(f"{consumer}'s copies of patients")
        found.differing += self.books()
        return found

    def _judge_owner(self, owner: str, found: Findings) -> None:
        table = tables.events
        with self.session(owner) as session:
            numbers = sorted(session.scalars(select(func.coalesce(table.c.tenant_sequence, 0))))
        versions: dict[UUID, list[int]] = defaultdict(list)
        for row in self.events(owner):
            versions[row.aggregate_id].append(row.version)
        found.gaps += numbers != list(range(1, len(numbers) + 1))
        found.gaps += sum(each != list(range(1, len(each) + 1)) for each in versions.values())

    def _judge_consumer(self, consumer: str, found: Findings) -> None:
        expected, applied = self.expected(consumer), self.applied(consumer)
        found.lost |= {row.id for row in expected} - applied.keys()
        found.unknown |= applied.keys() - {row.id for row in expected} - self.before.get(consumer, set())
        lanes: dict[UUID, list[Any]] = defaultdict(list)
        for row in sorted(expected, key=lambda row: row.version):
            lanes[row.aggregate_id].append(applied.get(row.id))
        for lane in lanes.values():
            moments = [moment for moment in lane if moment]
            found.disordered += sum(later < earlier for earlier, later in pairwise(moments))

    def names(self, service: str) -> dict[UUID, str]:
        """Return what a service calls each patient that the owner knows."""
        table, key = NAMES[service]
        with self.session("patients") as session:
            known = set(session.scalars(text("SELECT id FROM patients")))
        with self.session(service) as session:
            rows = session.execute(text(f"SELECT {key}, display_name FROM {table}"))
            return {row[0]: row[1] for row in rows if row[0] in known}

    def books(self) -> list[str]:
        """Return which of ledger, accounts and reports contradict each other."""
        ours, theirs = (self.world.door(name).tenant(self.tenant) for name in ("billing", "reporting"))
        checks = ours.call("GetReconciliation", ledger_service_pb2.GetReconciliationRequest()).checks
        balance = ours.call("GetTrialBalance", ledger_service_pb2.GetTrialBalanceRequest())
        aging = theirs.call("GetPatientAging", report_service_pb2.GetPatientAgingRequest(page_size=1))
        checks = [*checks, *theirs.call("GetReconciliation", report_service_pb2.GetReconciliationRequest()).checks]
        wrong = [str(check.code) for check in checks if not check.passed]
        owed = {line.ledger_account: Decimal(line.balance.amount) for line in balance.lines}.get("ar_patient", 0)
        shown = sum(Decimal(total.buckets.total.amount) for total in aging.totals)
        return [*wrong, *([f"ledger {owed} and aging {shown}"] if owed != shown else [])]

    def digest(self, service: str) -> dict[str, str]:
        """Return a hash of every row of each projection."""
        with self.session(service) as session:
            return {
                name: session.execute(
                    text(f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM {name} t")
                ).scalar_one()
                for name in self.world.runtimes[service].service.projections
            }


NAMES = {
    "patients": ("patients", "id"),
    "billing": ("patient_copies", "id"),
    "reporting": ("patient_names", "patient_id"),
}

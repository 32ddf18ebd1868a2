"""Work that the clock starts: each job runs per tenant, in a transaction, in one process at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Session

from praxis_chassis import events, files, idempotency, tables, telemetry
from praxis_chassis.context import context_of, system_context

F = TypeVar("F", bound=Callable[..., Any])
# A practice where something happened a moment ago has its jobs as often as they say, every other one less and less
# often, so that many practices at rest cost little; what only the clock makes due may come as late there as it has been
# quiet for, and five minutes at most.
BUSY_SECONDS, REST_SECONDS, LONGEST_REST_SECONDS = 4.0, 10.0, 300.0
# No command takes longer, so that no event becomes visible later than this after its position was given.
LATEST_SECONDS = 6.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A function that runs every so many seconds."""

    name: str
    every_seconds: float
    function: Callable[..., Any]
    whole: bool = False


def job(*, every_seconds: float, whole: bool = False) -> Callable[[F], F]:
    """Mark a function `(session)` as a job of the work process; a `whole` one gets `(runtime, tenants)` instead.

    That is for work on what all practices of the installation share, such as a folder; it opens its own transactions.
    """

    def mark(function: F) -> F:
        function.__job__ = every_seconds, whole  # type: ignore[attr-defined]
        return function

    return mark


@contextmanager
def apart(session: Session) -> Iterator[Session]:
    """Open another transaction of a job's tenant, for steps each of which must stand before the next begins."""
    asked = context_of(session)
    with asked.runtime.database.transaction(system_context(asked.runtime, asked.tenant, asked.actor.id)) as own:
        yield own
        events.store_recorded(own)


def jobs_of(module: ModuleType | None) -> list[Job]:
    """Return the jobs of a module."""
    found = vars(module).items() if module else ()
    return [
        Job(name, value.__job__[0], value, whole=value.__job__[1]) for name, value in found if hasattr(value, "__job__")
    ]


# What every service does; objects may go minutes after their rows, but erasure promises that they go.
OWN = (
    Job("forget_replies", 3600, idempotency.prune),
    Job("remove_deleted_files", 5, files.remove_deleted),
    Job("sweep_files", 3600, files.sweep),
)


LAST = text("SELECT coalesce(max(position), 0) FROM events")
NEWEST = text("SELECT tenant_id, max(position) FROM events WHERE position > :position GROUP BY tenant_id")


class Ticker:
    """Runs the jobs that are due; another instance's turn is skipped by an advisory lock."""

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime
        self.jobs = [*runtime.service.job_list, *OWN]
        self.due = {item.name: 0.0 for item in self.jobs}
        self.positions: list[tuple[float, int]] = []  # up to which events were looked at, and when
        self.offsets: dict[UUID, int] = {}  # of the practices' clocks, in seconds
        self.touched: dict[UUID, float] = {}
        self.visits: dict[tuple[str, UUID], tuple[float, float]] = {}  # the last one, and how long to rest after it

    def touch(self, tenants: Iterable[UUID]) -> None:
        """Look at practices again soon: something happened there."""
        for tenant in tenants:
            self.touched[tenant] = time.monotonic()

    def tick(self) -> None:
        """Run every job that is due now."""
        for item in self.jobs:
            if time.monotonic() >= self.due[item.name]:
                self.due[item.name] = time.monotonic() + item.every_seconds
                self.run(item)

    def run(self, item: Job) -> None:
        """Run one job for all tenants; a tenant that fails does not stop the others."""
        with self.runtime.relay_database.engine.begin() as guard:
            if not guard.execute(
                text("SELECT pg_try_advisory_xact_lock(7261004, hashtext(:job))"), {"job": item.name}
            ).scalar():
                return
            tenants = self._tenants(guard)
            if item.whole:
                self._guarded(item, None, lambda _span: item.function(self.runtime, tenants))
            for tenant in () if item.whole else self._whose_turn(guard, item, tenants):
                self._guarded(item, tenant, partial(self._run_for, item, tenant))

    def _tenants(self, guard: Connection) -> list[UUID]:
        """Return all practices; where a clock was moved, much may be due at once."""
        table = tables.tenants
        found = {row[0]: row[1] for row in guard.execute(select(table.c.tenant_id, table.c.clock_offset_seconds))}
        self.touch(tenant for tenant, offset in found.items() if self.offsets.get(tenant, 0) != offset)
        self.offsets = found
        return list(found)

    def _whose_turn(self, guard: Connection, item: Job, tenants: Sequence[UUID]) -> Iterator[UUID]:
        """Yield the practices that a job is for now: the busy ones, and those that have rested long enough.

        Busy is measured from visit to visit, so that a round that takes long forgets nobody.
        """
        self._touch_recorded(guard)
        for tenant in tenants:
            before, rest = self.visits.get((item.name, tenant), (0.0, 0.0))
            busy = self.touched.get(tenant, -BUSY_SECONDS) + BUSY_SECONDS >= before
            if busy or time.monotonic() >= before + rest:
                longer = REST_SECONDS if busy else min(2 * rest or REST_SECONDS, LONGEST_REST_SECONDS)
                self.visits[item.name, tenant] = time.monotonic(), longer
                yield tenant

    def _touch_recorded(self, guard: Connection) -> None:
        """Touch the practices that recorded events, also those whose position was given before the last one seen."""
        now = time.monotonic()
        self.positions = self.positions or [(now, guard.execute(LAST).scalar_one())]
        while len(self.positions) > 1 and self.positions[1][0] < now - LATEST_SECONDS:
            del self.positions[0]
        newest = {row[0]: row[1] for row in guard.execute(NEWEST, {"position": self.positions[0][1]})}
        self.touch(newest)
        self.positions.append((now, max([self.positions[-1][1], *newest.values()])))

    def _guarded(self, item: Job, tenant: UUID | None, run: Callable[[Any], None]) -> None:
        with telemetry.errand(f"job {item.name}") as span:
            try:
                run(span)
            except Exception as failure:
                span.failure = type(failure).__name__
                log.exception("job failed", extra={"job": item.name, "tenant_id": str(tenant or "")})

    def _run_for(self, item: Job, tenant: UUID, span: Any) -> None:
        context = system_context(self.runtime, tenant, f"{self.runtime.service.name}.{item.name}")
        context.traceparent = span.traceparent
        with self.runtime.database.transaction(context) as session:
            item.function(session)
            span.did_something = bool(context.recorded)
            events.store_recorded(session)

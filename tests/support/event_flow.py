"""How soon what an owner committed is applied elsewhere, and how fast a backlog drains: out of the two databases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import nats
import psycopg
from sqlalchemy import select

from praxis_chassis import tables
from praxis_chassis.context import system_context
from praxis_chassis.service import Runtime
from praxis_chassis.types import new_id

INBOX = (
    "INSERT INTO inbox (tenant_id, event_id, type, received_at)"
    " VALUES (%s, %s, 'praxis.patients.v1.LocationCreated', now())"
)
PLACE = (
    "INSERT INTO locations (tenant_id, location_id, name, time_zone) VALUES (%s, %s, 'Place', 'UTC')"
    " ON CONFLICT (tenant_id, location_id) DO UPDATE SET name = excluded.name, time_zone = excluded.time_zone"
)
TOGETHER = 100


def latencies(owner: Runtime, consumer: Runtime, tenant: UUID, wanted: Callable[[Any], bool]) -> list[float]:
    """Return, sorted, the milliseconds from recording each wanted event to applying it in the consumer.

    Recording is a moment before the commit and applying one before the consumer's, both by this machine's clock.
    """
    log = tables.events
    with owner.database.transaction(system_context(owner, tenant, "flow")) as session:
        rows = session.execute(select(log.c.id, log.c.type, log.c.aggregate_id, log.c.recorded_at))
        recorded = {row.id: row.recorded_at for row in rows if wanted(row)}
    applied = _applied(consumer, tenant)
    missing = recorded.keys() - applied.keys()
    if missing:
        raise ValueError(f"{len(missing)} of {len(recorded)} events are not applied yet")
    return sorted((applied[event] - moment).total_seconds() * 1000 for event, moment in recorded.items())


def drain_rates(owner: Runtime, consumer: Runtime, tenant: UUID, since: Any) -> tuple[float, float]:
    """Return the events per second of the relay and of the consumer, for everything published after a moment."""
    published = published_since(owner, tenant, since)
    applied = _applied(consumer, tenant)
    return rate(list(published.values())), rate([applied[event] for event in published if event in applied])


def published_since(owner: Runtime, tenant: UUID, since: Any) -> dict[UUID, Any]:
    """Return when each event was published that was published after a moment."""
    log = tables.events
    with owner.database.transaction(system_context(owner, tenant, "flow")) as session:
        rows = session.execute(select(log.c.id, log.c.published_at).where(log.c.published_at > since))
        return {row.id: row.published_at for row in rows}


def rate(moments: Sequence[Any]) -> float:
    """Return how many events a second went by, from the first moment to the last."""
    return (len(moments) - 1) / (max(moments) - min(moments)).total_seconds()


def raw_publish_rate(url: str, bodies: Sequence[bytes]) -> float:
    """Return how many bodies a second a stream of their own takes from one who waits for no single one."""

    async def publish() -> float:
        client = await nats.connect(url)
        stream = client.jetstream(publish_async_max_pending=256)
        await stream.add_stream(name="RAW", subjects=["raw.>"])
        began = time.perf_counter()
        acknowledged = [await stream.publish_async("raw.body", body, wait_stall=30) for body in bodies]
        await asyncio.gather(*acknowledged)
        took = time.perf_counter() - began
        await stream.delete_stream("RAW")
        await client.close()
        return len(bodies) / took

    return asyncio.run(publish())


def raw_insert_rate(url: str, count: int) -> float:
    """Return how many times a second reporting's database takes the rows of a projection, a hundred in a transaction.

    The rows are taken away again.
    """
    tenant = new_id()
    with psycopg.connect(url) as connection:
        began = time.perf_counter()
        for first in range(0, count, TOGETHER):
            rows = [(tenant, new_id()) for _ in range(first, min(first + TOGETHER, count))]
            with connection.cursor() as cursor:
                cursor.executemany(INBOX, rows)
                cursor.executemany(PLACE, rows)
            connection.commit()
        took = time.perf_counter() - began
        for table in ("inbox", "locations"):
            connection.execute(f"DELETE FROM {table} WHERE tenant_id = %s".encode(), (tenant,))
    return count / took


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which a share of the sorted values lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _applied(consumer: Runtime, tenant: UUID) -> dict[UUID, Any]:
    inbox = tables.inbox
    with consumer.database.transaction(system_context(consumer, tenant, "flow")) as session:
        return {row[0]: row[1] for row in session.execute(select(inbox.c.event_id, inbox.c.received_at))}

"""After a restore versions are given out again: the owner says so by a new epoch, and tells what it still knows.

Consumers compare before they apply anything of the new epoch, and note every aggregate of which they have applied more
than the owner knows. The note stays until the projection is rebuilt or a person has settled it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis.operations.v1 import events_pb2
from praxis_chassis import clock, tables
from praxis_chassis.context import context_of, system_context
from praxis_chassis.database import driver_url
from praxis_chassis.types import new_id

AGGREGATE = "epoch"
RAISED = events_pb2.EpochRaised.DESCRIPTOR.full_name
# A part must stay below the megabyte that a NATS server takes by default.
PART = 10_000
# The row of `consumed` that says: all parts of this epoch were compared.
COMPARED = UUID(int=0)
log = logging.getLogger(__name__)


# ── the restored owner ────────────────────────────────────────────────────────────────────────────────


def raise_epoch(runtime: Any) -> int:
    """Announce the next epoch to every tenant, then begin it; may be repeated when it was broken off."""
    engine = create_engine(driver_url(runtime.settings.database_owner_url))
    with engine.connect() as connection:
        epoch = int(connection.execute(select(tables.epochs.c.epoch)).scalar_one()) + 1
        tenants = list(connection.execute(select(tables.tenants.c.tenant_id)).scalars())
    for tenant in tenants:
        with runtime.database.transaction(system_context(runtime, tenant, "restore")) as session:
            _announce(session, epoch)
    with engine.begin() as connection:
        connection.execute(update(tables.epochs).values(epoch=epoch))
    engine.dispose()
    return epoch


def _announce(session: Session, epoch: int) -> None:
    table = tables.events
    last = func.max(table.c.version)
    query = select(table.c.aggregate, table.c.aggregate_id, last).where(table.c.aggregate != AGGREGATE)
    grouped = query.group_by(table.c.aggregate, table.c.aggregate_id).order_by(table.c.aggregate_id)
    rows = session.execute(grouped).all()
    for message in parts_of(epoch, [(aggregate, identifier, version) for aggregate, identifier, version in rows]):
        session.execute(insert(table).values(_row(session, message)).on_conflict_do_nothing())


def parts_of(epoch: int, known: Sequence[tuple[str, UUID, int]], size: int = PART) -> Iterator[events_pb2.EpochRaised]:
    """Return the announcement of what a service knows, in order of id; there is at least one part."""
    cuts = [0]
    while cuts[-1] < len(known) or len(cuts) == 1:
        end = min(cuts[-1] + size, len(known))
        while 0 < end < len(known) and known[end][1] == known[end - 1][1]:
            end += 1  # aggregates of different kinds may share an id, and a range must hold all of them
        cuts.append(end)
    for part, (begin, end) in enumerate(pairwise(cuts), 1):
        yield events_pb2.EpochRaised(
            epoch=epoch,
            part=part,
            parts=len(cuts) - 1,
            after_id=known[begin - 1][1].bytes if begin else b"",
            last_id=known[end - 1][1].bytes if end < len(known) else b"",
            aggregates=[
                events_pb2.KnownAggregate(aggregate=aggregate, id=identifier.bytes, version=version)
                for aggregate, identifier, version in known[begin:end]
            ],
        )


def _row(session: Session, message: events_pb2.EpochRaised) -> dict[str, Any]:
    context = context_of(session)
    return {
        "tenant_id": context.tenant,
        "id": new_id(),
        "aggregate": AGGREGATE,
        "aggregate_id": context.tenant,
        "epoch": message.epoch,
        "version": message.part,
        "type": RAISED,
        "subject": f"praxis.{context.runtime.service.name}.{AGGREGATE}.raised.v1",
        "payload": message.SerializeToString(deterministic=True),
        "actor": str(context.actor),
        "origin": str(context.actor),
        "correlation_id": context.correlation_id,
        "causation_id": context.request_id,
        "traceparent": context.traceparent,
        "occurred_at": clock.now(session),
        "recorded_at": clock.wall(),
    }


# ── the others ────────────────────────────────────────────────────────────────────────────────────────


def in_turn(session: Session, envelope: Any, row: Any) -> bool:
    """Tell whether an event that is newer than the last one of its aggregate is the very next one."""
    next_version = bool(envelope.version == row.version + 1)
    if row.epoch in {envelope.epoch, 0}:
        return next_version
    if envelope.aggregate == AGGREGATE:
        return bool(envelope.version == 1)
    if not _compared(session, envelope.source, envelope.epoch):
        return False
    if envelope.version <= row.version:
        # What the owner lost reached us after the comparison, from a stream that was not deleted.
        _note(session, envelope.source, envelope.epoch, [(envelope.aggregate, envelope.aggregate_id, row.version, 0)])
        return True
    return next_version


def compare(session: Session, envelope: Any) -> None:
    """Note which aggregates were applied further than their restored owner knows them, and follow the owner."""
    message = events_pb2.EpochRaised.FromString(envelope.payload)
    known = {(item.aggregate, UUID(bytes=item.id)): item.version for item in message.aggregates}
    ahead = [
        (row.aggregate, row.aggregate_id, row.version, known.get((row.aggregate, row.aggregate_id), 0))
        for row in session.execute(_applied(envelope.source, message))
        if row.version > known.get((row.aggregate, row.aggregate_id), 0)
    ]
    table = tables.consumed
    for aggregate, identifier, _, owned in ahead:
        mine = (table.c.source == envelope.source, table.c.aggregate == aggregate, table.c.aggregate_id == identifier)
        session.execute(update(table).where(*mine).values(epoch=message.epoch, version=owned))
    _note(session, envelope.source, message.epoch, ahead)
    if message.part == message.parts:
        key = {"tenant_id": envelope.tenant_id, "source": envelope.source}
        mark = insert(table).values(**key, aggregate=AGGREGATE, aggregate_id=COMPARED, epoch=message.epoch, version=1)
        session.execute(
            mark.on_conflict_do_update(index_elements=list(table.primary_key), set_={"epoch": message.epoch})
        )


def _applied(source: str, message: events_pb2.EpochRaised) -> Any:
    table = tables.consumed
    query = select(table).where(
        table.c.source == source, table.c.aggregate != AGGREGATE, table.c.epoch < message.epoch, table.c.version > 0
    )
    if message.after_id:
        query = query.where(table.c.aggregate_id > UUID(bytes=message.after_id))
    if message.last_id:
        query = query.where(table.c.aggregate_id <= UUID(bytes=message.last_id))
    return query


def _compared(session: Session, source: str, epoch: int) -> bool:
    table = tables.consumed
    mark = (table.c.source == source, table.c.aggregate == AGGREGATE, table.c.aggregate_id == COMPARED)
    return session.execute(select(table.c.epoch).where(*mark, table.c.epoch >= epoch)).first() is not None


def _note(session: Session, source: str, epoch: int, ahead: Sequence[tuple[str, UUID, int, int]]) -> None:
    if not ahead:
        return
    tenant = context_of(session).tenant
    rows = [
        {
            "tenant_id": tenant,
            "source": source,
            "aggregate": aggregate,
            "aggregate_id": identifier,
            "epoch": epoch,
            "version": version,
            "owner_version": owned,
            "noticed_at": clock.wall(),
        }
        for aggregate, identifier, version, owned in ahead
    ]
    session.execute(insert(tables.divergences).on_conflict_do_nothing(), rows)
    facts = {"source": source, "count": len(rows), "tenant_id": str(tenant)}
    log.error("a restored service does not know what was applied here", extra=facts)


def divergences(runtime: Any, *, settle: bool = False) -> Iterator[str]:
    """Return one line per aggregate that differs from its restored owner; `settle` takes them off the list."""
    with runtime.relay_database.engine.connect() as connection:
        tenants = list(connection.execute(select(tables.tenants.c.tenant_id)).scalars())
    table = tables.divergences
    for tenant in tenants:
        with runtime.database.transaction(system_context(runtime, tenant, "divergences")) as session:
            for row in session.execute(select(table).order_by(table.c.source, table.c.aggregate_id)):
                known = f"{row.source} knows version {row.owner_version}" if row.owner_version else "unknown there"
                yield f"{tenant} {row.source} {row.aggregate} {row.aggregate_id}: version {row.version} here, {known}"
            if settle:
                session.execute(delete(table))

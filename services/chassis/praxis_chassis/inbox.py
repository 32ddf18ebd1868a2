"""Apply foreign events: exactly once, in the order of each aggregate, and never let one that fails stop the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.trace import SpanKind
from psycopg.errors import LockNotAvailable
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis_chassis import clock, epochs, events, metrics, progress, tables, telemetry
from praxis_chassis.context import Actor, Context, context_of
from praxis_chassis.database import collided
from praxis_chassis.events import Envelope, Reactions
from praxis_chassis.types import new_id

ATTEMPTS = 5
# Collisions with other transactions are no fault of the event: they are not counted.
TRIES = 3
log = logging.getLogger(__name__)


class Verdict(Enum):
    """What the consumer does with a message after it was looked at."""

    DONE = "done"
    WAIT = "wait"
    RETRY = "retry"


def context_for(runtime: Any, envelope: Envelope) -> Context:
    """Return the context of applying one event: the system acts, the origin and the flow are kept."""
    return Context(
        tenant_id=envelope.tenant_id,
        actor=Actor("system", runtime.service.name),
        runtime=runtime,
        correlation_id=envelope.correlation_id,
        causation_id=str(envelope.event_id),
        traceparent=envelope.traceparent,
        origin=envelope.origin,
        request_id=str(new_id()),
    )


def apply_together(runtime: Any, reactions: Reactions, envelopes: Sequence[Envelope]) -> list[Verdict]:
    """Apply events of one tenant, as many as possible in one transaction; one that fails is applied on its own."""
    answers: list[Verdict] = []
    end = len(envelopes)
    while run := envelopes[len(answers) : end]:
        found: list[Verdict] = []
        try:
            _apply_run(runtime, reactions, run, found)
        except Exception:  # noqa: BLE001 - whoever failed is counted when it is applied on its own
            if 0 < len(found) < len(run):
                end = len(answers) + len(found)  # what came before it, once more, and then it alone
                continue
            found = [apply(runtime, reactions, envelope) for envelope in (run if found else run[:1])]
        answers += found
        end = len(envelopes)
    return answers


def _apply_run(runtime: Any, reactions: Reactions, run: Sequence[Envelope], found: list[Verdict]) -> None:
    """Apply events in one transaction; `found` tells how far it came when one of them fails."""
    with runtime.database.transaction(context_for(runtime, run[0])) as session:
        known = _applied_before(session, run)
        fresh = [envelope for envelope in run if envelope.event_id not in known]
        progress.of(session).lock(session, fresh)
        for envelope in run:
            done = envelope.event_id in known
            found.append(Verdict.DONE if done else _apply_next(session, runtime, reactions, envelope))
        progress.of(session).write(session)


def _applied_before(session: Session, envelopes: Sequence[Envelope]) -> set[UUID]:
    """Return which events the inbox has: one look for all, because a stream that is filled again brings them all."""
    ids = [envelope.event_id for envelope in envelopes]
    return set(session.scalars(select(tables.inbox.c.event_id).where(tables.inbox.c.event_id.in_(ids))))


def known(runtime: Any, envelopes: Sequence[Envelope]) -> set[UUID]:
    """Return which of one tenant's events were applied here."""
    with runtime.database.transaction(context_for(runtime, envelopes[0])) as session:
        return _applied_before(session, envelopes)


def apply(runtime: Any, reactions: Reactions, envelope: Envelope) -> Verdict:
    """Apply one event in a transaction of its own and count its failures."""
    for attempt in range(1, TRIES + 1):
        try:
            with runtime.database.transaction(context_for(runtime, envelope)) as session:
                verdict = _apply_next(session, runtime, reactions, envelope)
                progress.of(session).write(session)
                return verdict
        except Exception as failure:  # noqa: BLE001 - whatever a reaction raises must not stop the other events
            if isinstance(getattr(failure, "orig", None), LockNotAvailable):
                return Verdict.RETRY  # as long as somebody else holds what the event changes
            if not collided(failure):
                return _count_failure(runtime, envelope, failure)
        time.sleep(0.01 * attempt)
    return Verdict.RETRY


def _apply_next(session: Session, runtime: Any, reactions: Reactions, envelope: Envelope) -> Verdict:
    """Apply one event under its own context, so that what it causes names its cause."""
    context = context_for(runtime, envelope)
    context.clock_offset = context_of(session).clock_offset
    session.info["context"] = context
    facts = {"event_id": str(envelope.event_id), "tenant_id": str(envelope.tenant_id)}
    began, outcome = time.perf_counter(), "failed"
    with telemetry.span(f"apply {envelope.type}", SpanKind.CONSUMER, envelope.traceparent, **facts) as span:
        context.traceparent = span.traceparent
        try:
            verdict = apply_in(session, reactions, envelope)
            events.store_recorded(session)
            outcome = verdict.value
        finally:
            took = time.perf_counter() - began
            metrics.process.record(took, envelope.source, envelope.type, outcome, traceparent=span.traceparent)
    return verdict


def apply_in(session: Session, reactions: Reactions, envelope: Envelope) -> Verdict:
    """Apply one event in the session's transaction, unless it came before, is out of turn, or must be parked."""
    known = progress.of(session).state(session, envelope)
    if (envelope.epoch, envelope.version) <= (known.epoch, known.version):
        return _seen_before(session, envelope)
    if known.blocked:
        if events.erases(envelope.type):  # nobody's erasure waits for a replay; in its turn it is applied once more
            reactions.run(session, envelope)
        _bury(session, envelope, parked=True, attempts=0, failure="an earlier event of this aggregate failed")
        return Verdict.DONE
    if not epochs.in_turn(session, envelope, known):
        return Verdict.WAIT
    _run(session, reactions, envelope)
    return Verdict.DONE


def _run(session: Session, reactions: Reactions, envelope: Envelope) -> None:
    if envelope.type == epochs.RAISED:
        progress.of(session).write(session)
        epochs.compare(session, envelope)
        progress.of(session).forget()
    elif envelope.payload:
        reactions.run(session, envelope)
    session.flush()
    progress.of(session).advance(session, envelope)


def _same_aggregate(table: Any, envelope: Envelope) -> tuple[Any, ...]:
    return (
        table.c.source == envelope.source,
        table.c.aggregate == envelope.aggregate,
        table.c.aggregate_id == envelope.aggregate_id,
    )


def _identity(envelope: Envelope) -> dict[str, Any]:
    return {
        "tenant_id": envelope.tenant_id,
        "source": envelope.source,
        "aggregate": envelope.aggregate,
        "aggregate_id": envelope.aggregate_id,
    }


def _seen_before(session: Session, envelope: Envelope) -> Verdict:
    if progress.of(session).has_applied(envelope):
        return Verdict.DONE
    known = session.execute(select(tables.inbox.c.event_id).where(tables.inbox.c.event_id == envelope.event_id))
    buried = session.execute(
        select(tables.dead_letters.c.event_id).where(tables.dead_letters.c.event_id == envelope.event_id)
    )
    if known.first() is None and buried.first() is None:
        # A version that was applied under another event id: the owner was restored without a new epoch.
        log.error("event with an old version is unknown", extra={"event_id": str(envelope.event_id)})
    return Verdict.DONE


def _count_failure(runtime: Any, envelope: Envelope, failure: Exception) -> Verdict:
    table = tables.failures
    kind = type(failure).__name__
    with runtime.database.transaction(context_for(runtime, envelope)) as session:
        row = insert(table).values(tenant_id=envelope.tenant_id, event_id=envelope.event_id, attempts=1)
        counted = row.on_conflict_do_update(
            index_elements=[table.c.tenant_id, table.c.event_id], set_={"attempts": table.c.attempts + 1}
        )
        attempts = session.execute(counted.returning(table.c.attempts)).scalar_one()
        facts = {"event_id": str(envelope.event_id), "event_type": envelope.type, "attempts": attempts, "failure": kind}
        log.warning("event failed", extra=facts, exc_info=runtime.verbose)
        if attempts < ATTEMPTS:
            return Verdict.RETRY
        progress.of(session).state(session, envelope)
        _bury(session, envelope, parked=False, attempts=attempts, failure=kind)
        _block(session, envelope, blocked=True)
    return Verdict.DONE


def _bury(session: Session, envelope: Envelope, *, parked: bool, attempts: int, failure: str) -> None:
    headers = {
        "actor": envelope.actor,
        "origin": envelope.origin,
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "traceparent": envelope.traceparent,
        "occurred_at": envelope.occurred_at,
    }
    row = {
        **_identity(envelope),
        "event_id": envelope.event_id,
        "epoch": envelope.epoch,
        "version": envelope.version,
        "type": envelope.type,
        "subject_id": _subject_of(envelope),
        "headers": orjson.dumps(headers),
        "payload": envelope.payload,
        "parked": parked,
        "attempts": attempts,
        "failure": failure,
        "received_at": clock.wall(),
    }
    session.execute(insert(tables.dead_letters).values(row).on_conflict_do_nothing())


def _subject_of(envelope: Envelope) -> UUID | None:
    """Return whom an event is about, or nobody where this release cannot read it."""
    try:
        message = events.message_class(envelope.type)()
        message.ParseFromString(envelope.payload)
        return events.subject_of(message)
    except (ImportError, KeyError, ValueError, DecodeError):
        return None


def _block(session: Session, envelope: Envelope, *, blocked: bool) -> None:
    table = tables.consumed
    session.execute(update(table).where(*_same_aggregate(table, envelope)).values(blocked=blocked))


def replay(runtime: Any, reactions: Reactions, tenant_id: UUID) -> int:
    """Apply the dead and parked events of a tenant, each aggregate's in order and until one fails again."""
    return sum(_replay(runtime, reactions, tenant_id, *aggregate) for aggregate in _blocked(runtime, tenant_id))


def _replay(
    runtime: Any, reactions: Reactions, tenant_id: UUID, source: str, aggregate: str, aggregate_id: UUID
) -> int:
    applied = 0
    try:
        for envelope in _buried(runtime, tenant_id, source, aggregate, aggregate_id):
            with runtime.database.transaction(context_for(runtime, envelope)) as session:
                if not _dig_up(session, reactions, envelope):
                    break
            applied += 1
    except Exception as failure:
        facts = {"source": source, "object_ids": str(aggregate_id), "failure": type(failure).__name__}
        log.warning("dead letter failed again", extra=facts, exc_info=runtime.verbose)
    return applied


def _dig_up(session: Session, reactions: Reactions, envelope: Envelope) -> bool:
    """Apply a dead letter and throw it away; not one before which another version is missing."""
    known, letters = progress.of(session).state(session, envelope), tables.dead_letters
    if (envelope.epoch, envelope.version) > (known.epoch, known.version):
        if not epochs.in_turn(session, envelope, known):
            return False
        _run(session, reactions, envelope)
        progress.of(session).write(session)
    session.execute(delete(letters).where(letters.c.event_id == envelope.event_id))
    if not session.execute(select(letters.c.event_id).where(*_same_aggregate(letters, envelope)).limit(1)).first():
        _block(session, envelope, blocked=False)
    events.store_recorded(session)
    return True


def _blocked(runtime: Any, tenant_id: UUID) -> list[Any]:
    letters = tables.dead_letters
    with runtime.database.transaction(_tenant_context(runtime, tenant_id)) as session:
        query = select(letters.c.source, letters.c.aggregate, letters.c.aggregate_id).distinct()
        return list(session.execute(query))


def _buried(runtime: Any, tenant_id: UUID, source: str, aggregate: str, aggregate_id: UUID) -> list[Envelope]:
    letters = tables.dead_letters
    with runtime.database.transaction(_tenant_context(runtime, tenant_id)) as session:
        rows = session.execute(
            select(letters)
            .where(letters.c.source == source, letters.c.aggregate == aggregate, letters.c.aggregate_id == aggregate_id)
            .order_by(letters.c.epoch, letters.c.version)
        ).mappings()
        return [_dug_up(row) for row in rows]


def _dug_up(row: Any) -> Envelope:
    headers = orjson.loads(row["headers"])
    headers["occurred_at"] = datetime.fromisoformat(headers["occurred_at"])
    names = ("tenant_id", "event_id", "type", "source", "aggregate", "aggregate_id", "epoch", "version", "payload")
    return Envelope(**{name: row[name] for name in names}, **headers)


def _tenant_context(runtime: Any, tenant_id: UUID) -> Context:
    return Context(tenant_id=tenant_id, actor=Actor("system", runtime.service.name), runtime=runtime)

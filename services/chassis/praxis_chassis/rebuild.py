"""Read the owners' event logs: to rebuild projections from nothing, and to fill up what never arrived."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine, text

from praxis_chassis import clients, inbox
from praxis_chassis.database import driver_url
from praxis_chassis.events import Envelope
from praxis_chassis.inbox import ATTEMPTS, Verdict
from praxis_chassis.mapping import moment
from praxis_chassis.service import Runtime

CONSUMER_TABLES = ("inbox", "consumed", "dead_letters", "failures", "divergences")
RUN = 200
log = logging.getLogger(__name__)


def rebuild(runtime: Runtime) -> int:
    """Empty the projections, apply every event of every source again, and return how many were applied.

    Live consumers may go on meanwhile: an event that is not next for its aggregate waits for its turn.
    """
    if not runtime.service.projections:
        raise ValueError(f"{runtime.service.name} owns facts; only a service of projections can be rebuilt")
    _empty(runtime)
    applied = 0
    for source, aggregates in sorted(runtime.service.reaction_table.aggregates.items()):
        messages = clients.read_events(runtime, source, aggregates=sorted(aggregates))
        for run in _runs(envelope_of(source, message) for message in messages):
            applied += _apply(runtime, run)
    log.info("rebuilt", extra={"count": applied})
    return applied


def catch_up(runtime: Runtime, sources: Iterable[str] = ()) -> int:
    """Apply what the owners' logs hold and never arrived here, and return how many events that were.

    For a service that began to listen after events had left the stream, or that listens to more than before.
    """
    applied = 0
    for source in sources or sorted(runtime.service.reaction_table.aggregates):
        aggregates = sorted(runtime.service.reaction_table.aggregates[source])
        messages = clients.read_events(runtime, source, aggregates=aggregates)
        applied += _offer_all(runtime, (envelope_of(source, message) for message in messages))
    log.info("caught up", extra={"count": applied})
    return applied


def fill_up(runtime: Runtime, waiting: Envelope) -> int:
    """Apply the events of one aggregate, for one of which another event has waited in vain."""
    asked = {
        "tenant_id": str(waiting.tenant_id),
        "aggregates": [waiting.aggregate],
        "aggregate_id": str(waiting.aggregate_id),
    }
    messages = clients.read_events(runtime, waiting.source, **asked)
    return _offer_all(runtime, (envelope_of(waiting.source, message) for message in messages))


def _offer_all(runtime: Runtime, envelopes: Iterable[Envelope]) -> int:
    """Apply the events that did not come before; one look tells it of a whole run."""
    count = 0
    for run in _runs(envelopes):
        known = inbox.known(runtime, run)
        count += sum(_offer(runtime, envelope) for envelope in run if envelope.event_id not in known)
    return count


def _runs(envelopes: Iterable[Envelope]) -> Iterator[list[Envelope]]:
    """Return the events of one tenant that follow each other, not too many at once."""
    for _, found in groupby(envelopes, key=lambda envelope: envelope.tenant_id):
        while run := list(islice(found, RUN)):
            yield run


def _offer(runtime: Runtime, envelope: Envelope) -> bool:
    """Apply an event; what still has to wait is left to the consumer."""
    for _ in range(ATTEMPTS):
        if (verdict := inbox.apply(runtime, runtime.service.reaction_table, envelope)) is not Verdict.RETRY:
            return verdict is Verdict.DONE
    return False


def _empty(runtime: Runtime) -> None:
    engine = create_engine(driver_url(runtime.settings.database_owner_url))
    names = ", ".join([*runtime.service.projections, *CONSUMER_TABLES])
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names}"))
    engine.dispose()


def _apply(runtime: Runtime, run: Sequence[Envelope]) -> int:
    waiting = list(run)
    while True:
        answers = inbox.apply_together(runtime, runtime.service.reaction_table, waiting)
        waiting = [each for each, verdict in zip(waiting, answers, strict=True) if verdict is not Verdict.DONE]
        if not waiting:
            return len(run)
        time.sleep(0.05)


def envelope_of(source: str, message: Any) -> Envelope:
    """Return an event of a log as consumers know it."""
    return Envelope(
        event_id=UUID(message.event_id),
        tenant_id=UUID(message.tenant_id),
        type=message.type,
        source=source,
        aggregate=message.aggregate,
        aggregate_id=UUID(message.aggregate_id),
        epoch=message.epoch,
        version=message.version,
        actor=message.actor,
        origin=message.actor,
        correlation_id=message.correlation_id,
        causation_id="",
        traceparent="",
        occurred_at=moment(message.occurred_time),
        payload=message.payload,
    )

"""Rebuild a service's projections from nothing, out of the event logs of the services that own the facts."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine, text

from praxis_chassis import clients, inbox
from praxis_chassis.database import driver_url
from praxis_chassis.events import Envelope
from praxis_chassis.inbox import Verdict
from praxis_chassis.mapping import moment
from praxis_chassis.service import Runtime
from praxis_chassis.tokens import Minter

CONSUMER_TABLES = ("inbox", "consumed", "dead_letters", "failures", "divergences")
log = logging.getLogger(__name__)


def rebuild(runtime: Runtime) -> int:
    """Empty the projections, apply every event of every source again, and return how many were applied.

    Live consumers may go on meanwhile: an event that is not next for its aggregate waits for its turn.
    """
    if not runtime.service.projections:
        raise ValueError(f"{runtime.service.name} owns facts; only a service of projections can be rebuilt")
    _empty(runtime)
    minter = Minter(Path(runtime.settings.token_private_key_file).read_bytes())
    applied = 0
    for source in sorted(runtime.service.reaction_table.aggregates):
        for message in clients.read_events(runtime, source, minter):
            if message.aggregate in runtime.service.reaction_table.aggregates[source]:
                applied += _apply(runtime, source, message)
    log.info("rebuilt", extra={"count": applied})
    return applied


def _empty(runtime: Runtime) -> None:
    engine = create_engine(driver_url(runtime.settings.database_owner_url))
    names = ", ".join([*runtime.service.projections, *CONSUMER_TABLES])
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names}"))
    engine.dispose()


def _apply(runtime: Runtime, source: str, message: Any) -> int:
    envelope = Envelope(
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
    while inbox.apply(runtime, runtime.service.reaction_table, envelope) is not Verdict.DONE:
        time.sleep(0.05)
    return 1

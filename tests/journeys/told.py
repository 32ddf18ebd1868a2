"""What an installation tells about its work, searched for people; and events that fail at a person's name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import nats
import psycopg
from nats.errors import TimeoutError as NatsTimeout
from tests.support.canary import dead_letters, texts_of
from tests.support.system import System

from praxis_local.provision import database_url

SETTLE_SECONDS = 90.0
# One more interval of the exporters.
EXPORT_SECONDS = 3.0


def told(system: System) -> dict[str, set[bytes]]:
    """Return every text of logs, traces, metrics, subjects, headers and dead letters, by its place."""
    time.sleep(EXPORT_SECONDS)
    messages = "\n".join(asyncio.run(subjects_and_headers(system)))
    letters = "\n".join(dead_letters(system))
    return {
        **system.told(),
        "subjects and headers": texts_of(messages.encode()),
        "dead letters": texts_of(letters.encode()),
    }


async def subjects_and_headers(system: System) -> list[str]:
    """Return subject and headers of every message in every stream."""
    connection = await nats.connect(system.state["nats_url"])
    found = []
    try:
        for stream in await connection.jetstream().streams_info():
            subscription = await connection.jetstream().subscribe(
                (stream.config.subjects or [""])[0], ordered_consumer=True
            )
            pending = stream.state.messages
            while pending:
                try:
                    message = await subscription.next_msg(timeout=10)
                except NatsTimeout:
                    break
                pending = message.metadata.num_pending
                found.append(f"{message.subject} {message.headers}")
            await subscription.unsubscribe()
    finally:
        await connection.close()
    return found


@contextmanager
def forbidden(system: System, database: str, table: str, condition: str) -> Iterator[None]:
    """Add a constraint for a while; rows that are there already may stay."""
    with psycopg.connect(database_url(system.state["admin_url"], database), autocommit=True) as connection:
        connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT canary CHECK ({condition}) NOT VALID".encode())
        try:
            yield
        finally:
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT canary".encode())


def until(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.3)

"""Looks for words in everything an installation keeps: tables, streams, stored files and logs."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from uuid import UUID

import nats
from nats.js import JetStreamContext
from pypdf import PdfReader
from tests.support.system import System

from praxis_chassis.errors import DomainError
from praxis_chassis.files import FolderStore, TenantFiles
from praxis_chassis.keys import FileKeys, KeyRing
from praxis_local.provision import DATABASES

COUNT = """
    SELECT '{table}' AS name, count(*) AS hits FROM "{table}" AS searched
    WHERE lower(row_to_json(searched)::text) LIKE ANY (%(p)s)
"""


def places(system: System, words: Sequence[str]) -> list[str]:
    """Return where any of the words is found."""
    found = list(_tables(system, words))
    found += asyncio.run(_streams(system, words))
    found += _folder(system.home.folder / "nats", words)
    found += _files(system, words)
    found += _folder(system.home.clearinghouse / "out", words)
    found += [f"log {word}" for word in words if word.lower() in system.logs().lower()]
    return found


def _tables(system: System, words: Sequence[str]) -> Iterator[str]:
    """Search each row as text; bytes show as hexadecimal digits there."""
    encoded = {form.encode().hex() for word in words for form in (word, word.upper(), word.lower())}
    patterns = [f"%{text.lower()}%" for text in sorted({*words, *encoded})]
    for database in DATABASES:
        names = system.rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        counts = " UNION ALL ".join(COUNT.format(table=name) for (name,) in names)
        for table, count in system.rows(database, f"SELECT * FROM ({counts}) AS found WHERE hits > 0", {"p": patterns}):
            yield f"{database}.{table}: {count} rows"


async def _streams(system: System, words: Sequence[str]) -> list[str]:
    """Read every message of every stream, header and body."""
    connection = await nats.connect(system.state["nats_url"])
    try:
        return [place async for place in _messages(connection.jetstream(), words)]
    finally:
        await connection.close()


async def _messages(context: JetStreamContext, words: Sequence[str]) -> AsyncIterator[str]:
    for stream in await context.streams_info():
        if not stream.state.messages:
            continue
        [subject] = stream.config.subjects or []
        subscription = await context.subscribe(subject, ordered_consumer=True)
        pending = 1
        while pending:
            message = await subscription.next_msg(timeout=10)
            pending = message.metadata.num_pending
            if _contains(message.data + f"{message.subject} {message.headers}".encode(), words):
                yield f"stream {stream.config.name} {message.subject}"
        await subscription.unsubscribe()


def _folder(folder: Path, words: Sequence[str]) -> list[str]:
    """Search files as they lie on the disk, so that a message which is only marked as deleted is found too."""
    return [f"{path}" for path in sorted(folder.rglob("*")) if path.is_file() and _contains(path.read_bytes(), words)]


def _files(system: System, words: Sequence[str]) -> list[str]:
    """Open every stored file with the installation's keys; beside them lies only the journal of what was erased."""
    root = system.home.files
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and path.parent != root]
    return [f"file {path.relative_to(system.home.files)}" for path in paths if _contains(_left(system, path), words)]


def _left(system: System, path: Path) -> bytes:
    """Return what a file holds; one that the system deletes meanwhile, as erasure wants, holds nothing."""
    try:
        return content(system, path)
    except DomainError:
        if path.exists():
            raise
        return b""


def content(system: System, path: Path) -> bytes:
    tenant, area, *_ = path.relative_to(system.home.files).parts
    keys = KeyRing(FileKeys(system.home.keys_file))
    reference, data = TenantFiles(FolderStore(system.home.files), keys, UUID(tenant), area).read(path.name)
    if reference.media_type != "application/pdf":
        return data
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).encode()


def _contains(content: bytes, words: Sequence[str]) -> bool:
    lowered = content.lower()
    return any(word.lower().encode() in lowered for word in words)

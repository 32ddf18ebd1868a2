"""Stored files: named by their content, sealed per tenant, in a folder here and S3-shaped by interface.

Each service keeps its files in an area of its own and a row for each; uploads lie in the gateway's area, from where a
service takes a copy. An object goes only after the transaction that gave it up stands, and one without a row is swept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis.type.v1 import type_pb2
from praxis_chassis import clock, tables
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError, not_found
from praxis_chassis.keys import KeyRing
from praxis_chassis.types import content_id, new_id

PURPOSE = "files"
JOURNAL = "erased"
UPLOADS = "uploads"
# Whoever wrote an object has committed its row by then, or never will; an upload was taken over, or never will be.
ORPHANED = timedelta(days=1)


class ObjectStore(Protocol):
    """The few verbs of an object store that files need."""

    def put_object(self, key: str, body: bytes) -> None:
        """Store bytes under a key; the same key again replaces them."""
        ...

    def get_object(self, key: str) -> bytes:
        """Return the bytes of a key; FileNotFoundError when there are none."""
        ...

    def delete_object(self, key: str) -> None:
        """Remove a key; a missing one is no error."""
        ...

    def list_objects(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Return the keys below a prefix that ends with a slash, with the times when they were stored."""
        ...


class FolderStore:
    """An object store in a folder of one machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put_object(self, key: str, body: bytes) -> None:
        """Store bytes durably: written beside, synced, then renamed."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_suffix(f".{new_id().hex}.tmp")
        with beside.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)

    def get_object(self, key: str) -> bytes:
        """Return the bytes of a key; FileNotFoundError when there are none."""
        return (self.root / key).read_bytes()

    def delete_object(self, key: str) -> None:
        """Remove a key and say so in the journal, by which backups tell an erasure from a loss; may be repeated."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.root / JOURNAL).open("a", encoding="ascii") as journal:
            journal.write(f"{key}\n")
            journal.flush()
            os.fsync(journal.fileno())
        (self.root / key).unlink(missing_ok=True)

    def list_objects(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Return the keys below a prefix, with the times when they were stored; what is half written has no key."""
        for folder, _, names in os.walk(self.root / prefix):
            for name in names:
                path = Path(folder, name)
                if path.suffix != ".tmp" and path.exists():
                    yield str(path.relative_to(self.root)), datetime.fromtimestamp(path.stat().st_mtime, UTC)


@dataclass(frozen=True, slots=True)
class TenantFiles:
    """The files of one tenant in one area: that of a service, or that of uploads."""

    store: ObjectStore
    keys: KeyRing
    tenant_id: UUID
    area: str

    def put(self, data: bytes, media_type: str, file_name: str = "") -> type_pb2.FileReference:
        """Store content and return its reference; the same content has the same id."""
        digest = hashlib.sha256(data).digest()
        file_id = content_id(self.keys.index(self.tenant_id, PURPOSE, digest.hex()))
        meta = {"media_type": media_type, "file_name": file_name, "sha256": digest.hex(), "size": len(data)}
        head = json.dumps(meta).encode()
        body = len(head).to_bytes(4, "big") + head + data
        self.write(file_id, self.keys.seal(self.tenant_id, PURPOSE, body, file_id.bytes))
        return _reference(file_id, meta)

    def write(self, file_id: UUID, sealed: bytes) -> None:
        """Store what was sealed already."""
        self.store.put_object(self.key_of(file_id), sealed)

    def read(self, file_id: UUID | str) -> tuple[type_pb2.FileReference, bytes]:
        """Return the reference and the content; NOT_FOUND when the tenant has no such file."""
        identifier = file_id if isinstance(file_id, UUID) else UUID(file_id)
        try:
            sealed = self.store.get_object(self.key_of(identifier))
            body = self.keys.open(self.tenant_id, PURPOSE, sealed, identifier.bytes)
        except (FileNotFoundError, InvalidTag):
            raise not_found("file", file_id) from None
        size = int.from_bytes(body[:4], "big")
        return _reference(identifier, json.loads(body[4 : 4 + size])), body[4 + size :]

    def get(self, file_id: UUID | str) -> bytes:
        """Return the content; NOT_FOUND when the tenant has no such file."""
        return self.read(file_id)[1]

    def key_of(self, file_id: UUID) -> str:
        """Return the key of a file in the object store."""
        return f"{self.tenant_id}/{self.area}/{file_id.hex[:2]}/{file_id}"


@dataclass(frozen=True, slots=True)
class SessionFiles(TenantFiles):
    """The files of a service in the session's tenant: they stay if its transaction does."""

    session: Session

    def put(
        self, data: bytes, media_type: str, file_name: str = "", *, subject_ids: Iterable[UUID] = ()
    ) -> type_pb2.FileReference:
        """Store content; `subject_ids` are the patients whose erasure removes it."""
        reference = TenantFiles.put(self, data, media_type, file_name)
        rows = [
            {"tenant_id": self.tenant_id, "file_id": UUID(reference.file_id), "subject_id": subject}
            for subject in sorted(set(subject_ids))
        ]
        if rows:
            self.session.execute(insert(tables.file_subjects).values(rows).on_conflict_do_nothing())
        return reference

    def write(self, file_id: UUID, sealed: bytes) -> None:
        """Store what was sealed already; its row comes first and waits for a deletion that is under way."""
        self._note(file_id, deleted=False)
        TenantFiles.write(self, file_id, sealed)

    def read(self, file_id: UUID | str) -> tuple[type_pb2.FileReference, bytes]:
        """Return the reference and the content; NOT_FOUND also when the file was given up a moment ago."""
        table = tables.files
        given_up = select(table.c.file_id).where(table.c.file_id == UUID(str(file_id)), table.c.deleted)
        if self.session.execute(given_up).first():
            raise not_found("file", file_id)
        return TenantFiles.read(self, file_id)

    def uploaded(self, file_id: UUID | str) -> bytes:
        """Return the content of an upload, or of a file that is the service's already; `put` what is to stay."""
        try:
            return self.get(file_id)
        except DomainError:
            return TenantFiles(self.store, self.keys, self.tenant_id, UPLOADS).get(file_id)

    def delete(self, file_id: UUID | str) -> None:
        """Give a file up; it goes once the transaction stands."""
        self._note(UUID(str(file_id)), deleted=True)

    def _note(self, file_id: UUID, *, deleted: bool) -> None:
        table = tables.files
        row = insert(table).values(tenant_id=self.tenant_id, file_id=file_id, deleted=deleted)
        key = [table.c.tenant_id, table.c.file_id]
        self.session.execute(row.on_conflict_do_update(index_elements=key, set_={"deleted": deleted}))


def files(session: Session) -> SessionFiles:
    """Return the file store of the session's tenant."""
    context = context_of(session)
    runtime = context.runtime
    return SessionFiles(runtime.objects, runtime.keys, context.tenant, runtime.service.name, session)


def erase_files_of(session: Session, subject_id: UUID) -> None:
    """Give up the files whose last person is erased."""
    table = tables.file_subjects
    about = list(session.scalars(select(table.c.file_id).where(table.c.subject_id == subject_id)))
    session.execute(delete(table).where(table.c.subject_id == subject_id))
    others = set(session.scalars(select(table.c.file_id).where(table.c.file_id.in_(about))))
    for file_id in set(about) - others:
        files(session).delete(file_id)


def remove_deleted(session: Session) -> None:
    """Remove the objects that were given up; whoever stores the same content meanwhile waits for the row."""
    table, mine = tables.files, files(session)
    given_up = select(table.c.file_id).where(table.c.deleted).limit(1000).with_for_update(skip_locked=True)
    gone = list(session.scalars(given_up))
    for file_id in gone:
        mine.store.delete_object(mine.key_of(file_id))
    if gone:
        session.execute(delete(table).where(table.c.file_id.in_(gone)))


def sweep(session: Session) -> None:
    """Give up objects of transactions that never came to stand, and remove uploads that nobody took over."""
    mine, before = files(session), clock.wall() - ORPHANED
    for file_id in _older_than(before, mine.store, f"{mine.tenant_id}/{mine.area}/"):
        row = insert(tables.files).values(tenant_id=mine.tenant_id, file_id=UUID(file_id), deleted=True)
        session.execute(row.on_conflict_do_nothing())
    prefix = f"{mine.tenant_id}/{UPLOADS}/"
    for file_id in _older_than(before, mine.store, prefix):
        mine.store.delete_object(f"{prefix}{file_id[:2]}/{file_id}")


def _older_than(moment: datetime, store: ObjectStore, prefix: str) -> list[str]:
    return [key.rsplit("/", 1)[-1] for key, stored in store.list_objects(prefix) if stored < moment]


def _reference(file_id: UUID, meta: dict[str, object]) -> type_pb2.FileReference:
    return type_pb2.FileReference(
        file_id=str(file_id),
        sha256=str(meta["sha256"]),
        size_bytes=int(str(meta["size"])),
        media_type=str(meta["media_type"]),
        file_name=str(meta["file_name"]),
    )

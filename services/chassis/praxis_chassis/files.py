"""Stored files: named by their content, sealed per tenant, in a folder here and S3-shaped by interface."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis.type.v1 import type_pb2
from praxis_chassis import tables
from praxis_chassis.context import context_of
from praxis_chassis.errors import not_found
from praxis_chassis.keys import KeyRing
from praxis_chassis.types import content_id, new_id

PURPOSE = "files"
JOURNAL = "erased"


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


@dataclass(frozen=True, slots=True)
class TenantFiles:
    """The files of one tenant."""

    store: ObjectStore
    keys: KeyRing
    tenant_id: UUID

    def put(self, data: bytes, media_type: str, file_name: str = "") -> type_pb2.FileReference:
        """Store content and return its reference; the same content has the same id."""
        digest = hashlib.sha256(data).digest()
        file_id = content_id(self.keys.index(self.tenant_id, PURPOSE, digest.hex()))
        meta = {"media_type": media_type, "file_name": file_name, "sha256": digest.hex(), "size": len(data)}
        head = json.dumps(meta).encode()
        body = len(head).to_bytes(4, "big") + head + data
        self.store.put_object(self._key(file_id), self.keys.seal(self.tenant_id, PURPOSE, body, file_id.bytes))
        return _reference(file_id, meta)

    def read(self, file_id: UUID | str) -> tuple[type_pb2.FileReference, bytes]:
        """Return the reference and the content; NOT_FOUND when the tenant has no such file."""
        identifier = file_id if isinstance(file_id, UUID) else UUID(file_id)
        try:
            sealed = self.store.get_object(self._key(identifier))
            body = self.keys.open(self.tenant_id, PURPOSE, sealed, identifier.bytes)
        except (FileNotFoundError, InvalidTag):
            raise not_found("file", file_id) from None
        size = int.from_bytes(body[:4], "big")
        return _reference(identifier, json.loads(body[4 : 4 + size])), body[4 + size :]

    def get(self, file_id: UUID | str) -> bytes:
        """Return the content; NOT_FOUND when the tenant has no such file."""
        return self.read(file_id)[1]

    def delete(self, file_id: UUID | str) -> None:
        """Remove a file for good."""
        self.store.delete_object(self._key(UUID(str(file_id))))

    def _key(self, file_id: UUID) -> str:
        return f"{self.tenant_id}/{file_id.hex[:2]}/{file_id}"


@dataclass(frozen=True, slots=True)
class SessionFiles(TenantFiles):
    """The files of the session's tenant, with a note of whom each is about."""

    session: Session | None = None

    def put(
        self, data: bytes, media_type: str, file_name: str = "", *, subject_ids: Iterable[UUID] = ()
    ) -> type_pb2.FileReference:
        """Store content; `subject_ids` are the patients whose erasure removes it."""
        reference = TenantFiles.put(self, data, media_type, file_name)
        rows = [
            {"tenant_id": self.tenant_id, "file_id": UUID(reference.file_id), "subject_id": subject}
            for subject in sorted(set(subject_ids))
        ]
        if rows and self.session is not None:
            self.session.execute(insert(tables.file_subjects).values(rows).on_conflict_do_nothing())
        return reference


def files(session: Session) -> SessionFiles:
    """Return the file store of the session's tenant."""
    context = context_of(session)
    return SessionFiles(context.runtime.objects, context.runtime.keys, context.tenant, session)


def erase_files_of(session: Session, subject_id: UUID) -> None:
    """Remove the files whose last person is erased."""
    table = tables.file_subjects
    about = list(session.scalars(select(table.c.file_id).where(table.c.subject_id == subject_id)))
    session.execute(delete(table).where(table.c.subject_id == subject_id))
    others = set(session.scalars(select(table.c.file_id).where(table.c.file_id.in_(about))))
    for file_id in set(about) - others:
        files(session).delete(file_id)


def _reference(file_id: UUID, meta: dict[str, object]) -> type_pb2.FileReference:
    return type_pb2.FileReference(
        file_id=str(file_id),
        sha256=str(meta["sha256"]),
        size_bytes=int(str(meta["size"])),
        media_type=str(meta["media_type"]),
        file_name=str(meta["file_name"]),
    )

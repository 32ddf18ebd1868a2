"""What a service does once after its database was restored, before it starts: a new epoch, and no erasure undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis_chassis import epochs, events, subjects, tables
from praxis_chassis.context import system_context


def restored(runtime: Any, erased: Path | None) -> tuple[int, int]:
    """Raise the epoch, then erase whoever the list names and this database still knows; return epoch and count."""
    epoch = epochs.raise_epoch(runtime)
    lines = erased.read_text(encoding="ascii").splitlines() if erased else []
    people = [(UUID(entry["tenant_id"]), UUID(entry["subject_id"])) for entry in map(json.loads, lines)]
    return epoch, sum(_erase(runtime, tenant, subject) for tenant, subject in people)


def _erase(runtime: Any, tenant: UUID, subject: UUID) -> int:
    with runtime.database.transaction(system_context(runtime, tenant, "restore")) as session:
        if _is_erased(session, subject):
            return 0
        if runtime.service.erase is not None:
            runtime.service.erase(session, subject)
            events.store_recorded(session)
        subjects.forget(session, subject)
    return 1


def _is_erased(session: Session, subject: UUID) -> bool:
    table = tables.subject_keys
    lookup = select(table.c.erased_at).where(table.c.subject_id == subject)
    return session.execute(lookup).scalar_one_or_none() is not None

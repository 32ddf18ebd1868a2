"""Carry to the backup folder what happened since: finished WAL segments, new stored files, and who was erased."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from praxis_local.backup.plan import Plan
from praxis_local.backup.sealed import read_public, seal
from praxis_local.backup.store import SEALED, Store, described, durable
from praxis_local.provision import DATABASES, database_url

Subject = tuple[str, str]


class Shipper:
    """Ships for one installation; everything it does may be repeated."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.store, self.recipient = plan, plan.store, read_public(plan.public_key)

    def segments(self) -> int:
        """Seal what the server left in the spool, and only then take it away."""
        if not self.plan.spool.is_dir():
            return 0
        with self._alone():
            waiting = sorted(path for path in self.plan.spool.iterdir() if path.suffix != ".partial")
            for path in waiting:
                self._seal(path, self.store.wal / f"{path.name}{SEALED}", f"wal/{path.name}")
                path.unlink()
        return len(waiting)

    def history(self, path: Path) -> None:
        """Seal the file in which PostgreSQL says where a timeline begins."""
        self._seal(path, self.store.wal / f"{path.name}{SEALED}", f"wal/{path.name}")

    def stored_files(self) -> int:
        """Seal files that are new, and remove those that an erasure has removed; what vanished otherwise is kept."""
        with self._alone():
            return self._new_files(self.plan.home.files)

    def _new_files(self, live: Path) -> int:
        for key in erased_files(live):
            if not (live / key).exists():
                (self.store.files / f"{key}{SEALED}").unlink(missing_ok=True)
        count = 0
        for key in file_keys(live):
            target = self.store.files / f"{key}{SEALED}"
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with suppress(FileNotFoundError):  # erased while we looked
                    self._seal(live / key, target, f"files/{key}")
                    count += 1
        return count

    def erased_subjects(self, admin_url: str) -> int:
        """Note who was erased in any database; the note outlives every backup."""
        with self._alone():
            gone = {subject for name in present(admin_url) for subject in _erased(admin_url, name)}
            fresh = sorted(gone - erased_in(self.store))
            if fresh:
                append_erased(self.store, fresh)
        return len(fresh)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let the launcher and a command take turns."""
        with (self.store.folder / "ship.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _seal(self, source: Path, target: Path, label: str) -> None:
        with source.open("rb") as plain, durable(target) as file:
            seal(plain, file, self.recipient, label)


def file_keys(root: Path) -> Iterator[str]:
    """Return the keys of the files below a folder; what is being written is left for the next time."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if path.suffix != ".tmp" and path.parent != root:
                yield str(path.relative_to(root))


def erased_files(root: Path) -> set[str]:
    journal = root / "erased"
    return set(journal.read_text().split()) if journal.exists() else set()


def erased_in(store: Store) -> set[Subject]:
    """Return everybody on the list of the erased; a line that was cut short or damaged is no line."""
    return {subject for subject in map(_subject, erased_lines(store)) if subject}


def damaged_lines(store: Store) -> int:
    return sum(_subject(line) is None for line in erased_lines(store))


def erased_lines(store: Store) -> list[str]:
    return store.erased.read_text(errors="replace").split("\n")[:-1] if store.erased.exists() else []


def append_erased(store: Store, subjects: list[Subject]) -> None:
    with store.erased.open("a+b") as file:
        if file.tell() and not store.erased.read_bytes().endswith(b"\n"):
            file.write(b"\n")
        for tenant, subject in subjects:
            file.write(described({"tenant_id": tenant, "subject_id": subject}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _subject(line: str) -> Subject | None:
    try:
        content = json.loads(line)
        facts = {name: str(content[name]) for name in ("tenant_id", "subject_id")}
    except (ValueError, KeyError, TypeError):
        return None
    return (facts["tenant_id"], facts["subject_id"]) if line == described(facts) else None


def _erased(admin_url: str, database: str) -> set[Subject]:
    with psycopg.connect(database_url(admin_url, database)) as connection:
        rows = connection.execute("SELECT tenant_id, subject_id FROM subject_keys WHERE erased_at IS NOT NULL")
        return {(str(tenant), str(subject)) for tenant, subject in rows}


def present(admin_url: str) -> list[str]:
    """Return the databases of Praxis that a server has and that were migrated."""
    with psycopg.connect(admin_url) as admin:
        query = "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE 'praxis:%'"
        found = {row[0] for row in admin.execute(query)}
    return [name for name in DATABASES if name in found]

"""Make one whole backup: the cluster as PostgreSQL copies it, the secrets of the home, and apart from them the keys."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import psycopg
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from praxis_local.backup.plan import Plan
from praxis_local.backup.sealed import read_public, seal
from praxis_local.backup.store import PARTIAL, SEALED, Backup, digest_of, durable
from praxis_local.home import Home
from praxis_local.postgres import SUPERUSER, Postgres, binaries
from praxis_local.processes import StartFailed

SEGMENT_BYTES = 16 * 1024 * 1024
START = re.compile(r"start point: ([0-9A-F]+/[0-9A-F]+) on timeline (\d+)")
END = re.compile(r"end point: ([0-9A-F]+/[0-9A-F]+)")
# The key-encryption keys travel apart; the key that opens backups must not lie inside one.
KEPT_OUT = ("keys.json", "backup-key.pem")


@dataclass(frozen=True)
class Span:
    """The part of the write-ahead log that makes a copy of the cluster consistent."""

    timeline: int
    first: str
    last: str


def take(plan: Plan, admin_url: str) -> Backup:
    """Make a backup from a running server; it is listed only when all of it is on the disk."""
    store = plan.store
    if conninfo_to_dict(admin_url).get("user") != SUPERUSER:
        raise StartFailed(f"Back up as {SUPERUSER}: another administrator could not open the copy.")
    with store.alone():
        store.remove_partial()
        began = identity(admin_url)
        identifier = f"{began.now:%Y%m%dT%H%M%SZ}"
        if store.read(identifier):
            raise StartFailed(f"There is a backup of this second already: {identifier}.")
        folder = store.folder / f"{identifier}{PARTIAL}"
        folder.mkdir(mode=0o700)
        try:
            span, parts = _seal_parts(plan, admin_url, folder, identifier)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        backup = Backup(
            id=identifier,
            began_at=began.now.isoformat(),
            ended_at=identity(admin_url).now.isoformat(),
            system_identifier=began.system,
            timeline=span.timeline,
            first_segment=span.first,
            last_segment=span.last,
            server=began.version,
            archived=plan.spool.is_dir() and is_own(plan.home, admin_url),
            files={name: digest_of(path) for name, path in parts.items()},
        )
        store.write(backup, folder)
    return backup


def _seal_parts(plan: Plan, admin_url: str, folder: Path, identifier: str) -> tuple[Span, dict[str, Path]]:
    recipient, names = read_public(plan.public_key), ("cluster", "home")
    parts = {name: folder / f"{name}{SEALED}" for name in names}
    parts["keys"] = plan.store.keys / f"{identifier}{SEALED}"
    span = _copy_cluster(admin_url, parts["cluster"], recipient, f"{identifier}/cluster")
    _seal_file(parts["home"], _secrets(plan.home, admin_url), recipient, f"{identifier}/home")
    _seal_file(parts["keys"], plan.home.keys_file.open("rb"), recipient, f"{identifier}/keys")
    return span, parts


def is_own(home: Home, admin_url: str) -> bool:
    """Tell whether an address is the embedded server of this home, whose segments come to the spool."""
    return str(Postgres(home.folder).sockets) in admin_url


@dataclass(frozen=True)
class Identity:
    """What a server says about itself, and when."""

    now: datetime
    version: str
    system: str
    timeline: int


def identity(admin_url: str) -> Identity:
    """Ask a server who it is; only the walsender tells system and timeline without reading files."""
    query = "SELECT clock_timestamp(), current_setting('server_version'),"
    query += " pg_size_bytes(current_setting('wal_segment_size'))"
    with psycopg.connect(admin_url) as admin:
        row = admin.execute(query.encode()).fetchone()
    with psycopg.connect(admin_url, replication="true", autocommit=True) as walsender:
        answer = walsender.execute("IDENTIFY_SYSTEM").fetchone()
    assert row is not None
    assert answer is not None
    if row[2] != SEGMENT_BYTES:
        raise StartFailed("Backups need a server with WAL segments of 16 MB, which is PostgreSQL's default.")
    return Identity(row[0].astimezone(UTC), row[1], str(answer[0]), int(answer[1]))


def _copy_cluster(admin_url: str, target: Path, recipient: X25519PublicKey, label: str) -> Span:
    """Stream the cluster through the seal, so that no plain copy ever touches the disk."""
    facts = conninfo_to_dict(admin_url)
    environment = {**os.environ, "LC_ALL": "C", "PGPASSWORD": str(facts.pop("password", None) or "")}
    command = [
        str(binaries() / "pg_basebackup"), "--dbname", make_conninfo("", **facts), "--no-password", "--pgdata=-",
        "--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--manifest-checksums=SHA256", "--verbose",
    ]  # fmt: skip
    with tempfile.TemporaryFile() as said, durable(target) as file:
        copier = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said)
        assert copier.stdout is not None
        try:
            seal(copier.stdout, file, recipient, label)
        finally:
            copier.stdout.close()
            copier.wait()
        said.seek(0)
        text = said.read().decode(errors="replace")
        if copier.returncode:
            raise StartFailed(f"pg_basebackup failed:\n{text}")
    return _span(text)


def _span(text: str) -> Span:
    start, end = START.search(text), END.search(text)
    if start is None or end is None:
        raise StartFailed(f"pg_basebackup did not say what it copied:\n{text}")
    timeline = int(start[2])
    return Span(timeline, _segment(timeline, start[1]), _segment(timeline, end[1]))


def _segment(timeline: int, position: str) -> str:
    high, _, low = position.partition("/")
    return f"{timeline:08X}{int(high, 16):08X}{int(low, 16) // SEGMENT_BYTES:08X}"


def _seal_file(target: Path, source: IO[bytes], recipient: X25519PublicKey, label: str) -> None:
    with source, durable(target) as file:
        seal(source, file, recipient, label)


def _secrets(home: Home, admin_url: str) -> IO[bytes]:
    """Return what a new home needs beside data and keys: passwords, token keys, certificates, settings."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path in sorted(home.secrets.rglob("*")):
            if path.is_file() and path.name not in KEPT_OUT:
                archive.add(path, str(path.relative_to(home.folder)))
        password = str(conninfo_to_dict(admin_url).get("password") or "").encode()
        entry = tarfile.TarInfo("postgres/superuser-password")
        entry.size, entry.mode = len(password), 0o600
        archive.addfile(entry, io.BytesIO(password))
    content.seek(0)
    return content

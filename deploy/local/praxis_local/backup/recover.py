"""Bring a backup to life in a folder of its own: unpack, check every file, replay the log up to a moment."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from praxis_local.backup.sealed import Unreadable, opened
from praxis_local.backup.store import SEALED, Backup, Store, digest_of, missing_segment
from praxis_local.postgres import Postgres
from praxis_local.processes import StartFailed, account_group

BLOCK = 1 << 16
ZEROS = bytes(BLOCK)
LONGEST_RECOVERY_SECONDS = 6 * 3600
ENDED_EARLY = "recovery ended before configured recovery target was reached"
# What PostgreSQL itself leaves out of the manifest, or may write after the copy was made.
UNLISTED = ("backup_manifest", "pg_wal/")


@dataclass(frozen=True)
class Source:
    """A folder of backups and the key that opens them."""

    store: Store
    key: X25519PrivateKey

    @contextmanager
    def open(self, path: Path, label: str) -> Iterator[IO[bytes]]:
        """Open a sealed file; what is wrong with it is told with its name."""
        try:
            with path.open("rb") as file, opened(file, self.key, label) as plain:
                yield plain
        except (Unreadable, zlib.error) as failure:
            raise StartFailed(f"{path} cannot be read: {failure}.") from None
        except FileNotFoundError:
            raise StartFailed(f"{path} is missing.") from None


@contextmanager
def recovered(
    source: Source, backup: Backup, folder: Path, moment: datetime | None, *, alone: bool = False
) -> Iterator[Postgres]:
    """Unpack into a folder and yield the server, writable: as at the moment, at the end of the log, or as copied."""
    unpack(source, backup, folder)
    segments = folder / "wal"
    gap = None
    if alone:
        segments.mkdir()
    else:
        gap = lay_out_segments(source, backup, segments, moment)
    server = _replayed(source, folder, moment, gap, alone=alone)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(segments)


def _replayed(source: Source, folder: Path, moment: datetime | None, gap: str | None, *, alone: bool) -> Postgres:
    """Start the server and return when it has replayed what it needs; a gap in the log before that is an error."""
    lost = f"The segment {gap} is missing from {source.store.wal}; nothing after it can be restored."
    if gap and moment is None:
        raise StartFailed(f"{lost} Give --to an earlier time, or --backup.")
    server = _server(folder, moment, alone=alone)
    try:
        return server.start(LONGEST_RECOVERY_SECONDS)
    except StartFailed as failure:
        if moment is None or ENDED_EARLY not in str(failure):
            raise
        if gap:
            raise StartFailed(f"{lost} Give --to an earlier time than {moment.isoformat()}, or --backup.") from None
    # Nothing was written between the end of the log and the moment, or it was lost with the machine.
    return _server(folder, None, alone=False).start(LONGEST_RECOVERY_SECONDS)


def unpack(source: Source, backup: Backup, folder: Path) -> None:
    """Unpack cluster, secrets and keys into a folder that is a home, and check every file of the cluster."""
    place, server = source.store.folder / backup.id, Postgres(folder)
    server.data.mkdir(parents=True, mode=0o700)
    (folder / "files").mkdir(mode=0o700)
    with source.open(place / f"cluster{SEALED}", f"{backup.id}/cluster") as plain:
        _extract(plain, server.data)
    if faults := manifest_faults(server.data):
        raise StartFailed(f"The backup {backup.id} is damaged: {'; '.join(faults[:5])}.")
    with source.open(place / f"home{SEALED}", f"{backup.id}/home") as plain:
        _extract(plain, folder)
    with source.open(source.store.keys / f"{backup.id}{SEALED}", f"{backup.id}/keys") as plain:
        _write(folder / "secrets" / "keys.json", plain)
    for path in [folder / "secrets", *(folder / "secrets").rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    (server.data / "recovery.signal").touch()
    server.data.chmod(0o700)
    _give(server, server.home)


def lay_out_segments(source: Source, backup: Backup, folder: Path, moment: datetime | None) -> str | None:
    """Unpack the archived log that follows a backup, up to the next one after the moment; return what is missing."""
    folder.mkdir()
    names = source.store.segments(backup.timeline, backup.first_segment)
    later = [b for b in source.store.backups() if moment and b.timeline == backup.timeline and _began(b) > moment]
    if later:
        names = [name for name in names if name <= later[0].last_segment]
    gap = missing_segment(names, backup.first_segment)
    wanted = [name for name in names if gap is None or name < gap]
    for name in [*source.store.histories(), *wanted]:
        with source.open(source.store.wal / f"{name}{SEALED}", f"wal/{name}") as plain:
            _write(folder / name, plain)
    _give(Postgres(folder.parent), folder)
    return gap


def manifest_faults(data: Path) -> list[str]:
    """Compare a cluster with the manifest that PostgreSQL made of it: every file, its size and its SHA-256."""
    raw = (data / "backup_manifest").read_bytes()
    body, _, last = raw.rstrip(b"\n").rpartition(b"\n")
    try:
        manifest = json.loads(raw)
        sealed = manifest["Manifest-Checksum"] == hashlib.sha256(body + b"\n").hexdigest() and last.endswith(b"}")
        listed = {_path(entry): entry for entry in manifest["Files"]}
    except (ValueError, KeyError, TypeError):
        return ["its manifest is damaged"]
    faults = [] if sealed else ["its manifest is damaged"]
    present = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    faults += [f"{name} is missing" for name in sorted(listed.keys() - present)]
    faults += [f"{name} is too many" for name in sorted(present - listed.keys()) if not name.startswith(UNLISTED)]
    for name in sorted(listed.keys() & present):
        entry, path = listed[name], data / name
        if path.stat().st_size != entry["Size"] or digest_of(path) != entry["Checksum"]:
            faults.append(f"{name} is not what was copied")
    return faults


def _path(entry: dict[str, str]) -> str:
    return entry["Path"] if "Path" in entry else bytes.fromhex(entry["Encoded-Path"]).decode(errors="surrogateescape")


def _began(backup: Backup) -> datetime:
    return datetime.fromisoformat(backup.began_at)


def _server(folder: Path, moment: datetime | None, *, alone: bool) -> Postgres:
    segments = folder / "wal"
    settings = {
        "archive_mode": "off",
        "hot_standby": "off",
        "restore_command": f"cp {shlex.quote(str(segments)).replace('%', '%%')}/%f %p",
        # The history that the backup belongs to; what came after an earlier restore has a backup of its own.
        "recovery_target_timeline": "current",
    }
    if moment:
        settings["recovery_target_time"] = moment.astimezone(UTC).isoformat()
    if alone:
        settings["recovery_target"] = "immediate"
    settings["recovery_target_action"] = "promote"
    return Postgres(folder, settings=settings)


def _extract(plain: IO[bytes], folder: Path) -> None:
    with tarfile.open(fileobj=plain, mode="r|") as archive:
        # Python knows filters since 3.11.4 only; what is unsealed is what we sealed, so that one is but a second wall.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)  # noqa: S202
    while plain.read(BLOCK):  # to the end, because only there the seal proves that nothing was cut off
        pass


def _write(path: Path, plain: IO[bytes]) -> None:
    """Write a file for its owner only, with holes where it is empty: segments are, for the most part."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        while block := plain.read(BLOCK):
            if block == ZEROS[: len(block)]:
                file.seek(len(block), os.SEEK_CUR)
            else:
                file.write(block)
        file.truncate()


def _give(server: Postgres, folder: Path) -> None:
    """Give a folder and all in it to the account that the server runs as."""
    if server.account:
        for path in [folder, *folder.rglob("*")]:
            shutil.chown(path, server.account, account_group(server.account))

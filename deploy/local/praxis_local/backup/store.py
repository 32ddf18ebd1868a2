"""The folder that backups lie in: what is there, what is whole, and how long it stays.

<id>/backup.json cluster.sealed home.sealed     one whole backup; the folder is renamed to its id when all is there
keys/<id>.sealed                                the key-encryption keys; may lie on another disk altogether
wal/<segment>.sealed                            everything since, segment by segment
files/<tenant>/…/<file>.sealed                  stored files, each once
erased.jsonl                                    who was erased, so that no restore brings him back
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from praxis_local.processes import StartFailed

DAILY, MONTHLY = 35, 12
UNTHINNED = timedelta(days=2)
PARTIAL = ".partial"
SEALED = ".sealed"
IDENTIFIER = re.compile(r"\d{8}T\d{6}Z")
SEGMENT = re.compile(r"[0-9A-F]{24}")
SEGMENTS_PER_LOG = 256  # of 16 MB each


class Busy(StartFailed):
    """Somebody else makes a backup at this moment."""


@dataclass(frozen=True)
class Backup:
    """What a whole backup says about itself; nothing in it is secret."""

    id: str
    began_at: str
    ended_at: str
    system_identifier: str
    timeline: int
    first_segment: str
    last_segment: str
    server: str
    archived: bool
    files: dict[str, str] = field(default_factory=dict)

    @property
    def end(self) -> datetime:
        return datetime.fromisoformat(self.ended_at)


class Store:
    """One folder of backups of one installation."""

    def __init__(self, folder: Path, keys: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.keys = (keys or self.folder / "keys").resolve()
        self.wal, self.files = self.folder / "wal", self.folder / "files"
        self.erased = self.folder / "erased.jsonl"

    def prepare(self) -> None:
        for folder in (self.folder, self.keys, self.wal, self.files):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def backups(self) -> list[Backup]:
        """Return the whole backups, the oldest first; what is half-written or damaged is not among them."""
        found = (self.read(path.name) for path in self._folders())
        return [backup for backup in found if backup is not None]

    def damaged(self) -> list[str]:
        """Return the ids of backups whose description cannot be trusted."""
        return [path.name for path in self._folders() if self.read(path.name) is None]

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if IDENTIFIER.fullmatch(path.name))

    def read(self, identifier: str) -> Backup | None:
        try:
            text = (self.folder / identifier / "backup.json").read_text(encoding="ascii")
            content = json.loads(text)
            content.pop("digest")
            backup = Backup(**content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return backup if text == described(asdict(backup)) and backup.id == identifier else None

    def write(self, backup: Backup, folder: Path) -> None:
        """Finish a backup: describe it, and give its folder the name under which it is listed."""
        with durable(folder / "backup.json") as file:
            file.write(described(asdict(backup)).encode())
        sync_folder(folder)
        folder.rename(self.folder / backup.id)
        sync_folder(self.folder)

    def latest(self, before: datetime | None = None) -> Backup | None:
        """Return the newest backup that ended by a moment."""
        fitting = [backup for backup in self.backups() if before is None or backup.end <= before]
        return fitting[-1] if fitting else None

    def segments(self, timeline: int, first: str) -> list[str]:
        """Return the archived segments of a timeline from one on, in order."""
        names = (path.name.removesuffix(SEALED) for path in self.wal.glob(f"{timeline:08X}*{SEALED}"))
        return sorted(name for name in names if SEGMENT.fullmatch(name) and name >= first)

    def histories(self) -> list[str]:
        return sorted(path.name.removesuffix(SEALED) for path in self.wal.glob(f"*.history{SEALED}"))

    def prune(self) -> list[str]:
        """Remove what the retention lets go, and the segments that only it needed; return the ids that went."""
        backups = self.backups()
        daily, kept = daily_ids(backups), kept_ids(backups)
        gone = [backup.id for backup in backups if backup.id not in kept]
        for identifier in gone:
            doomed = self.folder / f"{identifier}{PARTIAL}"
            (self.folder / identifier).rename(doomed)
            shutil.rmtree(doomed)
            (self.keys / f"{identifier}{SEALED}").unlink(missing_ok=True)
        if daily:
            self._prune_segments(min(backup.first_segment[8:] for backup in backups if backup.id in daily))
        return gone

    def _prune_segments(self, oldest: str) -> None:
        for path in self.wal.glob(f"*{SEALED}"):
            name = path.name.removesuffix(SEALED)
            if SEGMENT.fullmatch(name) and name[8:] < oldest:
                path.unlink()

    def remove_partial(self) -> None:
        """Remove what an interrupted backup left behind; call it only while no other is being made."""
        for path in self.folder.glob(f"*T*Z{PARTIAL}"):
            shutil.rmtree(path)
        for path in self.keys.glob(f"*{PARTIAL}"):
            path.unlink()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second backup out while one is made."""
        self.prepare()
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"Another backup is being made in {self.folder}.") from None
            yield


def daily_ids(backups: Iterable[Backup]) -> set[str]:
    """Return all of two days, and of 35 days the newest of each timeline: from them any moment can be reached."""
    listed = sorted(backups, key=lambda item: item.id)
    days = sorted({backup.id[:8] for backup in listed})[-DAILY:]
    newest = {(backup.id[:8], backup.timeline): backup.id for backup in listed if backup.id[:8] in days}
    return set(newest.values()) | {backup.id for backup in listed if listed[-1].end - backup.end < UNTHINNED}


def kept_ids(backups: Iterable[Backup]) -> set[str]:
    """Return which backups stay: the daily ones, and the newest of each of 12 months."""
    listed = sorted(backups, key=lambda item: item.id)
    months = {backup.id[:6]: backup.id for backup in listed}
    return daily_ids(listed) | {months[month] for month in sorted(months)[-MONTHLY:]}


def following(segment: str) -> str:
    """Return the name of the segment after this one, for segments of 16 MB."""
    log, part = int(segment[8:16], 16), int(segment[16:], 16) + 1
    return f"{segment[:8]}{log + part // SEGMENTS_PER_LOG:08X}{part % SEGMENTS_PER_LOG:08X}"


def missing_segment(names: list[str], first: str) -> str | None:
    """Return the first name that a chain of segments lacks, when others follow it."""
    expected = first
    for name in names:
        if name != expected:
            return expected
        expected = following(expected)
    return None


@contextmanager
def durable(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that appears whole and on the disk, or not at all."""
    beside = path.with_name(path.name + PARTIAL)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def described(content: dict[str, Any]) -> str:
    """Return facts as text with a digest of their own; the same facts give the same text, to the last byte."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return json.dumps({**content, "digest": digest}, sort_keys=True)


def parse_moment(text: str) -> datetime:
    """Return the moment that a person named; without a zone nobody could tell which one is meant."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise StartFailed(f"{text!r} is no time. Write it as 2026-11-24T14:05:00+01:00, or with Z for UTC.") from None
    if moment.tzinfo is None:
        raise StartFailed(f"{text!r} has no time zone. Add it, such as {text}+01:00, or {text}Z for UTC.")
    return moment

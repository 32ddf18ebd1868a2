"""Verify backups: read every byte back, look for gaps, and restore one for real into a folder that is thrown away."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from praxis_chassis import clock
from praxis_local.backup.reconcile import Outcome, outcomes
from praxis_local.backup.recover import Source, recovered
from praxis_local.backup.ship import damaged_lines
from praxis_local.backup.store import SEALED, Backup, digest_of, durable, missing_segment
from praxis_local.home import Home
from praxis_local.processes import StartFailed

VERIFIED = "verified"
BLOCK = 1 << 20


def verify(source: Source, backup: Backup | None, scratch: Path | None) -> Iterator[Outcome]:
    """Check the whole folder, then restore one backup to the end of its log and compare the figures in it."""
    yield from _bytes(source)
    if backup is None:
        yield Outcome("restore", False, "there is no whole backup")
        return
    folder = Path(tempfile.mkdtemp(prefix="praxis-verify-", dir=scratch))
    try:
        yield from _restored(source, backup, folder)
    finally:
        shutil.rmtree(folder)


def note_verified(source: Source, backup: Backup) -> None:
    with durable(source.store.folder / VERIFIED) as file:
        file.write(f"{backup.id} {clock.wall().isoformat()}\n".encode())


def _bytes(source: Source) -> Iterator[Outcome]:
    store, backups = source.store, source.store.backups()
    for identifier in store.damaged():
        yield Outcome(identifier, False, "its description is damaged")
    for backup in backups:
        wrong = [name for name, path in _parts(source, backup).items() if not _matches(path, backup.files[name])]
        yield Outcome(backup.id, not wrong, f"damaged: {', '.join(wrong)}" if wrong else "as it was written")
    yield from _sealed(source, store.wal, "wal")
    yield from _sealed(source, store.files, "files")
    lines = damaged_lines(store)
    yield Outcome("erased", not lines, f"{lines} lines of the list are damaged" if lines else "the list can be read")
    if backups and backups[-1].archived:
        yield _chain(source, backups[-1])


def _parts(source: Source, backup: Backup) -> dict[str, Path]:
    folder = source.store.folder / backup.id
    keys = source.store.keys / f"{backup.id}{SEALED}"
    return {"cluster": folder / f"cluster{SEALED}", "home": folder / f"home{SEALED}", "keys": keys}


def _matches(path: Path, digest: str) -> bool:
    return path.exists() and digest_of(path) == digest


def _sealed(source: Source, folder: Path, kind: str) -> Iterator[Outcome]:
    """Open every sealed file of a folder to its end."""
    wrong, count = [], 0
    for path in sorted(folder.rglob(f"*{SEALED}")):
        count += 1
        name = str(path.relative_to(folder)).removesuffix(SEALED)
        try:
            with source.open(path, f"{kind}/{name}") as plain:
                while plain.read(BLOCK):
                    pass
        except StartFailed:
            wrong.append(name)
    yield Outcome(kind, not wrong, f"damaged: {', '.join(wrong)}" if wrong else f"{count} can be opened")


def _chain(source: Source, backup: Backup) -> Outcome:
    names = source.store.segments(backup.timeline, backup.first_segment)
    gap = missing_segment(names, backup.first_segment)
    text = f"the segment {gap} is missing" if gap else f"{len(names)} segments follow the newest backup without a gap"
    return Outcome("log", gap is None, text)


def _restored(source: Source, backup: Backup, folder: Path) -> Iterator[Outcome]:
    try:
        # Of an older month only the backup itself is kept, not what was written after it.
        with recovered(source, backup, folder, None, alone=backup != source.store.latest()) as server:
            yield Outcome("restore", True, f"{backup.id} was restored and started")
            yield from outcomes(Home(folder), server.admin_url)
    except StartFailed as failure:
        yield Outcome("restore", False, str(failure))

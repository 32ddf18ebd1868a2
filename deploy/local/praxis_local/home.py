"""The folder that holds everything one installation owns: databases, streams, keys, files, logs."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from praxis_chassis.keys import make_keys_file
from praxis_chassis.tokens import make_key_pair
from praxis_local.processes import StartFailed


class Home:
    """Paths below the home folder, and the lock that keeps a second launcher out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.logs = self.folder / "logs"
        self.files = self.folder / "files"
        self.secrets = self.folder / "secrets"
        self.clearinghouse = self.folder / "clearinghouse"
        self.certificates = self.secrets / "certificates"
        self.passwords = self.secrets / "database-passwords.json"
        self.private_key = self.secrets / "token-private.pem"
        self.public_key = self.secrets / "token-public.pem"
        self.keys_file = self.secrets / "keys.json"
        self.demo_file = self.secrets / "demo.json"
        self.state_file = self.folder / "running.json"
        self.restoring = self.folder / "restoring"
        self._lock: IO[str] | None = None

    def open(self) -> None:
        """Take the lock and make what is missing."""
        self.hold()
        if self.restoring.exists():
            raise StartFailed(f"A restore into {self.folder} was broken off. Start it once more: it begins anew.")
        self.logs.mkdir(exist_ok=True)
        for folder in (self.secrets, self.files, self.clearinghouse):
            folder.mkdir(exist_ok=True, mode=0o700)
        make_key_pair(self.private_key, self.public_key)
        make_keys_file(self.keys_file)

    def close(self) -> None:
        self.state_file.unlink(missing_ok=True)
        if self._lock:
            self._lock.close()

    def running(self) -> dict[str, Any] | None:
        """Return what the launcher that holds the lock wrote about itself, or None when none runs."""
        path = self.folder / "lock"
        if not path.exists() or not self.state_file.exists():
            return None
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return dict(json.loads(self.state_file.read_text()))
        return None

    def hold(self) -> None:
        """Take the lock that keeps every other launcher out."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StartFailed(
                f"Praxis already runs on {self.folder}. Stop it first, or choose another folder with --home."
            ) from None
        self._lock = lock


def write_private(path: Path, content: Any) -> None:
    """Write JSON whole or not at all, readable by its owner only."""
    beside = path.with_name(path.name + ".tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
    beside.replace(path)

"""The drop folders: takes files in once, whatever crashes in between, and lays answers out."""

import hashlib
import os
from pathlib import Path
from threading import Lock

from chsim.clock import Clock
from chsim.house import House
from chsim.state import State

OUT = ("ta1", "999", "277ca", "835")


class Folders:
    """`in` is emptied into `archive`; `out` has one folder per kind of answer."""

    def __init__(self, directory: Path, state: State, clock: Clock, house: House) -> None:
        self._inbound = directory / "in"
        self._archive = directory / "archive"
        self._out = directory / "out"
        self._state = state
        self._clock = clock
        self._house = house
        self.lock = Lock()
        for folder in (self._inbound, self._archive, *(self._out / kind for kind in OUT)):
            folder.mkdir(parents=True, exist_ok=True)

    def recover(self) -> None:
        """After a crash: files that were taken in leave their folder, answers that were due are laid out."""
        with self.lock, self._state.transaction():
            for name in self._state.unarchived():
                if not (self._inbound / name).exists():
                    self._state.archive(name)

    def turn(self) -> int:
        """Takes every waiting file in and lays due answers out; returns how many files were taken in."""
        with self.lock:
            waiting = sorted(path for path in self._inbound.iterdir() if path.is_file() and _is_complete(path))
            for path in waiting:
                self._take_in(path)
            self._deliver()
        return len(waiting)

    def reset(self) -> None:
        """Forgets everything and empties the folders."""
        with self.lock:
            with self._state.transaction():
                self._state.clear()
            for folder in (self._inbound, self._archive, *(self._out / kind for kind in OUT)):
                for path in folder.iterdir():
                    path.unlink()

    def _take_in(self, path: Path) -> None:
        data = path.read_bytes()
        if not self._state.is_unarchived(path.name, hashlib.sha256(data).hexdigest()):
            with self._state.transaction():
                self._house.take_in(path.name, data)
        path.replace(self._archive / path.name)
        with self._state.transaction():
            self._state.archive(path.name)

    def _deliver(self) -> None:
        for outbox_id, folder, name, body in self._state.due(self._clock.seconds()):
            target = self._out / folder / name
            half = target.with_name(f"{name}.tmp")
            with half.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            half.replace(target)
            with self._state.transaction():
                self._state.delivered(outbox_id)


def _is_complete(path: Path) -> bool:
    return not path.name.endswith(".tmp") and not path.name.startswith(".")

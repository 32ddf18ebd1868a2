"""A clearinghouse behind folders: `in` for our files, `out/<kind>` for answers, `faults/<kind>` for nobody's."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from praxis_claims.connectors.connector import Arrival

KINDS = ("ta1", "999", "277ca", "835")
HALF_WRITTEN = ".tmp"
# Nothing that a clearinghouse sends is larger; a bigger file would not fit the memory of a small machine.
LARGEST = 64 * 1024 * 1024
log = logging.getLogger(__name__)


class DropFolder:
    def __init__(self, root: Path) -> None:
        self.root = root

    def submit(self, name: str, data: bytes) -> None:
        """Write beside, then rename, so that the receiver never sees half a file."""
        target = self.root / "in" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_name(name + HALF_WRITTEN)
        with half.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        half.rename(target)

    def arrivals(self) -> Iterator[Arrival]:
        for kind in KINDS:
            folder = self.root / "out" / kind
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if not path.is_file() or path.suffix == HALF_WRITTEN:
                    continue
                if path.stat().st_size > LARGEST:
                    self._set_aside(kind, path.name)
                    log.warning("a file that is too large was set aside", extra={"kind": kind, "file": path.name})
                else:
                    yield Arrival(kind, path.name, path.read_bytes())

    def put_away(self, arrival: Arrival) -> None:
        # The sealed copy is the only one, because a second one in clear would outlive an erasure.
        (self.root / "out" / arrival.kind / arrival.name).unlink(missing_ok=True)

    def set_aside(self, arrival: Arrival) -> None:
        self._set_aside(arrival.kind, arrival.name)

    def _set_aside(self, kind: str, name: str) -> None:
        target = self.root / "faults" / kind
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileNotFoundError):
            (self.root / "out" / kind / name).rename(target / name)

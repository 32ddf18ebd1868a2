"""Logs of the supervised programs: JSON lines kept in files, readable lines on the terminal."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import IO

LARGEST_FILE = 10 * 1024 * 1024
TAIL_LINES = 20
REPEATED_SECONDS = 5.0
COLORS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
ALWAYS_SHOWN = {"warning", "error", "critical", "fatal"}


class LogSink:
    """Takes the output of one program; its file is turned over when it grows too large."""

    def __init__(self, name: str, path: Path, terminal: Callable[[str, str], None], *, verbose: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.path = path
        self.terminal = terminal
        self.verbose = verbose
        self._recent: deque[str] = deque(maxlen=TAIL_LINES)
        self._file = path.open("a", buffering=1)

    def pump(self, stream: IO[bytes]) -> None:
        """Read until the program closes its output."""
        for raw in stream:
            self.write(raw.decode(errors="replace").rstrip())
        stream.close()

    def write(self, line: str) -> None:
        record = parse(line, self.name)
        text = readable(record)
        self._recent.append(text)
        if self._file.closed:
            return
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
        if self._file.tell() > LARGEST_FILE:
            self._turn_over()
        if self.verbose or str(record.get("level", "")).lower() in ALWAYS_SHOWN:
            self.terminal(self.name, text)

    def tail(self) -> str:
        return "\n".join(self._recent) or "(it wrote nothing)"

    def close(self) -> None:
        self._file.close()

    def _turn_over(self) -> None:
        self._file.close()
        self.path.replace(self.path.with_suffix(".log.1"))
        self._file = self.path.open("a", buffering=1)


class Terminal:
    """Writes whole lines with the program's name in front, from any thread."""

    def __init__(self, stream: IO[str] = sys.stdout) -> None:
        self._stream = stream
        self._lock = Lock()
        self._colored = stream.isatty()
        self._known: list[str] = []
        self._last = ("", 0.0)

    def __call__(self, name: str, text: str) -> None:
        with self._lock:
            if self._said_just_now(text):
                return
            for line in text.splitlines():
                print(f"{self._prefix(name)} {line}", file=self._stream, flush=True)

    def _said_just_now(self, text: str) -> bool:
        """Tell whether the line before was the same but for its time: six programs may warn of one thing."""
        words, now = text.partition(" ")[2], time.monotonic()
        before, self._last = self._last, (words, now)
        return bool(words) and before[0] == words and now - before[1] < REPEATED_SECONDS

    def _prefix(self, name: str) -> str:
        if name not in self._known:
            self._known.append(name)
        label = f"{name:<14}|"
        return f"\x1b[{COLORS[self._known.index(name) % len(COLORS)]}m{label}\x1b[0m" if self._colored else label


def parse(line: str, name: str) -> dict[str, object]:
    """Return a program's own JSON line, or wrap a plain one so that every kept line is JSON."""
    if line.startswith("{"):
        try:
            record = json.loads(line)
            return record if isinstance(record, dict) else {"message": record}
        except ValueError:
            pass
    return {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "service": name, "message": line}


def readable(record: dict[str, object]) -> str:
    """Return one line for people: time, level, message, then the other facts."""
    shown = {"time", "timestamp", "level", "message", "service"}
    clock = str(record.get("time") or record.get("timestamp") or "")[11:19]
    facts = " ".join(f"{key}={value}" for key, value in record.items() if key not in shown)
    parts = [clock, str(record.get("level", "")).lower(), str(record.get("message", "")), facts]
    return " ".join(part for part in parts if part)


def follow(paths: list[Path], *, keep_going: bool, lines: int) -> Iterator[tuple[str, str]]:
    """Yield (program, readable line) of the last `lines` of each file, then what is added."""
    files = [(path, path.open()) for path in paths]
    try:
        for path, file in files:
            for line in deque(file, maxlen=lines):
                yield path.stem, readable(parse(line.rstrip(), path.stem))
        while keep_going:
            for place, (path, file) in enumerate(files):
                for line in file:
                    yield path.stem, readable(parse(line.rstrip(), path.stem))
                if path.exists() and not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                    file.close()
                    files[place] = (path, path.open())
            time.sleep(0.3)
    finally:
        for _, file in files:
            file.close()

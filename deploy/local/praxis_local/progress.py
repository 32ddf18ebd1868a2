"""What the terminal shows while Praxis comes up: a line per part with its time, then a box."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO


class Progress:
    """Prints one line per part; on a terminal the line of a running part is replaced when it is done."""

    def __init__(self, stream: IO[str] = sys.stdout) -> None:
        self._stream = stream
        self._live = stream.isatty()

    @contextmanager
    def part(self, name: str) -> Iterator[list[str]]:
        """Time one part; what the caller appends to the list is shown beside its name."""
        began, notes = time.monotonic(), list[str]()
        if self._live:
            self._print(f"… {name}", end="\r")
        try:
            yield notes
        except BaseException:
            self._print(f"{self._colored('✗', 31)} {name}")
            raise
        detail = "; ".join(notes)
        self._print(f"{self._colored('✓', 32)} {name:<18} {detail:<48} {time.monotonic() - began:6.1f} s")

    def say(self, text: str) -> None:
        self._print(text)

    def box(self, title: str, lines: Sequence[str]) -> None:
        """Print the closing box."""
        self._print(f"╭ {title}")
        for line in lines:
            self._print(f"│ {line}")
        self._print("╰")

    def _colored(self, text: str, color: int) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if self._live else text

    def _print(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._stream, flush=True)

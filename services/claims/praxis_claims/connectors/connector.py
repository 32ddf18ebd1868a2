"""What every way to a clearinghouse can do: hand a file over, and show what came back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Arrival:
    """One file that came back; `kind` is `ta1`, `999`, `277ca` or `835`."""

    kind: str
    name: str
    data: bytes


class Connector(Protocol):
    """A way to a clearinghouse."""

    def submit(self, name: str, data: bytes) -> None:
        """Hand a file over; the same name and bytes again must do no harm."""
        ...

    def arrivals(self) -> Iterator[Arrival]:
        """Show the files that came back and were not put away, in a stable order."""
        ...

    def put_away(self, arrival: Arrival) -> None:
        """Remove a file that was stored; one that is gone already is no error."""
        ...

    def set_aside(self, arrival: Arrival) -> None:
        """Move a file that belongs to nobody to where people look for faults; putting it back has it judged again."""
        ...

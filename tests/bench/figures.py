"""What a bench found: one figure with what it is held against, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KEYS = ("name", "value", "unit", "reference", "ratio", "target", "met")


class Void(Exception):
    """A run that shows nothing, because an answer in it was an error."""


@dataclass(frozen=True)
class Figure:
    """One measured value; `reference` was measured in the same run, `target` is what must hold, in words.

    Where there is a reference, `ratio` is the value divided by it.
    """

    name: str
    value: float | None
    unit: str
    target: str
    met: bool
    reference: float | None = None
    ratio: float | None = None
    moonshot: str = ""
    cpu: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def entry(self) -> dict[str, Any]:
        """Return the figure as it stands in the JSON file."""
        return {key: _plain(getattr(self, key)) for key in KEYS}


@dataclass(frozen=True)
class Promise:
    """What a bench measures and what must hold, known before anything is measured."""

    name: str
    unit: str
    target: str
    moonshot: str = ""

    def kept(self, value: float, *, met: bool, **more: Any) -> Figure:
        """Return what was measured."""
        return Figure(self.name, value, self.unit, self.target, met, moonshot=self.moonshot, **more)

    def paired(self, pairs: Sequence[tuple[float, float]], met: Callable[[float], bool], **more: Any) -> Figure:
        """Return the figure of interleaved rounds `(value, reference)`: the round with the middle ratio decides."""
        value, reference = sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]
        ratio = value / reference
        return self.kept(value, met=met(ratio), reference=reference, ratio=ratio, **more)

    def void(self, reason: Exception) -> Figure:
        """Return what stands in the table when the run shows nothing."""
        return Figure(self.name, None, self.unit, self.target, met=False, note=f"void: {reason}")


def at_least(least: float) -> Callable[[float], bool]:
    """Return whether a ratio reaches a goal."""
    return lambda ratio: ratio >= least


def at_most(most: float) -> Callable[[float], bool]:
    """Return whether a ratio stays within a goal."""
    return lambda ratio: ratio <= most


def table(figures: Iterable[Figure]) -> str:
    """Return the table."""
    head = ("bench", "value", "unit", "reference", "ratio", "target", "met", "moonshot", "CPU µs per call", "note")
    rows = [head, *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def write(figures: Iterable[Figure], path: Path) -> None:
    """Write the figures as a JSON list."""
    path.write_text(json.dumps([figure.entry() for figure in figures], indent=1, ensure_ascii=False) + "\n")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _row(figure: Figure) -> tuple[str, ...]:
    parts = " / ".join(f"{name} {value:.0f}" for name, value in figure.cpu.items())
    total = f"{parts} = {sum(figure.cpu.values()):.0f}" if figure.cpu else ""
    return (
        figure.name, _text(figure.value), figure.unit, _text(figure.reference), _text(figure.ratio), figure.target,
        "yes" if figure.met else "NO", figure.moonshot, total, figure.note,
    )  # fmt: skip


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _plain(value: Any) -> Any:
    return round(value, 5) if isinstance(value, float) else value

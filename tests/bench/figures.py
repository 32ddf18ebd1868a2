"""What a bench found: one figure with what it is held against, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

KEYS = ("name", "value", "unit", "reference", "ratio", "target", "met")


class Void(Exception):
    """A run that shows nothing, because an answer in it was an error."""


@dataclass(frozen=True)
class Figure:
    """One measured value; `reference` was measured in the same run, `target` is what must hold, in words."""

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
        values = {key: getattr(self, key) for key in KEYS}
        return {key: _plain(value) for key, value in values.items()} | {"cpu_us": dict(self.cpu), "note": self.note}


def void(name: str, reason: Exception) -> Figure:
    """Return what stands in the table for a bench whose run shows nothing."""
    return Figure(name, None, "", "", met=False, note=f"void: {reason}")


def at_least(name: str, pairs: Sequence[tuple[float, float]], unit: str, least: float, **more: Any) -> Figure:
    """Return the figure of interleaved rounds `(value, reference)`: the median of their ratios decides."""
    ratio = median(value / reference for value, reference in pairs)
    values, references = zip(*pairs, strict=True)
    return Figure(
        name, median(values), unit, f"≥ {least:g} × reference", ratio >= least,
        reference=median(references), ratio=ratio, **more,
    )  # fmt: skip


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

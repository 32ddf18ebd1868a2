"""Takes one person out of an X12 file that is evidence about others too: names, addresses and ids become `ERASED`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

BLANK = "ERASED"
NAME_ELEMENTS = slice(3, 8)
IDENTIFIER = 9
# What describes the person of the NM1 before it.
DETAILS = frozenset({"N3", "N4", "DMG"})
LOOP_STARTS = frozenset({"HL", "CLM", "CLP", "LX"})


@dataclass(frozen=True, slots=True)
class Traces:
    """How a person shows in a file: pairs of family and first given name, and ids, all in capitals."""

    names: frozenset[tuple[str, str]]
    identifiers: frozenset[str]


def redact(text: str, element: str, terminator: str, traces: Traces) -> str:
    """Return the text without the person; segments keep their number, so that all references into it still hold."""
    inside, result = False, []
    for segment in text.split(terminator):
        parts = segment.split(element)
        name = parts[0].strip()
        if name == "NM1":
            inside = _names(parts, traces)
            parts = _without_name(parts) if inside else parts
        elif name in LOOP_STARTS:
            inside = False
        elif inside and name in DETAILS:
            parts = [parts[0], *_blank(parts[1:])]
        result.append(element.join(_without_identifiers(parts, traces.identifiers)))
    return terminator.join(result)


def _names(parts: list[str], traces: Traces) -> bool:
    padded = [part.strip().upper() for part in [*parts, "", "", "", "", "", "", "", "", ""]]
    return (padded[3], padded[4]) in traces.names or padded[IDENTIFIER] in traces.identifiers


def _without_name(parts: list[str]) -> list[str]:
    parts = list(parts)
    parts[NAME_ELEMENTS] = _blank(parts[NAME_ELEMENTS])
    parts[IDENTIFIER:] = _blank(parts[IDENTIFIER:])
    return parts


def _without_identifiers(parts: list[str], identifiers: Collection[str]) -> list[str]:
    return [parts[0], *(BLANK if part.strip().upper() in identifiers else part for part in parts[1:])]


def _blank(parts: list[str]) -> list[str]:
    return [BLANK if part else part for part in parts]

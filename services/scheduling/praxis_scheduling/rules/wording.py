"""Placeholders in the words of a practice: which there are, which a text uses, and what is wrong with it."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping

PLACEHOLDERS = ("practice", "location", "phone", "recipient", "patient", "date", "time", "until", "recall", "link")


def faults(text: str) -> list[tuple[str, str]]:
    """Return the reasons why a text cannot be used, each with the part that is wrong."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return [("PLACEHOLDER_BROKEN", "")]
    found = []
    for _, name, layout, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or layout or conversion):
            found.append(("PLACEHOLDER_UNKNOWN", name))
    return found


def used(texts: Iterable[str]) -> set[str]:
    """Return the placeholders that texts use."""
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled; what has no value is left out."""
    return string.Formatter().vformat(text, (), {name: values.get(name, "") for name in PLACEHOLDERS}).strip()

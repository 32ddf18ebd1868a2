"""Patterns that member ids of a payer match: a small part of regular expressions, so that no pattern runs for long."""

from __future__ import annotations

import re

PART = re.compile(r"(?:[A-Za-z0-9 -]|\\d|\.|\[\^?[A-Za-z0-9 -]+\])(\?|\{\d{1,2}(?:,\d{1,2})?\})?")
# Each part of open length multiplies the ways in which an id can match; three are enough for every known payer.
MOST_OPEN_PARTS = 3


def pattern_valid(pattern: str) -> bool:
    """Whether a pattern is made of characters, classes and counts only, and so is matched in no time."""
    position, open_parts = 0, 0
    while position < len(pattern):
        part = PART.match(pattern, position)
        if part is None:
            return False
        open_parts += part[1] is not None and (part[1] == "?" or "," in part[1])
        position = part.end()
    return open_parts <= MOST_OPEN_PARTS and _compiles(pattern)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True

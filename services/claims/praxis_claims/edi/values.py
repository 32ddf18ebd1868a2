"""Exact readings of X12 money, dates and procedure composites, remembered because files repeat them endlessly."""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

# At 15 digits every amount fits a bigint of cents with room for sums over a whole file.
_MONEY = re.compile(r"(-?)([0-9]{1,15})?(?:\.([0-9]{0,2}))?")
MEMO_LIMIT = 50_000


class CentsMemo(dict[str, int | None]):
    """Maps the text of an amount to integer cents; None when it is not an amount with at most two decimals."""

    def __missing__(self, text: str) -> int | None:
        value = cents(text)
        if len(self) < MEMO_LIMIT:
            self[text] = value
        return value


class DateMemo(dict[str, date | None]):
    """Maps CCYYMMDD, or the start of a CCYYMMDD-CCYYMMDD range, to a date; None when it is not a date."""

    def __missing__(self, text: str) -> date | None:
        value = civil_date(text)
        if len(self) < MEMO_LIMIT:
            self[text] = value
        return value


class Procedure(NamedTuple):
    """A procedure as SVC01 or SVC06 names it: code list qualifier, code and up to four modifiers."""

    qualifier: str
    code: str
    modifiers: tuple[str, ...]
    description: str


class ProcedureMemo(dict[str, Procedure]):
    """Maps a procedure composite to its parts, for one component separator."""

    def __init__(self, component: str) -> None:
        super().__init__()
        self._component = component

    def __missing__(self, text: str) -> Procedure:
        value = procedure(text, self._component)
        if len(self) < MEMO_LIMIT:
            self[text] = value
        return value


def cents(text: str) -> int | None:
    """Read `.5`, `-0.01`, `5.` and `12` exactly; refuse exponents, signs other than minus and fractions of a cent."""
    match = _MONEY.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        return None
    value = int(match[2] or 0) * 100 + int(((match[3] or "") + "00")[:2])
    return -value if match[1] else value


def civil_date(text: str) -> date | None:
    """Read CCYYMMDD, ignoring a range's end."""
    digits = text[:8]
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def procedure(text: str, component: str) -> Procedure:
    """Split a composite; a sender that uses another separator than it declared is understood all the same."""
    if component not in text and len(text) > 3 and not text[2].isalnum():
        component = text[2]
    parts = text.split(component)
    parts += [""] * (7 - len(parts))
    return Procedure(parts[0], parts[1], tuple(filter(None, parts[2:6])), parts[6])

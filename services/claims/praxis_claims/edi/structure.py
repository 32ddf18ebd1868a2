"""Reads back what the writer wrote and refuses a file whose hierarchy, counts or sums do not hold."""

from __future__ import annotations

from collections.abc import Sequence

from praxis_claims.edi.errors import EdiError
from praxis_claims.edi.separators import ISA_WIDTH, Separators
from praxis_claims.edi.values import cents

_LEVEL_PARENT = {"20": "", "22": "20", "23": "22"}


def verify_structure(texts: Sequence[str], separators: Separators, claim_count: int) -> None:
    """Raise EdiError unless the segments form one sound interchange with this many claims."""
    checker = _Checker(separators)
    for text in texts:
        if not text.isascii() or separators.segment in text:
            raise EdiError("STRUCTURE", "A segment holds a delimiter or a character that is not ASCII.", text[:3])
        checker.take(text.split(separators.element))
    checker.finish(len(texts), len(texts[0]) + 1, claim_count)


class _Checker:
    def __init__(self, separators: Separators) -> None:
        self._component = separators.component
        self._levels: dict[str, str] = {}
        self._claims = self._claim_cents = self._line_cents = self._lines = self._count = 0
        self._steps = {"HL": self._level, "CLM": self._claim, "LX": self._line, "SV1": self._service, "SE": self._end}

    def take(self, segment: list[str]) -> None:
        self._count += 1
        step = self._steps.get(segment[0])
        if step:
            step(segment)

    def finish(self, segments: int, header_width: int, claim_count: int) -> None:
        _require(header_width == ISA_WIDTH, "The ISA segment does not have its fixed width.")
        _require(self._claims == claim_count, "The number of claims written is not the number asked for.")
        _require(self._count == segments, "Segments were lost.")

    def _level(self, segment: list[str]) -> None:
        self._balance()
        number, parent, code = segment[1:4]
        _require(number == str(len(self._levels) + 1), "HL numbers are not consecutive.")
        _require(self._levels.get(parent, "") == _LEVEL_PARENT[code], "An HL stands below the wrong level.")
        self._levels[number] = code

    def _claim(self, segment: list[str]) -> None:
        self._balance()
        self._claims += 1
        self._claim_cents = cents(segment[2]) or 0

    def _line(self, segment: list[str]) -> None:
        self._lines += 1
        _require(segment[1] == str(self._lines), "Service lines are not numbered from 1.")

    def _service(self, segment: list[str]) -> None:
        self._line_cents += cents(segment[2]) or 0
        _require(bool(segment[7].split(self._component)[0]), "A service line points to no diagnosis.")

    def _end(self, segment: list[str]) -> None:
        self._balance()
        # ISA and GS stand before ST.
        _require(segment[1] == str(self._count - 2), "SE01 is not the number of segments.")

    def _balance(self) -> None:
        _require(self._line_cents == self._claim_cents, "CLM02 is not the sum of the service lines.")
        self._claim_cents = self._line_cents = self._lines = 0


def _require(holds: bool, text: str) -> None:
    if not holds:
        raise EdiError("STRUCTURE", text)

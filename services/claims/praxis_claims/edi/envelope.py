"""Tracks ISA, GS and ST while reading, so that every record knows where it came from and broken envelopes are told."""

from __future__ import annotations

from typing import NamedTuple

from praxis_claims.edi.errors import Finding, Level
from praxis_claims.edi.tokenizer import Segment


class Provenance(NamedTuple):
    """Where a record stands: control numbers of interchange (ISA13), group (GS06) and transaction set (ST02)."""

    interchange: str = ""
    group: str = ""
    transaction: str = ""


class Envelope:
    """The open envelope levels; `enter` is told every envelope segment and collects what does not add up."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        self.interchange: Segment = []
        self.group: Segment = []
        self.transaction: Segment = []
        self.start = 0
        self._groups = self._transactions = 0
        self._steps = {
            "ISA": self._isa, "GS": self._gs, "ST": self._st, "SE": self._se, "GE": self._ge, "IEA": self._iea,
        }  # fmt: skip

    @property
    def provenance(self) -> Provenance:
        """The control numbers of the levels that are open now."""
        return Provenance(at(self.interchange, 13), at(self.group, 6), at(self.transaction, 2))

    @property
    def kind(self) -> str:
        """The transaction set identifier of the open ST, such as 835, or nothing."""
        return at(self.transaction, 1)

    def enter(self, segment: Segment, number: int) -> None:
        """Follow one envelope segment."""
        self._steps[segment[0]](segment, number)

    def finish(self, number: int) -> None:
        """Report levels that the file leaves open."""
        for opened, name in ((self.group, "GE"), (self.interchange, "IEA")):
            if opened:
                self._remark("ENVELOPE_OPEN", number, name, f"The file ends without its {name} segment.")

    def _isa(self, segment: Segment, number: int) -> None:
        self.finish(number)
        self.interchange, self.group, self.transaction = segment, [], []
        self._groups = 0

    def _gs(self, segment: Segment, number: int) -> None:
        if self.group:
            self._remark("ENVELOPE_OPEN", number, "GE", "A group starts before the previous one ended.")
        self.group, self.transaction = segment, []
        self._groups += 1
        self._transactions = 0

    def _st(self, segment: Segment, number: int) -> None:
        self.transaction, self.start = segment, number
        self._transactions += 1

    def _se(self, segment: Segment, number: int) -> None:
        counted = number - self.start + 1
        if not self.transaction:
            self._remark("ENVELOPE_ORDER", number, "SE", "An SE segment stands outside any transaction set.")
        elif at(segment, 1).strip() != str(counted):
            self._remark("SEGMENT_COUNT", number, "SE01", f"SE01 says {at(segment, 1)} segments, there are {counted}.")
        if self.transaction and at(segment, 2).strip() != at(self.transaction, 2).strip():
            self._remark("CONTROL_NUMBER", number, "SE02", "SE02 differs from ST02.")
        self.transaction = []

    def _ge(self, segment: Segment, number: int) -> None:
        self._close(segment, number, self.group, 6, self._transactions)
        self.group = []

    def _iea(self, segment: Segment, number: int) -> None:
        self._close(segment, number, self.interchange, 13, self._groups)
        self.interchange = []

    def _close(self, segment: Segment, number: int, opened: Segment, control: int, counted: int) -> None:
        name = segment[0]
        if not opened:
            return self._remark("ENVELOPE_ORDER", number, name, f"{name} closes nothing.")
        if _number(at(segment, 1)) != str(counted):
            self._remark("ENVELOPE_COUNT", number, f"{name}01", f"{name}01 says {at(segment, 1)}, there are {counted}.")
        if _number(at(segment, 2)) != _number(at(opened, control)):
            self._remark("CONTROL_NUMBER", number, f"{name}02", f"{name}02 differs from its opening segment.")
        return None

    def _remark(self, code: str, number: int, element: str, text: str) -> None:
        self.findings.append(Finding(Level.WARNING, code, number, element, text))


ENVELOPE_SEGMENTS = frozenset(("ISA", "GS", "ST", "SE", "GE", "IEA"))


def at(segment: Segment, index: int) -> str:
    """The element at `index`, or nothing where the sender trimmed the segment."""
    return segment[index] if index < len(segment) else ""


def _number(text: str) -> str:
    return text.strip().lstrip("0") or "0"

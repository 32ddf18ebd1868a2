"""Reads the body of a 277CA: what clearinghouse or payer say of every claim, provider and file."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from praxis_claims.edi.envelope import Provenance, at
from praxis_claims.edi.remittance_records import first
from praxis_claims.edi.tokenizer import Segment
from praxis_claims.edi.values import CentsMemo, DateMemo

REJECTIONS = frozenset(("A3", "A4", "A6", "A7", "A8"))


class Status(NamedTuple):
    """One composite of an STC: category such as A2, status code, entity; action is WQ accept or U reject."""

    segment_number: int
    category: str
    code: str
    entity: str
    day: date | None
    action: str
    cents: int | None
    message: str

    @property
    def rejects(self) -> bool:
        """Whether this status sends the claim back."""
        return self.category in REJECTIONS or self.action == "U"


class StatusLevel(NamedTuple):
    """One HL with what was said at it: 20 source, 21 receiver, 19 provider, PT patient and claim."""

    segment_number: int
    number: str
    parent: str
    code: str
    name: str
    identifier: str
    trace_number: str
    statuses: tuple[Status, ...]
    references: tuple[tuple[str, str], ...]
    lines: tuple[LineStatus, ...]

    @property
    def payer_control_number(self) -> str:
        """REF*1K: the payer's own number of the claim."""
        return first(self.references, "1K") or ""

    @property
    def clearinghouse_number(self) -> str:
        """REF*D9: the clearinghouse's own number of the claim."""
        return first(self.references, "D9") or ""

    @property
    def rejects(self) -> bool:
        """Whether anything said at this level or about its lines rejects it."""
        return any(status.rejects for status in self.statuses) or any(line.rejects for line in self.lines)


class LineStatus(NamedTuple):
    """One SVC of a claim with what was said of it."""

    segment_number: int
    procedure: str
    control_number: str
    statuses: tuple[Status, ...]

    @property
    def rejects(self) -> bool:
        """Whether the line sends the claim back."""
        return any(status.rejects for status in self.statuses)


class StatusReport(NamedTuple):
    """One transaction set with all its levels in order."""

    provenance: Provenance
    segment_number: int
    reference: str
    levels: tuple[StatusLevel, ...]

    @property
    def claims(self) -> tuple[StatusLevel, ...]:
        """The levels that speak of a claim; their trace number is its CLM01."""
        return tuple(level for level in self.levels if level.code in ("PT", "22", "23"))

    def path(self, level: StatusLevel) -> tuple[StatusLevel, ...]:
        """The level with everything above it, nearest first: a rejection above rejects the claim too."""
        by_number = {entry.number: entry for entry in self.levels}
        path = [level]
        while (above := by_number.get(path[-1].parent)) is not None and above not in path:
            path.append(above)
        return tuple(path)


class StatusReportBuilder:
    """Collects one 277CA; segments after an SVC belong to that line until the next SVC or HL."""

    def __init__(self, provenance: Provenance, number: int, component: str, cents: CentsMemo, dates: DateMemo) -> None:
        self._provenance, self._number, self._component = provenance, number, component
        self._cents, self._dates = cents, dates
        self._reference = ""
        self._levels: list[StatusLevel] = []
        self._steps = {
            "BHT": self._read_bht, "HL": self._read_hl, "NM1": self._read_nm1, "TRN": self._read_trn,
            "STC": self._read_stc, "REF": self._read_ref, "SVC": self._read_svc,
        }  # fmt: skip

    def take(self, segment: Segment, number: int) -> None:
        """Take the next segment; before the first HL only BHT means something."""
        step = self._steps.get(segment[0])
        if step and (self._levels or segment[0] in ("BHT", "HL")):
            step(segment, number)

    def finish(self) -> StatusReport:
        """Return what was collected."""
        return StatusReport(self._provenance, self._number, self._reference, tuple(self._levels))

    def _read_bht(self, segment: Segment, _number: int) -> None:
        self._reference = at(segment, 3)

    def _read_hl(self, segment: Segment, number: int) -> None:
        place = at(segment, 1), at(segment, 2), at(segment, 3)
        self._levels.append(StatusLevel(number, *place, "", "", "", (), (), ()))

    def _read_nm1(self, segment: Segment, _number: int) -> None:
        name = " ".join(filter(None, segment[3:6]))
        self._change(name=name, identifier=at(segment, 9).strip())

    def _read_trn(self, segment: Segment, _number: int) -> None:
        self._change(trace_number=at(segment, 2).strip())

    def _read_svc(self, segment: Segment, number: int) -> None:
        line = LineStatus(number, at(segment, 1), "", ())
        self._change(lines=(*self._levels[-1].lines, line))

    def _read_ref(self, segment: Segment, _number: int) -> None:
        level = self._levels[-1]
        qualifier, value = at(segment, 1), at(segment, 2).strip()
        if level.lines and qualifier == "FJ":
            self._change(lines=(*level.lines[:-1], level.lines[-1]._replace(control_number=value)))
        else:
            self._change(references=(*level.references, (qualifier, value)))

    def _read_stc(self, segment: Segment, number: int) -> None:
        level = self._levels[-1]
        statuses = self._statuses(segment, number)
        if level.lines:
            line = level.lines[-1]
            self._change(lines=(*level.lines[:-1], line._replace(statuses=(*line.statuses, *statuses))))
        else:
            self._change(statuses=(*level.statuses, *statuses))

    def _statuses(self, segment: Segment, number: int) -> list[Status]:
        text = at(segment, 4)
        told = self._dates[at(segment, 2)], at(segment, 3), self._cents[text] if text else None, at(segment, 12)
        composites = (at(segment, index) for index in (1, 10, 11))
        parts = ([*composite.split(self._component), "", ""] for composite in composites if composite)
        return [Status(number, category, code, entity, *told) for category, code, entity, *_ in parts]

    def _change(self, **values: object) -> None:
        self._levels[-1] = self._levels[-1]._replace(**values)  # type: ignore[arg-type]

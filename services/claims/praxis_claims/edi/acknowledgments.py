"""Reads what comes back for a file of claims: TA1, 999 and 277CA, in one file or several."""

from __future__ import annotations

from typing import NamedTuple

from praxis_claims.edi.claim_status import StatusReport, StatusReportBuilder
from praxis_claims.edi.envelope import ENVELOPE_SEGMENTS, Envelope, Provenance, at
from praxis_claims.edi.errors import Finding, Level
from praxis_claims.edi.tokenizer import Segment, Source, Tokenizer
from praxis_claims.edi.values import CentsMemo, DateMemo

FINDING_LIMIT = 1_000


class InterchangeAcknowledgment(NamedTuple):
    """One TA1: A accepted, E accepted with errors, R rejected; names the ISA13 that it answers."""

    provenance: Provenance
    segment_number: int
    control_number: str
    code: str
    note: str


class ElementError(NamedTuple):
    """One IK4: which element of the segment is wrong, and how."""

    segment_number: int
    position: str
    reference: str
    code: str
    bad_value: str


class SegmentError(NamedTuple):
    """One IK3: which segment of the transaction set (counted from ST as 1) is wrong, and how."""

    segment_number: int
    segment: str
    position: str
    loop: str
    code: str
    contexts: tuple[str, ...]
    elements: tuple[ElementError, ...]


class TransactionAcknowledgment(NamedTuple):
    """One AK2…IK5: A accepted, E accepted with errors, R, M, W, X rejected; names the ST02 that it answers."""

    segment_number: int
    transaction: str
    control_number: str
    code: str
    errors: tuple[str, ...]
    segments: tuple[SegmentError, ...]


class GroupAcknowledgment(NamedTuple):
    """One 999: names the GS06 that it answers; P means that some transaction sets were accepted."""

    provenance: Provenance
    segment_number: int
    functional_identifier: str
    control_number: str
    code: str
    included: str
    received: str
    accepted: str
    transactions: tuple[TransactionAcknowledgment, ...]


class AcknowledgmentFile(NamedTuple):
    """Everything that one file answers, in order of arrival."""

    interchanges: tuple[InterchangeAcknowledgment, ...]
    groups: tuple[GroupAcknowledgment, ...]
    status_reports: tuple[StatusReport, ...]
    findings: tuple[Finding, ...]


def read_acknowledgments(source: Source) -> AcknowledgmentFile:
    """Read a file of TA1, 999 and 277CA; other transaction sets are skipped with a finding."""
    return _Reader(source).read()


class _Reader:
    def __init__(self, source: Source) -> None:
        self._tokenizer = Tokenizer(source)
        self._findings = self._tokenizer.findings
        self._envelope = Envelope(self._findings)
        self._interchanges: list[InterchangeAcknowledgment] = []
        self._groups: list[GroupAcknowledgment] = []
        self._reports: list[StatusReport] = []
        self._open: _GroupBuilder | StatusReportBuilder | None = None
        self._cents, self._dates = CentsMemo(), DateMemo()

    def read(self) -> AcknowledgmentFile:
        number = 0
        for number, segment in enumerate(self._tokenizer, 1):
            if segment[0] in ENVELOPE_SEGMENTS:
                self._turn(segment, number)
            elif segment[0] == "TA1":
                self._read_ta1(segment, number)
            elif self._open is not None:
                self._open.take(segment, number)
            elif not self._envelope.transaction:
                self._remark(Level.WARNING, "ENVELOPE_ORDER", number, "A segment stands outside any transaction set.")
        self._close(number, ended=False)
        self._envelope.finish(number)
        return AcknowledgmentFile(
            tuple(self._interchanges), tuple(self._groups), tuple(self._reports), tuple(self._findings)
        )

    def _turn(self, segment: Segment, number: int) -> None:
        self._close(number, ended=segment[0] == "SE")
        self._envelope.enter(segment, number)
        if segment[0] == "ST":
            self._begin(number)

    def _begin(self, number: int) -> None:
        kind, provenance = self._envelope.kind, self._envelope.provenance
        if kind == "999":
            self._open = _GroupBuilder(provenance, number)
        elif kind == "277":
            component = self._tokenizer.separators.component
            self._open = StatusReportBuilder(provenance, number, component, self._cents, self._dates)
        else:
            self._remark(Level.INFO, "OTHER_TRANSACTION", number, f"A transaction set {kind[:6]} was skipped.")

    def _close(self, number: int, *, ended: bool) -> None:
        if self._open is None:
            return
        if not ended:
            self._remark(Level.ERROR, "TRANSACTION_CUT_OFF", number, "A transaction set has no SE segment.")
        if isinstance(self._open, _GroupBuilder):
            self._groups.append(self._open.finish())
        else:
            self._reports.append(self._open.finish())
        self._open = None

    def _read_ta1(self, segment: Segment, number: int) -> None:
        answer = at(segment, 1).strip(), at(segment, 4), at(segment, 5)
        self._interchanges.append(InterchangeAcknowledgment(self._envelope.provenance, number, *answer))

    def _remark(self, level: Level, code: str, number: int, text: str) -> None:
        if len(self._findings) < FINDING_LIMIT:
            self._findings.append(Finding(level, code, number, "", text))


class _GroupBuilder:
    """Collects one 999; an IK3 or IK4 belongs to what was opened last before it."""

    def __init__(self, provenance: Provenance, number: int) -> None:
        self._provenance, self._number = provenance, number
        self._ak1: Segment = []
        self._ak9: Segment = []
        self._transactions: list[TransactionAcknowledgment] = []
        self._segments: list[SegmentError] = []
        self._ak2: tuple[Segment, int] | None = None
        self._ik5: Segment = []
        self._steps = {
            "AK1": self._read_ak1, "AK2": self._read_ak2, "IK3": self._read_ik3, "CTX": self._read_ctx,
            "IK4": self._read_ik4, "IK5": self._read_ik5, "AK9": self._read_ak9,
        }  # fmt: skip

    def take(self, segment: Segment, number: int) -> None:
        if step := self._steps.get(segment[0]):
            step(segment, number)

    def finish(self) -> GroupAcknowledgment:
        self._close_transaction()
        one, nine = self._ak1, self._ak9
        return GroupAcknowledgment(
            self._provenance, self._number, at(one, 1), at(one, 2).strip(), at(nine, 1), at(nine, 2), at(nine, 3),
            at(nine, 4), tuple(self._transactions),
        )  # fmt: skip

    def _read_ak1(self, segment: Segment, _number: int) -> None:
        self._ak1 = segment

    def _read_ak2(self, segment: Segment, number: int) -> None:
        self._close_transaction()
        self._ak2 = segment, number

    def _read_ik3(self, segment: Segment, number: int) -> None:
        named = at(segment, 1), at(segment, 2), at(segment, 3), at(segment, 4)
        self._segments.append(SegmentError(number, *named, contexts=(), elements=()))

    def _read_ctx(self, segment: Segment, _number: int) -> None:
        if self._segments:
            last = self._segments[-1]
            self._segments[-1] = last._replace(contexts=(*last.contexts, at(segment, 1)))

    def _read_ik4(self, segment: Segment, number: int) -> None:
        if self._segments:
            last = self._segments[-1]
            error = ElementError(number, at(segment, 1), at(segment, 2), at(segment, 3), at(segment, 4))
            self._segments[-1] = last._replace(elements=(*last.elements, error))

    def _read_ik5(self, segment: Segment, _number: int) -> None:
        self._ik5 = segment
        self._close_transaction()

    def _read_ak9(self, segment: Segment, _number: int) -> None:
        self._close_transaction()
        self._ak9 = segment

    def _close_transaction(self) -> None:
        if self._ak2 is not None:
            (ak2, number), ik5 = self._ak2, self._ik5
            errors = tuple(filter(None, ik5[2:7]))
            self._transactions.append(
                TransactionAcknowledgment(
                    number, at(ak2, 1), at(ak2, 2).strip(), at(ik5, 1), errors, tuple(self._segments)
                )
            )
        self._ak2, self._ik5, self._segments = None, [], []

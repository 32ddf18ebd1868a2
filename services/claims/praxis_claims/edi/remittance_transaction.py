"""Builds the records of one 835 transaction set from its segments, and adds them up."""

from __future__ import annotations

from datetime import date

from praxis_claims.edi.envelope import Envelope, at
from praxis_claims.edi.errors import Finding, Level
from praxis_claims.edi.remittance_claim import ClaimBuilder, ignore
from praxis_claims.edi.remittance_records import (
    Adjustment,
    ClaimPayment,
    Party,
    Payment,
    ProviderAdjustment,
    Record,
    Step,
    Totals,
)
from praxis_claims.edi.separators import Separators
from praxis_claims.edi.tokenizer import Segment
from praxis_claims.edi.values import CentsMemo, DateMemo, ProcedureMemo

FINDING_LIMIT = 200
_SILENT = ("N2", "N3", "N4", "PER", "CUR", "RDM")
_NOBODY = Party()


class Transaction:
    """Takes the segments of one ST through `steps`, which return records as soon as they are complete."""

    def __init__(
        self, envelope: Envelope, number: int, separators: Separators, cents: CentsMemo, dates: DateMemo
    ) -> None:
        self.provenance = envelope.provenance
        self._findings: list[Finding] = []
        self._cents, self._dates = cents, dates
        self._component = separators.component
        self._number = number
        self._version = at(envelope.group, 8) or at(envelope.transaction, 3)
        self._usage = at(envelope.interchange, 15)
        self._bpr: Segment = []
        self._trn: Segment = []
        self._produced: date | None = None
        self._parties: dict[str, Party] = {}
        self._party = ""
        self._started = False
        self._claim = ClaimBuilder(self.provenance, cents, dates, ProcedureMemo(separators.component))
        self._provider_adjustments: list[ProviderAdjustment] = []
        self._sums = _Sums()
        self._header_steps: dict[str, Step] = {
            "BPR": self._read_bpr, "TRN": self._read_trn, "DTM": self._read_dtm, "N1": self._read_n1,
            "REF": self._read_ref, "LX": self._open_detail, "CLP": self._open_claim, "PLB": self._read_plb,
            "TS3": self._open_detail, "TS2": self._open_detail, **dict.fromkeys(_SILENT, ignore),
        }  # fmt: skip
        # Segments mean other things inside a claim, so the table changes there; it is one dict, updated in place.
        self.steps = dict(self._header_steps)

    def finish(self, number: int) -> list[Record]:
        """Close what is open and sum up."""
        if not self._started and not self._bpr:
            self.remark(Level.FATAL, "PAYMENT_MISSING", number, "BPR", "The transaction set has no BPR segment.")
        return [*self._start(), *self._close_claim(), self._totals()]

    def unexpected(self, segment: Segment, number: int) -> None:
        """Note a segment that an 835 does not have at this place."""
        text = f"The segment {segment[0][:10]} has no place here and was left out."
        self.remark(Level.INFO, "UNKNOWN_SEGMENT", number, "", text)

    def remark(self, level: Level, code: str, number: int, element: str, text: str) -> None:
        """Note a finding about the transaction set; the list is bounded, fatal ones always fit."""
        if len(self._findings) < FINDING_LIMIT or level is Level.FATAL:
            self._findings.append(Finding(level, code, number, element, text))

    def _amount(self, text: str, number: int, element: str) -> int:
        value = self._cents[text]
        if value is None:
            text = f"{element} is not an amount: '{text[:20]}'."
            self.remark(Level.FATAL, "AMOUNT_UNREADABLE", number, element, text)
        return value or 0

    def _read_bpr(self, segment: Segment, number: int) -> None:
        if self._bpr:
            self.remark(Level.FATAL, "PAYMENT_TWICE", number, "BPR", "The transaction set has two BPR segments.")
        self._bpr = segment

    def _read_trn(self, segment: Segment, _number: int) -> None:
        self._trn = self._trn or segment

    def _read_dtm(self, segment: Segment, _number: int) -> None:
        if at(segment, 1) == "405":
            self._produced = self._dates[at(segment, 2)]

    def _read_n1(self, segment: Segment, _number: int) -> None:
        self._party = at(segment, 1)
        self._parties[self._party] = Party(at(segment, 2).strip(), at(segment, 3), at(segment, 4).strip())

    def _read_ref(self, segment: Segment, _number: int) -> None:
        if party := self._parties.get(self._party):
            references = (*party.references, (at(segment, 1), at(segment, 2)))
            self._parties[self._party] = party._replace(references=references)

    def _open_detail(self, _segment: Segment, _number: int) -> list[Record]:
        done = [*self._start(), *self._close_claim()]
        self.steps.update(self._header_steps)
        return done

    def _open_claim(self, segment: Segment, number: int) -> list[Record]:
        done = [*self._start(), *self._close_claim()]
        self._claim.begin(segment, number)
        self.steps.update(self._claim.steps)
        return done

    def _read_plb(self, segment: Segment, number: int) -> list[Record]:
        done = self._open_detail(segment, number)
        provider, fiscal = at(segment, 1), self._dates[at(segment, 2)]
        for index in range(3, len(segment), 2):
            if not segment[index] and not at(segment, index + 1):
                continue
            value = self._amount(at(segment, index + 1), number, f"PLB{index + 1:02}")
            code, _, reference = segment[index].partition(self._component)
            self._provider_adjustments.append(ProviderAdjustment(number, provider, fiscal, code, reference, value))
        return done

    def _start(self) -> list[Record]:
        if self._started:
            return []
        self._started = True
        bpr, number = self._bpr, self._number
        paid_on = self._dates[at(bpr, 16)]
        trace = at(self._trn, 2).strip()
        if bpr and paid_on is None:
            self.remark(Level.WARNING, "DATE_UNREADABLE", number, "BPR16", "The payment date is not a date.")
        if not trace:
            self.remark(Level.FATAL, "TRACE_MISSING", number, "TRN02", "The payment has no trace number.")
        cents = self._amount(at(bpr, 2), number, "BPR02") if bpr else 0
        return [
            Payment(
                self.provenance, number, self._version, self._usage, at(bpr, 1), cents, at(bpr, 3), at(bpr, 4),
                paid_on, trace, at(self._trn, 3).strip(), self._produced,
                self._parties.get("PR", _NOBODY), self._parties.get("PE", _NOBODY),
            )
        ]  # fmt: skip

    def _close_claim(self) -> list[Record]:
        if not self._claim.open:
            return []
        claim = self._claim.finish()
        self._sums.add(claim)
        return [claim]

    def _totals(self) -> Totals:
        sums, paid = self._sums, self._cents[at(self._bpr, 2)] or 0
        provider_cents = sum(adjustment.cents for adjustment in self._provider_adjustments)
        balances = bool(self._bpr) and 0 <= paid == sums.paid - provider_cents
        if not balances:
            text = f"BPR02 {_text(paid)} is not {_text(sums.paid)} (claims) less {_text(provider_cents)} (PLB)."
            self.remark(Level.FATAL, "TRANSACTION_UNBALANCED", self._number, "BPR02", text)
        return Totals(
            sums.claims, sums.lines, sums.charge, sums.paid, sums.adjustments, sums.counts, sums.statuses,
            sums.unbalanced_claims, sums.unbalanced_lines, tuple(self._provider_adjustments), provider_cents,
            balances, tuple(self._findings),
        )  # fmt: skip


class _Sums:
    """Running sums over the claims of a transaction set, so that claims need not be kept."""

    def __init__(self) -> None:
        self.claims = self.lines = self.charge = self.paid = self.unbalanced_claims = self.unbalanced_lines = 0
        self.adjustments: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.statuses: dict[str, int] = {}

    def add(self, claim: ClaimPayment) -> None:
        self.claims += 1
        self.charge += claim.charge_cents
        self.paid += claim.paid_cents
        self.unbalanced_claims += not claim.balances
        self.statuses[claim.status] = self.statuses.get(claim.status, 0) + 1
        self._add_adjustments(claim.adjustments)
        for line in claim.lines:
            self.lines += 1
            self.unbalanced_lines += not line.balances
            self._add_adjustments(line.adjustments)

    def _add_adjustments(self, adjustments: tuple[Adjustment, ...]) -> None:
        sums, counts = self.adjustments, self.counts
        for _, group, _, cents, _ in adjustments:
            sums[group] = sums.get(group, 0) + cents
            counts[group] = counts.get(group, 0) + 1


def _text(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}${abs(cents) // 100}.{abs(cents) % 100:02}"

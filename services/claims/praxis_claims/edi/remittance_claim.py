"""Builds one claim payment from the segments between a CLP and the next, and checks that its cents add up."""

from __future__ import annotations

from datetime import date

from praxis_claims.edi.envelope import Provenance
from praxis_claims.edi.errors import Finding, Level
from praxis_claims.edi.remittance_records import Adjustment, ClaimPayment, Name, ServicePayment, Step
from praxis_claims.edi.tokenizer import Segment
from praxis_claims.edi.values import CentsMemo, DateMemo, ProcedureMemo

FINDING_LIMIT = 50
_BLANK = [""] * 16


class ClaimBuilder:
    """Collects a claim; segments after an SVC belong to that line until the next SVC."""

    def __init__(self, provenance: Provenance, cents: CentsMemo, dates: DateMemo, procedures: ProcedureMemo) -> None:
        self._provenance = provenance
        self._cents, self._dates, self._procedures = cents, dates, procedures
        self.open = False
        self.steps: dict[str, Step] = {
            "CAS": self._read_cas, "SVC": self._read_svc, "DTM": self._read_dtm, "REF": self._read_ref,
            "AMT": self._read_amt, "NM1": self._read_nm1, "LQ": self._read_lq, "MOA": self._read_moa,
            "MIA": self._read_mia, "QTY": ignore, "PER": ignore,
        }  # fmt: skip

    def begin(self, segment: Segment, number: int) -> None:
        """Start the claim of this CLP; one builder serves all claims of a transaction set, one after the other."""
        self.open = True
        self._clp, self._number = segment, number
        self._findings: list[Finding] = []
        self._lines: list[ServicePayment] = []
        self._names: list[Name] = []
        self._svc: Segment | None = None
        self._svc_number = 0
        self._clear()
        self._claim_level = self._adjustments, self._references, self._times, self._amounts, self._remarks

    def finish(self) -> ClaimPayment:
        """Close the last line, add everything up and return the record."""
        self._close_line()
        self.open = False
        clp = self._clp + _BLANK
        charge, paid = self._amount(clp[3], self._number, "CLP03"), self._amount(clp[4], self._number, "CLP04")
        patient = self._amount(clp[5], self._number, "CLP05", Level.WARNING) if clp[5] else None
        adjustments, references, dates, amounts, remarks = self._claim_level
        lines = self._lines
        balances, lines_balance = self._check(charge, paid, adjustments)
        return ClaimPayment(
            self._provenance, self._number, clp[1].strip(), clp[2].strip(), charge, paid, patient, clp[6],
            clp[7].strip(), clp[8], clp[9], tuple(adjustments), tuple(self._names), tuple(references), tuple(dates),
            tuple(amounts), tuple(remarks), tuple(lines), balances, lines_balance, tuple(self._findings),
        )  # fmt: skip

    def _check(self, charge: int, paid: int, adjustments: list[Adjustment]) -> tuple[bool, bool]:
        own = sum([adjustment[3] for adjustment in adjustments])
        adjusted, line_paid, lines_balance = own, 0, True
        for line in self._lines:
            line_paid += line.paid_cents
            lines_balance = lines_balance and line.balances
            for adjustment in line.adjustments:
                adjusted += adjustment[3]
        balances = charge - adjusted == paid
        if not balances:
            self._remark(Level.ERROR, "CLAIM_UNBALANCED", self._number, "CLP04", "Charge less adjustments is not paid.")
        if self._lines and line_paid - own != paid:
            lines_balance = False
            self._remark(Level.WARNING, "LINES_DIFFER", self._number, "CLP04", "The lines do not sum up to the claim.")
        return balances, lines_balance

    def _clear(self) -> None:
        self._adjustments: list[Adjustment] = []
        self._references: list[tuple[str, str]] = []
        self._times: list[tuple[str, date]] = []
        self._amounts: list[tuple[str, int]] = []
        self._remarks: list[str] = []

    def _read_svc(self, segment: Segment, number: int) -> None:
        self._close_line()
        self._svc, self._svc_number = segment, number
        self._clear()

    def _close_line(self) -> None:
        if self._svc is None:
            return
        svc, number = self._svc + _BLANK, self._svc_number
        charge, paid = self._cents[svc[2]], self._cents[svc[3] or "0"]
        if charge is None or paid is None:
            charge, paid = self._amount(svc[2], number, "SVC02"), self._amount(svc[3] or "0", number, "SVC03")
        adjustments = tuple(self._adjustments)
        balances = charge - sum([adjustment[3] for adjustment in adjustments]) == paid
        if not balances:
            text = "Line charge less adjustments is not what the line pays."
            self._remark(Level.WARNING, "LINE_UNBALANCED", number, "SVC03", text)
        self._lines.append(
            ServicePayment(
                number, self._procedures[svc[1]], charge, paid, svc[4], svc[5],
                self._procedures[svc[6]] if svc[6] else None, svc[7], tuple(self._times), adjustments,
                tuple(self._references), tuple(self._amounts), tuple(self._remarks), balances,
            )
        )  # fmt: skip
        self._svc = None

    def _read_cas(self, segment: Segment, number: int) -> None:
        count = len(segment)
        group = segment[1] if count > 1 else ""
        for index in range(2, count, 3):
            reason = segment[index]
            text = segment[index + 1] if index + 1 < count else ""
            if not reason and not text:
                continue
            cents = self._cents[text]
            if cents is None:
                cents = self._amount(text, number, f"CAS{index + 1:02}")
            quantity = segment[index + 2] if index + 2 < count else ""
            self._adjustments.append(Adjustment(number, group, reason, cents, quantity))

    def _read_dtm(self, segment: Segment, number: int) -> None:
        if len(segment) < 3:
            return
        day = self._dates[segment[2]]
        if day is not None:
            self._times.append((segment[1], day))
        elif segment[2]:
            self._remark(Level.WARNING, "DATE_UNREADABLE", number, "DTM02", "The date is not a date.")

    def _read_ref(self, segment: Segment, _number: int) -> None:
        if len(segment) > 2:
            self._references.append((segment[1], segment[2].strip()))

    def _read_amt(self, segment: Segment, number: int) -> None:
        if len(segment) > 2:
            self._amounts.append((segment[1], self._amount(segment[2], number, "AMT02", Level.WARNING)))

    def _read_nm1(self, segment: Segment, _number: int) -> None:
        nm1 = segment + _BLANK
        self._names.append(Name(nm1[1], nm1[2], nm1[3], nm1[4], nm1[5], nm1[7], nm1[8], nm1[9].strip()))

    def _read_lq(self, segment: Segment, _number: int) -> None:
        if len(segment) > 2:
            self._remarks.append(segment[2])

    def _read_moa(self, segment: Segment, _number: int) -> None:
        self._remarks.extend(filter(None, segment[3:8]))

    def _read_mia(self, segment: Segment, _number: int) -> None:
        self._remarks.extend(filter(None, segment[5:6] + segment[20:24]))

    def _amount(self, text: str, number: int, element: str, level: Level = Level.ERROR) -> int:
        value = self._cents[text]
        if value is None:
            self._remark(level, "AMOUNT_UNREADABLE", number, element, f"{element} is not an amount: '{text[:20]}'.")
        return value or 0

    def _remark(self, level: Level, code: str, number: int, element: str, text: str) -> None:
        if len(self._findings) < FINDING_LIMIT or level is Level.ERROR:
            self._findings.append(Finding(level, code, number, element, text))


def ignore(_segment: Segment, _number: int) -> None:
    """Segments that say nothing about money or identity."""

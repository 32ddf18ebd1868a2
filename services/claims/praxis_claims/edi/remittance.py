"""Reads 835 files claim by claim in one pass and checks their arithmetic; content never raises, it becomes findings."""

from __future__ import annotations

from collections.abc import Iterator

from praxis_claims.edi.envelope import ENVELOPE_SEGMENTS, Envelope
from praxis_claims.edi.errors import Finding, Level
from praxis_claims.edi.remittance_records import ClaimPayment, Payment, Record, Remittance, RemittanceFile, Step
from praxis_claims.edi.remittance_transaction import Transaction
from praxis_claims.edi.tokenizer import Segment, Source, Tokenizer
from praxis_claims.edi.values import CentsMemo, DateMemo

FINDING_LIMIT = 1_000


class RemittanceReader:
    """Iterates over Payment, ClaimPayment…, Totals for each 835 of a file; `findings` holds remarks about the file."""

    def __init__(self, source: Source) -> None:
        self._tokenizer = Tokenizer(source)
        self.findings = self._tokenizer.findings
        self._envelope = Envelope(self.findings)
        self._cents, self._dates = CentsMemo(), DateMemo()
        self._transaction: Transaction | None = None
        self._turns: dict[str, Step] = dict.fromkeys(ENVELOPE_SEGMENTS, self._turn)
        self._steps = self._turns

    def __iter__(self) -> Iterator[Record]:
        number = 0
        for batch in self._tokenizer.batches():
            for segment in batch:
                number += 1
                step = self._steps.get(segment[0])
                if step is None:
                    self._unexpected(segment, number)
                elif done := step(segment, number):
                    yield from done
        yield from self._abort(number)
        self._envelope.finish(number)

    def _turn(self, segment: Segment, number: int) -> list[Record]:
        done = [] if segment[0] == "SE" else self._abort(number)
        self._envelope.enter(segment, number)
        done += self._close(number)
        if segment[0] == "ST":
            self._begin(number)
        return done

    def _begin(self, number: int) -> None:
        if self._envelope.kind == "835":
            transaction = Transaction(self._envelope, number, self._tokenizer.separators, self._cents, self._dates)
            self._transaction, self._steps = transaction, transaction.steps
            transaction.steps.update(self._turns)
        else:
            text = f"A transaction set {self._envelope.kind[:6]} was skipped: only 835 is read here."
            self._remark(Level.INFO, "OTHER_TRANSACTION", number, text)

    def _close(self, number: int) -> list[Record]:
        if self._transaction is None:
            return []
        done = self._transaction.finish(number)
        self._transaction, self._steps = None, self._turns
        return done

    def _abort(self, number: int) -> list[Record]:
        if self._transaction is not None:
            text = "The transaction set has no SE segment."
            self._transaction.remark(Level.FATAL, "TRANSACTION_CUT_OFF", number, "SE", text)
        return self._close(number)

    def _unexpected(self, segment: Segment, number: int) -> None:
        if self._transaction is not None:
            self._transaction.unexpected(segment, number)
        elif not self._envelope.transaction:
            text = f"A segment {segment[0][:10]} stands outside any transaction set."
            self._remark(Level.WARNING, "ENVELOPE_ORDER", number, text)

    def _remark(self, level: Level, code: str, number: int, text: str) -> None:
        if len(self.findings) < FINDING_LIMIT:
            self.findings.append(Finding(level, code, number, "", text))


def read_remittances(source: Source) -> RemittanceFile:
    """Read a whole file into memory; stream with RemittanceReader where files are large."""
    reader = RemittanceReader(source)
    remittances: list[Remittance] = []
    claims: list[ClaimPayment] = []
    payment: Payment | None = None
    for record in reader:
        if isinstance(record, ClaimPayment):
            claims.append(record)
        elif isinstance(record, Payment):
            payment = record
        elif payment is not None:
            remittances.append(Remittance(payment, tuple(claims), record))
            claims = []
    return RemittanceFile(tuple(remittances), tuple(reader.findings))

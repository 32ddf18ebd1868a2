"""The scrubber: runs a table of edits over the facts of a claim and returns every finding in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from praxis_claims.rules.claim_facts import ClaimFacts


class Severity(IntEnum):
    """Severities with the numbers of the contract's `FindingSeverity`."""

    BLOCK = 1
    WARN = 2
    INFO = 3


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where an edit applies, with the words that complete its message."""

    field: str
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What people are shown; the id is stable over checks, so that an override outlives the next one."""

    id: str
    code: str
    severity: Severity
    message: str
    fix_hint: str
    field: str


Predicate = Callable[[ClaimFacts], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class Edit:
    """One row of the table of edits; dates are dates of service, the last one included."""

    code: str
    severity: Severity
    message: str
    fix_hint: str
    applies: Predicate
    valid_from: date = date.min
    valid_to: date = date.max


def hit(field: str, **words: str) -> Hit:
    return Hit(field, tuple(words.items()))


def scrub(facts: ClaimFacts, edits: Iterable[Edit]) -> list[Finding]:
    """Return all findings, the worst first and otherwise in the order of the table."""
    found = [finding for edit in edits if _in_force(edit, facts) for finding in _findings(edit, facts)]
    return sorted(found, key=lambda finding: finding.severity)


def _in_force(edit: Edit, facts: ClaimFacts) -> bool:
    day = min((line.service_date for line in facts.lines), default=facts.today)
    return edit.valid_from <= day <= edit.valid_to


def _findings(edit: Edit, facts: ClaimFacts) -> Iterator[Finding]:
    for found in edit.applies(facts):
        words = dict(found.words)
        name = ":".join([edit.code, found.field, *words.values()])
        message, hint = edit.message.format(**words), edit.fix_hint.format(**words)
        yield Finding(name[:200], edit.code, edit.severity, message, hint, found.field)

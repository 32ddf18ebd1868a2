"""Ranks diagnosis codes against what somebody typed: the start of a code, or words of a description."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# A category of three characters, optionally followed by more, with or without its dot.
CODE_START = re.compile(r"[A-Z][0-9][0-9A-Z]?(\.?[0-9A-Z]{0,4})?")
WORD = re.compile(r"[a-z0-9]+")
# Words in parentheses may be present or absent in a diagnosis without changing its code.
OPTIONAL = re.compile(r"\([^)]*\)|\[[^\]]*\]")
EXTRA_WORD, NOT_BILLABLE, SPECIFIC, PREFIX_ONLY, SEVENTH_CHARACTER = 2.0, 2.5, 0.5, 1.0, 1.0
FILLER_WORDS = frozenset({"of", "the", "and", "with", "without", "a", "in", "to", "due", "by", "or", "other", "nos"})
UNSPECIFIC = re.compile(r"unspecified|uncomplicated|without complications|, not otherwise specified")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A code as stored: without its dot, with all its terms."""

    code: str
    description: str
    billable: bool
    terms: tuple[str, ...]


def dotted(code: str) -> str:
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 else code


def undotted(code: str) -> str:
    return code.strip().replace(".", "").upper()


def code_start(query: str) -> str:
    """Return the query as the start of a code, or an empty string when it cannot be one."""
    text = query.strip().upper()
    return undotted(text) if CODE_START.fullmatch(text) else ""


def words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def rank(candidates: Iterable[Candidate], query: str) -> list[Candidate]:
    """Order the candidates, the best match first; codes decide ties, so that pages are stable."""
    wanted = words(query)
    return sorted(candidates, key=lambda candidate: (_penalty(candidate, wanted), candidate.code))


def _penalty(candidate: Candidate, wanted: list[str]) -> float:
    texts = (candidate.description, *candidate.terms)
    best = min(_distance(text, wanted) for text in texts)
    specific = 0.0 if UNSPECIFIC.search(candidate.description.lower()) else SPECIFIC
    seventh = SEVENTH_CHARACTER if len(candidate.code) == 7 else 0.0
    return best + specific + seventh + (0.0 if candidate.billable else NOT_BILLABLE)


def _distance(text: str, wanted: list[str]) -> float:
    """Penalize wanted words that are missing or only begun, and other words that the text has besides."""
    required = words(UNSPECIFIC.sub(" ", OPTIONAL.sub(" ", text.lower())))
    present = set(words(text))
    missing = [word for word in wanted if not any(other.startswith(word) for other in present)]
    begun = [word for word in wanted if word not in present and word not in missing]
    extra = [word for word in required if word not in FILLER_WORDS and not any(word.startswith(w) for w in wanted)]
    return 20.0 * len(missing) + PREFIX_ONLY * len(begun) + EXTRA_WORD * len(extra)

"""Words that stand for people in tests, and the search for them in what is told about work and not about people."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from praxis_local.provision import DATABASES

# The family and the birth date of everybody whom a fault test invents; no log has another reason to hold them.
FAMILY, BIRTH_DATE = "Rowanwisp", "1931-08-17"
PRINTABLE = re.compile(rb"[ -~\x80-\xff]{4,}")
LETTERS = """
    SELECT row_to_json(d)::jsonb - 'payload' || jsonb_build_object('headers', convert_from(headers, 'UTF8'))
    FROM dead_letters AS d
"""


class Readable(Protocol):
    """Whoever reads databases past the walls between practices."""

    def rows(self, database: str, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...


def texts_of(content: bytes) -> set[bytes]:
    """Return every text of some bytes once, in small letters, so that what is told often is searched once."""
    return set(PRINTABLE.findall(content.lower()))


def hits(words: Iterable[str], places: Mapping[str, Collection[bytes]]) -> list[tuple[str, str]]:
    """Return which word is told where, whatever its case."""
    joined = {place: b"\n".join(texts) for place, texts in places.items()}
    return [(place, word) for word in words for place, text in joined.items() if word.lower().encode() in text]


def dead_letters(readable: Readable, tenant_id: str = "", databases: Iterable[str] = DATABASES) -> list[str]:
    """Return dead letters without the event's body, which is data and not a report about it."""
    query = LETTERS + ("WHERE tenant_id = %s" if tenant_id else "")
    found = [readable.rows(database, query, [tenant_id] if tenant_id else []) for database in databases]
    return [str(row[0]) for rows in found for row in rows]

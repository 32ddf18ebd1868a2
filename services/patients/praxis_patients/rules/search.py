"""What a patient can be found by, and what a typed query looks for."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from datetime import date

from praxis_patients.rules import dates, names, phones
from praxis_patients.rules.nicknames import related
from praxis_patients.rules.slips import around

_NUMBER = re.compile(r"\+?\(?\d[\d\s().\-]{2,}\d")
_MOST_TERMS = 8


class Purpose(enum.StrEnum):
    """Kinds of keys in the search table."""

    NAME = "name"
    OWNER = "owner"
    WITHIN = "within"
    BIRTH_DATE = "birth_date"
    PHONE = "phone"
    CHART_NUMBER = "chart_number"
    MICROCHIP = "microchip"
    GOVERNMENT_ID = "government_id"
    BLOCK = "block"


class Closeness(enum.IntEnum):
    """How far a key is from what was typed; what is found by several keys counts by the closest, several terms add."""

    EXACT = 0
    BEGINNING = 2
    NICKNAME = 8
    NEAR = 100  # more than all terms of a query that need no guessing come to


@dataclass(frozen=True)
class Key:
    """Values under which a patient is found, or the beginning of longer ones."""

    purpose: Purpose
    values: tuple[str, ...]
    prefix: bool = False
    closeness: Closeness = Closeness.EXACT

    @property
    def distance(self) -> int:
        """The closeness; what somebody else is called says a little less than one's own name."""
        return self.closeness + (self.purpose is Purpose.OWNER)


@dataclass(frozen=True)
class Term:
    """Alternatives, one of which must be true, from the closest on; `word` is what may be mistyped or inside a name."""

    keys: tuple[Key, ...]
    word: str = ""

    def wider(self) -> Term:
        """Return the term with what is only near to it: names that it is within of, or that one slip makes of it."""
        slips, keys = tuple(around(self.word)), []
        if len(self.word) >= names.SHORTEST_WITHIN:
            within = Key(Purpose.WITHIN, (self.word,), closeness=Closeness.NEAR)
            keys += [within, replace(within, prefix=True)]
        if slips:
            keys += [Key(purpose, slips, closeness=Closeness.NEAR) for purpose in NAMES]
        return replace(self, keys=(*self.keys, *keys))


NAMES = (Purpose.NAME, Purpose.OWNER)


def terms(query: str, country_code: str, today: date) -> list[Term]:
    """Return the terms of a query; a patient must meet all of them."""
    found: list[Term] = []
    rest = query
    for text in dates.spelled_dates(query):
        if keys := _dates(dates.readings(text, country_code, today)):
            found.append(Term(keys))
            rest = rest.replace(text, " ", 1)
    found += [_number_term(match.group(), country_code, today) for match in _NUMBER.finditer(rest)]
    rest = _NUMBER.sub(" ", rest)
    found += [_word_term(word) for word in names.plain(rest).split()]
    return list(dict.fromkeys(found))[:_MOST_TERMS]


def _dates(days: list[date]) -> tuple[Key, ...]:
    """Return the likeliest reading of a date before the others."""
    closeness = (Closeness.EXACT, *[Closeness.BEGINNING] * len(days))
    return tuple(
        Key(Purpose.BIRTH_DATE, (day.isoformat(),), closeness=close)
        for day, close in zip(days, closeness, strict=False)
    )


def _number_term(text: str, country_code: str, today: date) -> Term:
    """Return what a run of digits can be: a number of the chart, the telephone, the chip, the government, or a date."""
    digits = re.sub(r"\D", "", text)
    number = phones.e164(text, country_code) or digits.lstrip("0")
    ending = phones.search_key(number)
    keys = [Key(purpose, (digits,)) for purpose in (Purpose.CHART_NUMBER, Purpose.MICROCHIP, Purpose.GOVERNMENT_ID)]
    keys += _dates(dates.readings(digits, country_code, today))
    keys += [_beginning(Purpose.CHART_NUMBER, digits), _beginning(Purpose.MICROCHIP, digits)]
    if ending:
        keys += [Key(Purpose.PHONE, (ending,)), _beginning(Purpose.PHONE, ending)]
    return Term(tuple(keys))


def _word_term(word: str) -> Term:
    exact = [Key(purpose, (word,)) for purpose in NAMES]
    beginnings = [_beginning(purpose, word) for purpose in NAMES]
    if any(c.isdigit() for c in word):
        exact += [
            Key(Purpose.CHART_NUMBER, (word,)),
            Key(Purpose.MICROCHIP, (word.upper(),)),
            Key(Purpose.GOVERNMENT_ID, (word.upper(),)),
        ]
        return Term((*exact, *beginnings, _beginning(Purpose.CHART_NUMBER, word)))
    others = tuple(related(word))
    nicknames = [Key(purpose, others, closeness=Closeness.NICKNAME) for purpose in NAMES] if others else []
    return Term((*exact, *beginnings, *nicknames), word)


def _beginning(purpose: Purpose, value: str) -> Key:
    return Key(purpose, (value,), prefix=True, closeness=Closeness.BEGINNING)


def prefix_end(value: str) -> str:
    """Return the smallest text after everything that begins with the value.

    Patterns with LIKE cannot use an index below row-level security, because LIKE is not leakproof; ranges can.
    """
    return value + "\U0010ffff"

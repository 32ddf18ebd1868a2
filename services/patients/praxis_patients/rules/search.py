"""What a patient can be found by, and what a typed query looks for."""

import enum
import re
from dataclasses import dataclass
from datetime import date

from praxis_patients.rules import dates, names, phones

_NUMBER = re.compile(r"\+?\(?\d[\d\s().\-]{2,}\d")
_MOST_TERMS = 8


class Purpose(enum.StrEnum):
    """Kinds of keys in the search table."""

    NAME = "name"
    OWNER = "owner"
    BIRTH_DATE = "birth_date"
    PHONE = "phone"
    CHART_NUMBER = "chart_number"
    MICROCHIP = "microchip"
    GOVERNMENT_ID = "government_id"
    BLOCK = "block"


@dataclass(frozen=True)
class Key:
    """A value under which a patient is found, or the beginning of one."""

    purpose: Purpose
    value: str
    prefix: bool = False


Term = tuple[Key, ...]  # alternatives, one of which must be true


def terms(query: str, country_code: str, today: date) -> list[Term]:
    """Return the terms of a query; a patient must meet all of them."""
    found: list[Term] = []
    rest = query
    for text in dates.spelled_dates(query):
        if keys := tuple(Key(Purpose.BIRTH_DATE, day.isoformat()) for day in dates.readings(text, country_code, today)):
            found.append(keys)
            rest = rest.replace(text, " ", 1)
    found += [_number_term(match.group(), country_code, today) for match in _NUMBER.finditer(rest)]
    rest = _NUMBER.sub(" ", rest)
    found += [_word_term(word) for word in names.plain(rest).split()]
    return found[:_MOST_TERMS]


def _number_term(text: str, country_code: str, today: date) -> Term:
    """Return what a run of digits can be: a number of the chart, the telephone, the chip, the government, or a date."""
    digits = re.sub(r"\D", "", text)
    keys = [Key(Purpose.CHART_NUMBER, digits), Key(Purpose.MICROCHIP, digits, prefix=len(digits) >= 9)]
    if number := phones.e164(text, country_code) or digits.lstrip("0"):
        keys.append(Key(Purpose.PHONE, phones.search_key(number), prefix=True))
    keys += [Key(Purpose.BIRTH_DATE, day.isoformat()) for day in dates.readings(digits, country_code, today)]
    keys.append(Key(Purpose.GOVERNMENT_ID, digits))
    return tuple(keys)


def _word_term(word: str) -> Term:
    prefixes = (Key(Purpose.NAME, word, prefix=True), Key(Purpose.OWNER, word, prefix=True))
    if not any(c.isdigit() for c in word):
        return prefixes
    exact = (
        Key(Purpose.CHART_NUMBER, word),
        Key(Purpose.MICROCHIP, word.upper()),
        Key(Purpose.GOVERNMENT_ID, word.upper()),
    )
    return (*prefixes, *exact)


def prefix_end(value: str) -> str:
    """Return the smallest text after everything that begins with the value.

    Patterns with LIKE cannot use an index below row-level security, because LIKE is not leakproof; ranges can.
    """
    return value + "\U0010ffff"

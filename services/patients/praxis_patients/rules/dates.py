"""Dates of birth in the forms in which people type them."""

import re
from datetime import date

_ISO = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_COMPACT_LOCAL = re.compile(r"(\d{2})(\d{2})(\d{4})")
_LOCAL = re.compile(r"(?<!\d)(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?!\d)")
_DAY, _WORD = r"(\d{1,2})(?:st|nd|rd|th)?", r"([a-z]{3,10})"
_NAMED = re.compile(
    rf"(?<![^\W_])(?:{_DAY}[-/. ]{{0,2}}(?:de )?{_WORD}|{_WORD}[-/. ]{{0,2}}{_DAY})"
    r"[-/., ]{1,2}(?:del? )?(\d{4})(?!\d)",
    re.IGNORECASE,
)
_MONTHS = (
    ("january", "enero"), ("february", "febrero"), ("march", "marzo"), ("april", "abril"), ("may", "mayo"),
    ("june", "junio"), ("july", "julio"), ("august", "agosto"), ("september", "septiembre", "setiembre"),
    ("october", "octubre"), ("november", "noviembre"), ("december", "diciembre"),
)  # fmt: skip
MONTH_FIRST_COUNTRIES = frozenset({"US", "PR", "GU", "VI", "AS", "MP"})


def spelled_dates(text: str) -> list[str]:
    """Return the parts of the text that look like a date, as they stand there."""
    found = [match.group() for pattern in (_ISO, _LOCAL, _NAMED) for match in pattern.finditer(text)]
    return [part for part in found if not any(part != other and part in other for other in found)]


def readings(text: str, country_code: str, today: date) -> list[date]:
    """Return the dates the text can mean, likeliest first; day and month are read the way of the country."""
    for pattern in (_ISO, _COMPACT):
        if (match := pattern.fullmatch(text)) and (found := _dates([(int(match[1]), int(match[2]), int(match[3]))])):
            return found
    if match := _LOCAL.fullmatch(text) or _COMPACT_LOCAL.fullmatch(text):
        first, second, year = int(match[1]), int(match[2]), _year(match[3], today)
        both = [(year, first, second), (year, second, first)]
        return _dates(both if country_code in MONTH_FIRST_COUNTRIES else both[::-1])
    if match := _NAMED.fullmatch(text):
        month = _month(match[2] or match[3])
        return _dates([(int(match[5]), month, int(match[1] or match[4]))]) if month else []
    return []


def _month(text: str) -> int:
    """Return the number of a month of which at least three letters are written, or 0."""
    fitting = (number for number, spoken in enumerate(_MONTHS, 1) for name in spoken if name.startswith(text.lower()))
    return next(fitting, 0)


def _year(text: str, today: date) -> int:
    """Return the full year; two digits mean the last hundred years."""
    if len(text) == 4:
        return int(text)
    year = today.year - today.year % 100 + int(text)
    return year if year <= today.year else year - 100


def _dates(parts: list[tuple[int, int, int]]) -> list[date]:
    dates: dict[date, None] = {}
    for year, month, day in parts:
        try:
            dates[date(year, month, day)] = None
        except ValueError:
            continue
    return list(dates)

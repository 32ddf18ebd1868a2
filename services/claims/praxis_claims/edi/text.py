"""Turns text into what X12 allows: upper-case ASCII without delimiters, and exact decimal numbers."""

from __future__ import annotations

import unicodedata
from datetime import date
from decimal import Decimal
from functools import lru_cache

# The extended set without our delimiters; what is not in it becomes a space.
ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!\"&'()+,-./;?= %@[]_{}\\|<>#$")
_LETTERS = str.maketrans({
    "ß": "SS", "ẞ": "SS", "Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH", "ı": "I",
    "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "~": "-", "*": " ", ":": " ", "^": " ",
})  # fmt: skip


@lru_cache(maxsize=20_000)
def clean(text: str) -> str:
    """Transliterate to upper-case ASCII, replace delimiters and collapse spaces."""
    if text.isascii() and text.isalnum():
        return text.upper()
    plain = unicodedata.normalize("NFKD", text.upper().translate(_LETTERS))
    letters = (letter if letter in ALLOWED else " " for letter in plain if not unicodedata.combining(letter))
    return " ".join("".join(letters).split())


def lost(text: str) -> bool:
    """Tell whether a text has letters or signs that X12 cannot carry, not even transliterated."""
    letters = unicodedata.normalize("NFC", text)
    return any(not (letter.isspace() or unicodedata.combining(letter) or clean(letter)) for letter in letters)


def money(cents: int) -> str:
    """Write cents as X12 does: no sign but minus, no needless zeros, `.5` as 0.5."""
    sign, whole, fraction = "-" if cents < 0 else "", abs(cents) // 100, abs(cents) % 100
    return f"{sign}{whole}" if not fraction else f"{sign}{whole}.{fraction:02}".rstrip("0")


def decimal(value: Decimal) -> str:
    """Write a quantity without exponent and needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def day(value: date) -> str:
    """Write CCYYMMDD."""
    return f"{value.year:04}{value.month:02}{value.day:02}"


def digits(text: str) -> str:
    """The digits of a telephone number, ZIP code or tax id."""
    return "".join(filter(str.isdigit, text))

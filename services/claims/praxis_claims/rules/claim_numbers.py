"""Claim numbers: fixed length, safe in upper and lower case, with a check character that shows damage by payers."""

from __future__ import annotations

import hashlib
from uuid import UUID

# Letters that are mistaken for digits are left out, so that a number survives being read aloud.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BASE = len(ALPHABET)
KEY_LENGTH = 12
LENGTH = 17
MAX_ATTEMPTS = BASE**2 - 1


def encode(value: int, length: int) -> str:
    """Write `value` in base 32 with leading zeros; higher digits are dropped."""
    digits = ""
    for _ in range(length):
        value, digit = divmod(value, BASE)
        digits = ALPHABET[digit] + digits
    return digits


def check_character(text: str) -> str:
    """Return the Luhn mod 32 character, which finds every wrong character and most transpositions."""
    total, factor = 0, 2
    for character in reversed(text):
        addend = factor * ALPHABET.index(character)
        total += addend // BASE + addend % BASE
        factor = 3 - factor
    return ALPHABET[-total % BASE]


def practice_prefix(tenant_id: UUID) -> str:
    return encode(int.from_bytes(hashlib.sha256(tenant_id.bytes).digest()[:4]), 2)


def claim_number(tenant_id: UUID, claim_id: UUID, attempt: int) -> str:
    """Number of one attempt of one claim; the random end of the id makes it unique."""
    if not 1 <= attempt <= MAX_ATTEMPTS:
        raise ValueError(f"a claim has 1 to {MAX_ATTEMPTS} attempts, not {attempt}")
    body = practice_prefix(tenant_id) + encode(claim_id.int, KEY_LENGTH) + encode(attempt, 2)
    return body + check_character(body)


def normalized(text: str) -> str | None:
    """Return the number in `text` as we wrote it, or None when it is none of ours or was damaged."""
    number = text.strip().upper()
    if len(number) != LENGTH or not set(number) <= set(ALPHABET):
        return None
    return number if check_character(number[:-1]) == number[-1] else None


def line_control_number(number: str, line: int) -> str:
    return f"{number}{line:02d}"

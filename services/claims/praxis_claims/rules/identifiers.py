"""Checks of the identifiers that claims carry: NPI, taxonomy, tax id, ZIP code and street address."""

from __future__ import annotations

import re

NPI = re.compile(r"[12]\d{9}")
TAXONOMY = re.compile(r"[0-9A-Z]{9}X")
POST_OFFICE_BOX = re.compile(r"\b(p\.?\s*o\.?\s*box|post\s+office\s+box|lock\s*box)\b", re.IGNORECASE)
# An NPI is checked as if it were the card number that starts with 80840, the prefix of health identifiers.
NPI_PREFIX = "80840"


def luhn_valid(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def npi_valid(npi: str) -> bool:
    return bool(NPI.fullmatch(npi)) and luhn_valid(NPI_PREFIX + npi)


def taxonomy_valid(code: str) -> bool:
    return bool(TAXONOMY.fullmatch(code))


def tax_id_valid(tax_id: str) -> bool:
    digits = tax_id.replace("-", "")
    return len(digits) == 9 and digits.isdigit() and len(set(digits)) > 1


def zip_digits(postal_code: str) -> str:
    return re.sub(r"[\s-]", "", postal_code)


def zip_valid(postal_code: str, *, nine_digits: bool = False) -> bool:
    digits = zip_digits(postal_code)
    return digits.isdigit() and len(digits) in ((9,) if nine_digits else (5, 9))


def is_post_office_box(lines: tuple[str, ...]) -> bool:
    return any(POST_OFFICE_BOX.search(line) for line in lines)

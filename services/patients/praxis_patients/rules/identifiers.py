"""Check digits and ranges of the numbers that identify practitioners, people and animals."""

import enum
import re
from dataclasses import dataclass

_NPI_PREFIX = "80840"
_LARGEST_ANIMAL_NUMBER = 2**38 - 1
_LEGACY = re.compile(r"[0-9A-Z]{9,10}")
_SEPARATORS = re.compile(r"[\s.\-*]+")


class MicrochipProblem(enum.Enum):
    LENGTH = "MICROCHIP_LENGTH"
    PREFIX = "MICROCHIP_PREFIX"
    RANGE = "MICROCHIP_RANGE"


@dataclass(frozen=True)
class Microchip:
    """A microchip number without separators, and what is wrong or old about it."""

    number: str
    problem: MicrochipProblem | None = None
    legacy: bool = False


def npi_is_valid(npi: str) -> bool:
    """Tell whether ten digits begin with 1 or 2 and carry the right check digit (Luhn, after the prefix 80840)."""
    if not re.fullmatch(r"[12][0-9]{9}", npi):
        return False
    digits = [int(digit) for digit in reversed(_NPI_PREFIX + npi)]
    doubled = [digit * (1 + position % 2) for position, digit in enumerate(digits)]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def microchip(text: str) -> Microchip:
    """Read a microchip number: 15 digits by ISO 11784, or 9 or 10 characters of an older kind."""
    number = _SEPARATORS.sub("", text).upper()
    if re.fullmatch(r"[0-9]{15}", number):
        return Microchip(number, _iso_problem(number))
    if _LEGACY.fullmatch(number):
        return Microchip(number, legacy=True)
    return Microchip(number, MicrochipProblem.LENGTH)


def _iso_problem(number: str) -> MicrochipProblem | None:
    country_or_maker = int(number[:3])
    if not 1 <= country_or_maker <= 998:
        return MicrochipProblem.PREFIX
    return MicrochipProblem.RANGE if int(number[3:]) > _LARGEST_ANIMAL_NUMBER else None


def cdc_code_is_valid(code: str) -> bool:
    """Tell whether a code of a race or an ethnicity carries the right check digit (Luhn), or is not known."""
    if code in {"UNK", "ASKU"}:
        return True
    if not re.fullmatch(r"[0-9]{4}-[0-9]", code):
        return False
    digits = [int(digit) for digit in reversed(code.replace("-", ""))]
    doubled = [digit * (1 + position % 2) for position, digit in enumerate(digits)]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def government_id(text: str, country_code: str) -> str | None:
    """Return the number without separators, or nothing when it cannot be one of the country."""
    number = re.sub(r"[^0-9A-Z]", "", text.upper())
    if country_code == "US":
        return number if re.fullmatch(r"[0-9]{9}", number) and number != "000000000" else None
    return number if 4 <= len(number) <= 20 else None

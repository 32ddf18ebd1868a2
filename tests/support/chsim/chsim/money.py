"""Exact money as integer cents."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation


def cents(text: str) -> int:
    """Cents of a decimal string; an empty string is zero."""
    try:
        value = Decimal(text or "0") * 100
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not an amount of money.") from error
    if value != value.to_integral_value():
        raise ValueError(f"{text!r} has more than two decimals.")
    return int(value)


def amount(value: int) -> str:
    """The shortest X12 form: `12.5` for 1250, `-1` for -100."""
    text = f"{abs(value) // 100}.{abs(value) % 100:02d}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 else text


def decimal(value: int) -> str:
    """The form people and JSON expect: always two decimals."""
    return f"{'-' if value < 0 else ''}{abs(value) // 100}.{abs(value) % 100:02d}"


def share(value: int, percent: int) -> int:
    """A percentage of an amount, rounded half up."""
    return int((Decimal(value) * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))

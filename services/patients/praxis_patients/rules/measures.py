"""Weights in the units of scales, brought into each other exactly."""

from decimal import ROUND_HALF_EVEN, Decimal

POUND = Decimal("0.45359237")
# How many kilograms one of each unit is, by definition.
KILOGRAMS = {
    "kg": Decimal(1),
    "g": Decimal("0.001"),
    "lb": POUND,
    "oz": POUND / 16,
}
LARGEST, DECIMALS = Decimal(1_000_000), 3
LARGEST_HERD = 10_000_000


def kilograms(value: Decimal, unit: str) -> Decimal | None:
    """Return a weight in kilograms without rounding; nothing for a unit that is none of weight."""
    factor = KILOGRAMS.get(unit)
    return None if factor is None else value * factor


def pounds(value: Decimal, unit: str) -> Decimal | None:
    """Return a weight in pounds, rounded to four decimals."""
    if unit in {"lb", "oz"}:
        exact = value if unit == "lb" else value / 16
    else:
        weight = kilograms(value, unit)
        if weight is None:
            return None
        exact = weight / POUND
    return exact.quantize(Decimal("0.0001"), rounding=ROUND_HALF_EVEN)


def fits(value: Decimal) -> bool:
    """Tell whether a value has no more digits than are kept."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -DECIMALS and value < LARGEST


def herd_fits(value: Decimal) -> bool:
    return value == value.to_integral_value() and 1 <= value <= LARGEST_HERD

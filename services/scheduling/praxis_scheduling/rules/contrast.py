"""How well a text can be read on a color (WCAG 2.2, contrast ratio)."""

from __future__ import annotations

LEAST = 4.5
INKS = ("#1b2733", "#ffffff", "#000000")  # on every color one of these can be read


def luminance(color: str) -> float:
    """Return the relative luminance of `#rrggbb`."""
    red, green, blue = (_linear(int(color[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def ratio(one: str, other: str) -> float:
    """Return the contrast of two colors, from 1 to 21; the order does not matter."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def ink_for(color: str) -> str:
    """Return a text color that can be read on a color."""
    return next(ink for ink in INKS if ratio(color, ink) >= LEAST)


def shown(contrast: float) -> str:
    """Return a ratio with two decimals, rounded down so that 4.49 never looks like enough."""
    return f"{int(contrast * 100) / 100:.2f}"

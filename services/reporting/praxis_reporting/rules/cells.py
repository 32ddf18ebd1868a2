"""Cells of exported tables: what is a number stays one, and text never becomes a formula."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

Cell = str | int | bool | Decimal | date | datetime | None
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def csv_cell(value: Cell) -> str:
    """Return the text of a cell; text that a spreadsheet would run gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return f"'{value}" if value.startswith(DANGEROUS) else value
    return str(value)

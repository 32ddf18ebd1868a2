"""What the values of fields that a practice defines must look like."""

import re
from collections.abc import Collection
from datetime import date

_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")


def fits(kind: str, value: str, choices: Collection[str]) -> bool:
    """Tell whether a value is one of a field's type."""
    if kind == "number":
        return bool(_NUMBER.fullmatch(value))
    if kind == "date":
        return _is_date(value)
    if kind == "boolean":
        return value in {"true", "false"}
    return value in choices if kind == "choice" else bool(value.strip())


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False

"""What an update may touch."""

from __future__ import annotations

from collections.abc import Sequence

from praxis_chassis.errors import invalid


def require_changeable(resource: str, path: str, changeable: Sequence[str]) -> None:
    """Refuse to change a field that has an operation of its own."""
    if path not in changeable:
        raise invalid(f"{resource}.{path}", "FIELD_FIXED", fields=", ".join(changeable))

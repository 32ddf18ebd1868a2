"""Permission patterns: three parts with dots, where `*` stands for one whole part."""

from __future__ import annotations

from collections.abc import Iterable


def covers(wide: str, narrow: str) -> bool:
    """Tell whether everything that `narrow` permits is permitted by `wide`."""
    return all(have in ("*", want) for have, want in zip(wide.split("."), narrow.split("."), strict=True))


def beyond(held: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Return the wanted patterns that no held one covers."""
    owned = list(held)
    return sorted(pattern for pattern in wanted if not any(covers(own, pattern) for own in owned))


def resolve(patterns: Iterable[str], permissions: Iterable[str]) -> list[str]:
    """Return the permissions that the patterns give."""
    held = list(patterns)
    return sorted(name for name in permissions if any(covers(pattern, name) for pattern in held))


def meaningless(patterns: Iterable[str], permissions: Iterable[str]) -> list[str]:
    """Return the patterns that give no permission that exists."""
    known = list(permissions)
    return [pattern for pattern in patterns if not any(covers(pattern, name) for name in known)]

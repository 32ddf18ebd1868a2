"""How long an account waits after wrong passwords: nothing five times, then doubling, never for ever."""

from __future__ import annotations

LONGEST_SECONDS = 900
_FREE_TRIES = 5


def wait_seconds(failures: int) -> int:
    """Return how long nobody may try again after this many failures in a row."""
    if failures <= _FREE_TRIES:
        return 0
    return min(LONGEST_SECONDS, 1 << min(failures - _FREE_TRIES - 1, 10))

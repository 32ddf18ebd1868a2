"""Which given names people use for one another."""

from functools import lru_cache
from importlib import resources

MOST = 40


@lru_cache(maxsize=1)
def _shipped() -> dict[str, frozenset[str]]:
    """Return for each name the full names and the short names that it stands for directly."""
    text = resources.files("praxis_patients").joinpath("reference/nicknames.txt").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        full, _, short = line.partition(": ")
        for name in short.split():
            found.setdefault(full, set()).add(name)
            found.setdefault(name, set()).add(full)
    return {name: frozenset(others) for name, others in found.items()}


def related(name: str) -> list[str]:
    """Return the names that somebody of this name may be registered under: full, short, and short of the same full."""
    direct = _shipped().get(name, frozenset())
    beside = {other for full in direct for other in _shipped()[full]}
    return sorted((direct | beside) - {name})[:MOST]

"""How many calls may be under way at once, in all and by kind, so that slow ones never take the others' places."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from praxis_gateway.contracts import Operation
from praxis_gateway.problems import Problem

_FULL = "Too many calls are under way. Wait a moment and try again."


class Bulkheads:
    """Places for calls; a call takes one of every kind that it is of, or is refused at once."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Hold one of all places."""
        with self._held({"whole": self.places}):
            yield

    @contextmanager
    def part(self, kind: str, tenant: str) -> Iterator[None]:
        """Hold a place of a kind and of a practice: neither gets more than half, reports and files an eighth each."""
        half = max(1, self.places // 2)
        limit = max(1, self.places // 8) if kind in {"reports", "files"} else half
        with self._held({kind: limit, f"tenant {tenant}": half}):
            yield

    @contextmanager
    def _held(self, limits: dict[str, int]) -> Iterator[None]:
        with self._lock:
            if any(self._taken[key] >= limit for key, limit in limits.items()):
                raise Problem(503, "OVERLOADED", _FULL, headers={"Retry-After": "1"})
            self._taken.update(limits.keys())
        try:
            yield
        finally:
            with self._lock:
                self._taken.subtract(limits.keys())
                # Practices come and go; a name that holds nothing is forgotten.
                for key in limits:
                    if not self._taken[key]:
                        del self._taken[key]


def kind_of(operation: Operation) -> str:
    """Return which places a call takes: those of reports, of files, or of the service that answers it."""
    if operation.service == "reporting":
        return "reports"
    return "files" if operation.takes_file or operation.gives_file else operation.service

"""How many calls one login may make, by token buckets in this process."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 60
_MOST_BUCKETS = 20_000


@dataclass(frozen=True)
class Allowance:
    """What is left of a limit after a call."""

    allowed: bool
    limit: int
    left: int
    wait_seconds: int

    def headers(self) -> dict[str, str]:
        """Return the headers of the IETF draft on rate limits."""
        return {
            "RateLimit": f'"default";r={self.left};t={max(1, self.wait_seconds)}',
            "RateLimit-Policy": f'"default";q={self.limit};w={WINDOW_SECONDS}',
        }


class Limiter:
    """Buckets that hold one minute's calls and fill up evenly."""

    def __init__(self, calls_per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = calls_per_minute
        self._rate = calls_per_minute / WINDOW_SECONDS
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> Allowance:
        """Take one call from a bucket."""
        now = self._clock()
        with self._lock:
            level, since = self._buckets.pop(key, (float(self._limit), now))
            level = min(self._limit, level + (now - since) * self._rate)
            allowed = level >= 1
            level -= 1 if allowed else 0
            self._buckets[key] = (level, now)
            if len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        wait = 0 if allowed else math.ceil((1 - level) / self._rate)
        return Allowance(allowed, self._limit, int(level), wait or math.ceil((self._limit - level) / self._rate))

"""Row 0: how fast the load generator itself is, so that nobody takes its limit for ours."""

from __future__ import annotations

from statistics import median

from tests.bench import load
from tests.bench.calls import CONNECTIONS, Calls
from tests.bench.figures import Figure, Promise

LEAST = 5000
LIMIT = Promise("0 load generator, constant answer", "calls/s", "≥ 5,000")


def limit(calls: Calls) -> list[Figure]:
    """Drive a server with a constant answer of 800 bytes."""
    content = load.request("GET", "/", "none")
    seconds = calls.effort.seconds / 3
    loads = [
        load.drive(calls.stage.sink, [content], seconds=seconds, connections=CONNECTIONS).expect(200)
        for _ in range(calls.effort.rounds)
    ]
    rate = median(each.rate for each in loads)
    return [LIMIT.kept(rate, met=rate >= LEAST)]

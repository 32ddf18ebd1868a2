"""Counters, histograms and gauges of our own: a record costs a third of a microsecond, and only templates are labels.

They are handed to the OTLP exporter now and then; without a collector nothing ever reads them.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from praxis_chassis import facts

# Seconds; the same for every duration, so that dashboards can lay one over the other.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# More combinations than this are a mistake in a label, and would cost the collector more than the calls.
MOST_SERIES = 2000
OVERFLOW = "_other"
instruments: list[Counter | Histogram | Gauge] = []


@dataclass(slots=True)
class Series:
    """What one combination of labels has come to; the exemplar is the newest sampled trace in a bucket."""

    total: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    exemplars: dict[int, tuple[float, int, str]] = field(default_factory=dict)


class Counter:
    """Counts what happened."""

    def __init__(self, name: str, labels: Sequence[str], description: str) -> None:
        self.name, self.labels, self.description = name, tuple(labels), description
        self.series: dict[tuple[Any, ...], Series] = {}
        self.lock = threading.Lock()
        instruments.append(self)

    def add(self, count: int, *values: Any) -> None:
        """Count under one value per label."""
        with self.lock:
            self._of(values).total += count

    def _of(self, values: tuple[Any, ...]) -> Series:
        found = self.series.get(values)
        if found is None:
            if len(self.series) >= MOST_SERIES:
                values = (OVERFLOW,) * len(self.labels)
            found = self.series.setdefault(values, Series())
        return found


class Histogram(Counter):
    """Counts durations in seconds by how long they were."""

    def record(self, seconds: float, *values: Any, traceparent: str = "") -> None:
        """Record one duration; a sampled trace becomes the example of its bucket."""
        bucket = bisect_left(BOUNDS, seconds)
        with self.lock:
            series = self._of(values)
            series.total += seconds
            series.buckets[bucket] += 1
            if traceparent.endswith("-01"):
                series.exemplars[bucket] = (seconds, time.time_ns(), traceparent)


class Gauge:
    """Something that has a value whenever somebody looks; the readers are called by the exporting thread only."""

    def __init__(self, name: str, labels: Sequence[str], description: str, unit: str) -> None:
        self.name, self.labels, self.description, self.unit = name, tuple(labels), description, unit
        self.readers: list[Callable[[], Iterable[tuple[float, tuple[Any, ...]]]]] = []
        instruments.append(self)

    @contextmanager
    def reading(self, reader: Callable[[], Iterable[tuple[float, tuple[Any, ...]]]]) -> Iterator[None]:
        """Let a reader be asked for as long as what it reads is there."""
        self.readers.append(reader)
        try:
            yield
        finally:
            self.readers.remove(reader)

    def read(self) -> Iterator[tuple[float, tuple[Any, ...]]]:
        """Return value and labels of all; a reader that fails is left out this time."""
        for reader in list(self.readers):
            try:
                yield from reader()
            except Exception:  # noqa: BLE001 -- what is measured may be down, and that must not stop the rest
                facts.drop("metric")


http_server = Histogram(
    "http.server.request.duration",
    ("http.request.method", "http.route", "http.response.status_code"),
    "Time to answer a request at the gateway",
)
_RPC = ("rpc.service", "rpc.method", "rpc.response.status_code")
rpc_server = Histogram("rpc.server.call.duration", _RPC, "Time to answer a call in a service")
rpc_client = Histogram("rpc.client.call.duration", _RPC, "Time that a call to a service took its caller")
process = Histogram(
    "messaging.process.duration", ("messaging.destination.name", "event_type", "outcome"), "Time to apply an event"
)
published = Counter("praxis.events.published", ("event_type",), "Events acknowledged by the stream: what happened")
outbox_lag = Gauge("praxis.outbox.lag", (), "Events that wait to be published", "{event}")
outbox_oldest = Gauge("praxis.outbox.oldest_age", (), "Age of the oldest event that waits to be published", "s")
pending = Gauge("praxis.consumer.pending", ("source",), "Events of another service that wait to be applied", "{event}")
pool = Gauge("praxis.db.pool.in_use", ("pool",), "Connections of a pool that work", "{connection}")
kept_back = Gauge("praxis.telemetry.dropped", ("signal",), "Facts that the allow-list kept back", "{fact}")
kept_back.readers.append(lambda: [(count, (signal,)) for signal, count in facts.dropped.items()])


class Exporting(threading.Thread):
    """Hands everything to an OTLP exporter every so many seconds, and once more at the end."""

    def __init__(self, exporter: Any, resource: Any, seconds: float) -> None:
        super().__init__(name="metrics", daemon=True)
        self.exporter, self.resource, self.seconds = exporter, resource, seconds
        self.began, self.asked = time.time_ns(), threading.Event()

    def run(self) -> None:
        """Export until stopped."""
        while not self.asked.wait(self.seconds):
            self.exporter.export(snapshot(self.resource, self.began))

    def stop(self) -> None:
        """Export what is left; a collector that does not answer is not waited for long."""
        self.asked.set()
        self.join(2)
        if not self.is_alive():
            self.exporter.export(snapshot(self.resource, self.began))
        self.exporter.shutdown()


def snapshot(resource: Any, began: int) -> Any:
    """Return the state of every instrument as the exporter takes it."""
    from opentelemetry.sdk.metrics import export as sdk
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    now = time.time_ns()
    metrics = [_metric(sdk, each, began, now) for each in instruments]
    scope = sdk.ScopeMetrics(InstrumentationScope("praxis"), metrics, "")
    return sdk.MetricsData([sdk.ResourceMetrics(resource, [scope], "")])


def _metric(sdk: Any, each: Counter | Histogram | Gauge, began: int, now: int) -> Any:
    cumulative = sdk.AggregationTemporality.CUMULATIVE
    if isinstance(each, Gauge):
        points = [sdk.NumberDataPoint(_labels(each, values), 0, now, value) for value, values in each.read()]
        return sdk.Metric(each.name, each.description, each.unit, sdk.Gauge(points))
    with each.lock:
        series = list(each.series.items())
        if isinstance(each, Histogram):
            points = [_histogram(sdk, _labels(each, values), began, now, found) for values, found in series]
            return sdk.Metric(each.name, each.description, "s", sdk.Histogram(points, cumulative))
        points = [sdk.NumberDataPoint(_labels(each, values), began, now, int(found.total)) for values, found in series]
    return sdk.Metric(each.name, each.description, "1", sdk.Sum(points, cumulative, is_monotonic=True))


def _labels(each: Counter | Gauge, values: Sequence[Any]) -> dict[str, Any]:
    return facts.allowed(dict(zip(each.labels, values, strict=True)), "metric")


def _histogram(sdk: Any, labels: dict[str, Any], began: int, now: int, series: Series) -> Any:
    from opentelemetry.sdk.metrics import Exemplar

    exemplars = [
        Exemplar({}, value, at, int(trace[36:52], 16), int(trace[3:35], 16))
        for value, at, trace in series.exemplars.values()
    ]
    counts, bounds = tuple(series.buckets), BOUNDS
    smallest = largest = None  # buckets tell neither; the format leaves both out then
    return sdk.HistogramDataPoint(
        labels, began, now, sum(counts), series.total, counts, bounds, smallest, largest, exemplars
    )

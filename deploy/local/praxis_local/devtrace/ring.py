"""The newest traces, how each kind of call has done, and the newest metrics; what is older falls out."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from praxis_local.devtrace.records import Line, Point, Span

TRACES, LINES, SPANS_OF_A_TRACE, DURATIONS = 1000, 2000, 2000, 1000


@dataclass
class Trace:
    """Everything that one request caused, as far as it has arrived."""

    id: str
    spans: list[Span] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    @property
    def root(self) -> Span:
        """Return the span that nothing of this trace is above; the earliest when there are several."""
        known = {span.id for span in self.spans}
        tops = [span for span in self.spans if span.parent not in known]
        return min(tops or self.spans, key=lambda span: span.began)

    @property
    def began(self) -> int:
        return min(span.began for span in self.spans)

    @property
    def ended(self) -> int:
        return max(span.ended for span in self.spans)

    @property
    def settled_ms(self) -> float:
        """Return how long it took until the last consumer had done its part."""
        return (self.ended - self.began) / 1e6

    @property
    def services(self) -> list[str]:
        """Return who took part, in the order of their first work."""
        ordered = sorted(self.spans, key=lambda span: span.began)
        return list(dict.fromkeys(span.service for span in ordered))

    @property
    def errors(self) -> list[Span]:
        return [span for span in self.spans if span.error]

    @property
    def statements(self) -> list[Span]:
        return [span for span in self.spans if is_statement(span)]

    @property
    def repeated(self) -> list[tuple[str, str, int]]:
        """Return service, statement and count of what one span asked the database again and again."""
        counted = Counter((span.service, span.name, span.parent) for span in self.statements)
        return [(service, name, count) for (service, name, _), count in counted.most_common(3) if count >= 5]

    def tree(self) -> list[tuple[int, Span]]:
        """Return depth and span, each below its parent, in the order of time."""
        below: dict[str, list[Span]] = {}
        known = {span.id for span in self.spans}
        for span in sorted(self.spans, key=lambda each: (each.began, -each.ended)):
            below.setdefault(span.parent if span.parent in known else "", []).append(span)
        rows: list[tuple[int, Span]] = []
        waiting = [(0, span) for span in reversed(below.get("", []))]
        while waiting:
            depth, span = waiting.pop()
            rows.append((depth, span))
            waiting.extend((depth + 1, child) for child in reversed(below.get(span.id, [])))
        return rows


@dataclass
class Record:
    """How one kind of work has done since the viewer started; durations of the newest thousand."""

    group: str
    service: str
    name: str
    calls: int = 0
    errors: int = 0
    refused: int = 0
    total_ms: float = 0.0
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=DURATIONS))

    def add(self, span: Span) -> None:
        self.calls += 1
        self.errors += bool(span.error)
        self.refused += span.refused
        self.total_ms += span.milliseconds
        self.newest.append(span.milliseconds)

    def percentiles(self) -> tuple[float, float, float]:
        """Return p50, p95 and p99 in milliseconds."""
        ordered = sorted(self.newest)
        return tuple(ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.95, 0.99))  # type: ignore[return-value]


@dataclass(frozen=True)
class Wanted:
    """What a list of traces was narrowed to."""

    service: str = ""
    text: str = ""
    at_least_ms: float = 0.0
    errors_only: bool = False
    slowest_first: bool = False

    def admits(self, trace: Trace) -> bool:
        return (
            (not self.service or self.service in trace.services)
            and (not self.errors_only or bool(trace.errors))
            and trace.root.milliseconds >= self.at_least_ms
            and (not self.text or any(self.text.lower() in span.name.lower() for span in trace.spans))
        )


class Ring:
    """Holds what arrived; every method may be called from any thread."""

    def __init__(self, most: int = TRACES) -> None:
        self.most = most
        self.lock = Lock()
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._records: dict[tuple[str, str, str], Record] = {}
        self._points: dict[tuple[Any, ...], Point] = {}
        self._lines: deque[Line] = deque(maxlen=max(LINES, most))
        self.spans = 0

    def take_spans(self, spans: Iterable[Span]) -> None:
        with self.lock:
            for span in spans:
                self.spans += 1
                trace = self._traces.get(span.trace)
                if trace is None:
                    trace = self._traces[span.trace] = Trace(span.trace)
                    trace.lines.extend(line for line in self._lines if line.trace == span.trace)
                    if len(self._traces) > self.most:
                        self._traces.popitem(last=False)
                if len(trace.spans) < SPANS_OF_A_TRACE:
                    trace.spans.append(span)
                key = (group_of(span), span.service, span.name)
                self._records.setdefault(key, Record(*key)).add(span)

    def take_lines(self, lines: Iterable[Line]) -> None:
        with self.lock:
            for line in lines:
                self._lines.append(line)
                if line.trace in self._traces:
                    self._traces[line.trace].lines.append(line)

    def take_points(self, points: Iterable[Point]) -> None:
        with self.lock:
            for point in points:
                self._points[point.name, point.service, point.instance, point.labels] = point

    def trace(self, identifier: str) -> Trace | None:
        with self.lock:
            found = self._traces.get(identifier)
            return Trace(found.id, list(found.spans), list(found.lines)) if found else None

    def traces(self, wanted: Wanted | None = None) -> list[Trace]:
        """Return the traces that are wanted, newest first unless asked otherwise."""
        with self.lock:
            held = [Trace(each.id, list(each.spans), list(each.lines)) for each in self._traces.values()]
        wanted = wanted or Wanted()
        found = [trace for trace in held if wanted.admits(trace)]
        return sorted(found, key=lambda each: -(each.root.milliseconds if wanted.slowest_first else each.began))

    def records(self) -> list[Record]:
        with self.lock:
            return [Record(**{**vars(each), "newest": each.newest.copy()}) for each in self._records.values()]

    def points(self) -> list[Point]:
        with self.lock:
            return sorted(self._points.values(), key=lambda each: (each.name, each.service, each.labels))

    def lines(self) -> list[Line]:
        with self.lock:
            return list(self._lines)


def group_of(span: Span) -> str:
    """Return which table a span belongs to."""
    if is_statement(span):
        return "sql"
    if "http.route" in span.facts:
        return "http"
    if span.kind == "server":
        return "rpc"
    return {"consumer": "event", "producer": "publish"}.get(span.kind, "other")


def is_statement(span: Span) -> bool:
    return "db.query.text" in span.facts


@dataclass
class Edge:
    """What went from one part to another."""

    source: str
    target: str
    kind: str
    count: int = 0
    errors: int = 0
    durations: list[float] = field(default_factory=list)


def edges_of(traces: Sequence[Trace]) -> list[Edge]:
    """Return who called whom, who published, who heard it, and who asked a database."""
    found: dict[tuple[str, str, str], Edge] = {}
    for trace in traces:
        by_id = {span.id: span for span in trace.spans}
        for span in trace.spans:
            for source, target, kind in _steps(span, by_id.get(span.parent)):
                edge = found.setdefault((source, target, kind), Edge(source, target, kind))
                edge.count += 1
                edge.errors += bool(span.error)
                edge.durations.append(span.milliseconds)
    return sorted(found.values(), key=lambda edge: (edge.kind, edge.source, edge.target))


def _steps(span: Span, parent: Span | None) -> list[tuple[str, str, str]]:
    if is_statement(span):
        return [(span.service, f"{span.service} database", "sql")]
    if span.kind == "producer":
        return [(span.service, "NATS", "publish")]
    if span.kind == "consumer":
        return [("NATS", span.service, "event")]
    if span.kind == "server" and parent is not None and parent.service != span.service:
        return [(parent.service, span.service, "call")]
    return []

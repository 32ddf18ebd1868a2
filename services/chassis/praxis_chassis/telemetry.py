"""One trace from HTTP over gRPC, SQL and event to the consumer: spans of our own at five places.

Whether a trace is kept is decided once, where it begins. What is not kept carries its ids, so that logs can be joined,
and costs a few microseconds; only a span that is kept is ever seen by the OpenTelemetry SDK.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import secrets
import time
import weakref
from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from sqlalchemy import Engine, event

from praxis_chassis import metrics
from praxis_chassis.types import new_id

NOBODY = "0" * 16
WIRE = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# Codes that are nobody's wish: the service, not its caller, has something to mend.
FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})

_current: ContextVar[str] = ContextVar("traceparent", default="")
_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Kept:
    """Where spans that are kept go, and which part of the traces that begin here is kept."""

    processor: Any = None
    ratio: float = 0.0
    resource: Any = None


_kept = Kept()


def start(service: str, ratio: float) -> None:
    """Begin to export, when the standard variable names a collector; without one nothing is made and nothing paid."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from praxis_chassis.exporting import Guard
    from praxis_chassis.logs import Collected

    os.environ.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", "3")  # so long may a collector that is gone hold up our end
    # The instance tells apart the processes of one service; a host's name may be somebody's.
    resource = Resource.create({"service.name": f"praxis-{service}", "service.instance.id": str(new_id())})
    global _kept  # noqa: PLW0603 -- a process has one telemetry, as it has one standard error
    _kept = Kept(BatchSpanProcessor(Guard(OTLPSpanExporter())), ratio, resource)
    lines = LoggerProvider(resource)
    lines.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    logging.getLogger().addHandler(Collected(lines.get_logger("praxis")))
    seconds = float(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "10000")) / 1000
    exporting = metrics.Exporting(OTLPMetricExporter(), resource, seconds)
    exporting.start()
    atexit.register(exporting.stop)
    atexit.register(_kept.processor.shutdown)


def arrive(sent: str = "", *, wanted: bool = True) -> str:
    """Return the trace of work that begins here, kept or not as this process decides; a trace that was sent goes on.

    Whoever sends a trace does not decide whether we keep it, because keeping costs us.
    """
    chosen = wanted and _kept.processor is not None and secrets.randbits(32) < _kept.ratio * 2**32
    known = WIRE.fullmatch(sent)
    trace, parent = (sent[3:35], sent[36:52]) if known else (secrets.token_hex(16), NOBODY)
    if chosen:
        return f"00-{trace}-{parent}-01"
    return f"00-{trace}-{secrets.token_hex(8) if parent == NOBODY else parent}-00"


def current() -> str:
    """Return the trace that this thread or task works in, or nothing."""
    return _current.get()


def kept(traceparent: str) -> bool:
    """Tell whether spans below this one are exported."""
    return _kept.processor is not None and traceparent.endswith("-01")


class span:  # noqa: N801 -- reads as the statement that it is: `with telemetry.span(…)`
    """A piece of work; exported when it ends if its trace is kept."""

    __slots__ = ("_began", "_token", "facts", "failure", "kind", "name", "parent", "traceparent")

    def __init__(self, name: str, kind: SpanKind, traceparent: str = "", **facts_: Any) -> None:
        self.name, self.kind, self.facts = name, kind, facts_
        self.parent = self.traceparent = traceparent or _current.get()
        self.failure, self._began = "", 0
        self._token: Token[str] | None = None

    def __enter__(self) -> Self:
        """Become what logs and further spans of this thread or task belong to."""
        if kept(self.parent):
            self.traceparent = f"{self.parent[:36]}{secrets.token_hex(8)}-01"
            self._began = time.time_ns()
        self._token = _current.set(self.traceparent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, _place: TracebackType | None
    ) -> None:
        if failure is not None and not getattr(failure, "is_refusal", False):
            self.failure = type(failure).__name__
        if self._token is not None:
            _current.reset(self._token)
        if self._began:
            export(self.name, self.kind, self.parent, self.traceparent, self._began, self.facts, self.failure)


class rpc(span):  # noqa: N801 -- as above
    """One call at one of its ends: a span, and its duration by method and status code."""

    __slots__ = ("_clock", "code", "histogram")

    def __init__(self, kind: SpanKind, full_name: str, traceparent: str = "") -> None:
        super().__init__(full_name, kind, traceparent)
        self.histogram = metrics.rpc_server if kind is SpanKind.SERVER else metrics.rpc_client
        self.code = "OK"
        self._clock = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, place: TracebackType | None
    ) -> None:
        service, _, method = self.name.partition("/")
        took = time.perf_counter() - self._clock
        self.histogram.record(took, service, method, self.code, traceparent=self.traceparent)
        if self._began:
            self.facts = {"rpc.service": service, "rpc.method": method, "rpc.response.status_code": self.code}
        super().__exit__(kind, None, place)

    def answered(self, code: str) -> None:
        """Note the status; only a fault of the service makes the span an error."""
        self.code = code
        self.failure = code if code in FAULTS else ""


class errand(span):  # noqa: N801 -- as above
    """Work that the clock starts and that mostly finds nothing to do: exported only if it did something, or failed."""

    __slots__ = ("did_something",)

    def __init__(self, name: str) -> None:
        super().__init__(name, SpanKind.INTERNAL, arrive())
        self.did_something = False

    def __enter__(self) -> Self:
        """Begin; what happens inside is joined by logs and by the events it causes, but is not exported itself."""
        super().__enter__()
        _current.set(f"{self.traceparent[:53]}00")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, place: TracebackType | None
    ) -> None:
        if not (self.did_something or self.failure or failure):
            self._began = 0
        super().__exit__(kind, failure, place)


def export(
    name: str, kind: SpanKind, parent: str, own: str, began: int, known: Mapping[str, Any], failure: str = ""
) -> None:
    """Hand a finished span to the processor. Built whole at its end: half of what the SDK's life-long spans cost."""
    from opentelemetry.sdk.trace import ReadableSpan

    ended = ReadableSpan(
        name,
        context=span_context(own),
        parent=span_context(parent) if parent[36:52] != NOBODY else None,
        resource=_kept.resource,
        attributes=dict(known),
        kind=kind,
        status=Status(StatusCode.ERROR, failure) if failure else Status(),
        start_time=began,
        end_time=time.time_ns(),
    )
    _kept.processor.on_end(ended)


def span_context(traceparent: str) -> SpanContext:
    """Return a trace parent as the SDK knows it."""
    flags = TraceFlags(int(traceparent[53:55], 16))
    return SpanContext(int(traceparent[3:35], 16), int(traceparent[36:52], 16), is_remote=False, trace_flags=flags)


def otel_context() -> Any:
    """Return the current trace in the form that the SDK's logs take it from."""
    here = _current.get()
    return set_span_in_context(NonRecordingSpan(span_context(here))) if here else None


# ── the database ──────────────────────────────────────────────────────────────────────────────────────


def watch(engine: Engine) -> None:
    """Make the statements of kept traces visible, without their parameters, and count the connections in use."""
    _engines.add(engine)
    event.listen(engine, "before_cursor_execute", _statement_begins)
    event.listen(engine, "after_cursor_execute", _statement_ends)
    event.listen(engine, "handle_error", _statement_fails)


def _statement_begins(connection: Any, *_: Any) -> None:
    if kept(_current.get()):
        connection.info["praxis.began"] = time.time_ns()


def _statement_ends(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if (here := _current.get()).endswith("-01"):
        _export_statement(connection.info, statement, here, "")


def _statement_fails(failed: Any) -> None:
    if failed.connection is not None and failed.statement and kept(here := _current.get()):
        _export_statement(failed.connection.info, failed.statement, here, type(failed.original_exception).__name__)


def _export_statement(info: dict[str, Any], statement: str, here: str, failure: str) -> None:
    began = info.pop("praxis.began", 0)
    if began:
        own = f"{here[:36]}{secrets.token_hex(8)}-01"
        known = {"db.system.name": "postgresql", "db.query.text": statement}
        export(_title(statement), SpanKind.CLIENT, here, own, began, known, failure)


@lru_cache(maxsize=1000)
def _title(statement: str) -> str:
    """Return verb and first table of a statement."""
    verb = (statement.split(None, 1) or [""])[0].upper()
    table = re.search(r"\b(?:FROM|INTO|UPDATE)\s+\"?(\w+)", statement, re.IGNORECASE)
    return f"{verb} {table[1]}" if table else verb


def _pools() -> Sequence[tuple[float, tuple[str]]]:
    return [(engine.pool.checkedout(), (engine.url.username or "",)) for engine in _engines]  # type: ignore[attr-defined]


metrics.pool.readers.append(_pools)

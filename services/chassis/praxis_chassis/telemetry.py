"""Traces, metrics and logs without personal data: one trace from HTTP over gRPC, SQL and event to the consumer."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# What a log line or a span may carry; anything else is dropped, because it may say who somebody is.
ALLOWED = frozenset(
    {
        "aggregate", "applied", "attempts", "check", "code", "count", "duration_ms", "event_id", "event_type",
        "failure",
        "file", "host", "job", "method", "path", "port", "position", "reason", "request_id", "route", "sequence",
        "service", "setting", "state", "status", "stream", "tenant_id", "text_key", "url_scheme", "version",
    }
)  # fmt: skip
PROPAGATOR = TraceContextTextMapPropagator()
_STANDARD = frozenset(vars(logging.makeLogRecord({})))

tracer = trace.get_tracer("praxis")
meter = metrics.get_meter("praxis")
calls = meter.create_counter("praxis.rpc.calls", description="Calls answered, by method and code")
durations = meter.create_histogram("praxis.rpc.duration", unit="ms", description="Time to answer a call")
applied_events = meter.create_counter("praxis.events.applied", description="Events applied by consumers")
published_events = meter.create_counter("praxis.events.published", description="Events published by the relay")


def start(service: str, ratio: float) -> None:
    """Set the tracer and the meter up; they export when the standard OTEL endpoint variable is set."""
    resource = Resource.create({"service.name": f"praxis-{service}"})
    provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(ratio)))
    readers: list[Any] = []
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=readers))


@contextmanager
def span(name: str, kind: SpanKind, traceparent: str = "", **attributes: Any) -> Iterator[str]:
    """Run a piece of work in a span and give its traceparent, for who comes next."""
    parent = PROPAGATOR.extract({"traceparent": traceparent}) if traceparent else None
    allowed = {key: value for key, value in attributes.items() if key in ALLOWED}
    with tracer.start_as_current_span(
        name, context=parent, kind=kind, attributes=allowed, record_exception=False, set_status_on_exception=False
    ) as current:
        carrier: dict[str, str] = {}
        PROPAGATOR.inject(carrier)
        try:
            yield carrier.get("traceparent", traceparent)
        except Exception as failure:
            current.set_status(Status(StatusCode.ERROR, type(failure).__name__))
            raise


class JsonLines(logging.Formatter):
    """One JSON object per line; of the extra facts only the allowed ones, of an exception its kind and places."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": self.service,
            "message": record.getMessage(),
            **facts_of(record),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = format(context.trace_id, "032x")
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = type(record.exc_info[1]).__name__
            line["places"] = places(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


class TextLines(JsonLines):
    """The same for people at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        extra = " ".join(f"{key}={value}" for key, value in facts_of(record).items())
        line = f"{record.levelname.lower():7} {record.getMessage()} {extra}".rstrip()
        if record.exc_info and record.exc_info[1] is not None:
            found = record.exc_info[1]
            line += f"\n        {type(found).__name__} at " + " < ".join(reversed(places(found)))
        return line


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the extra facts of a record that may be shown."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD and key in ALLOWED}


def places(failure: BaseException) -> list[str]:
    """Return where an exception passed, without its text, which may hold personal data."""
    frames = traceback.extract_tb(failure.__traceback__)[-6:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]


def start_logging(service: str, form: str, level: str) -> None:
    """Send all logs to standard error in one form; libraries speak from WARNING up."""
    writer = logging.StreamHandler(sys.stderr)
    writer.setFormatter(JsonLines(service) if form == "json" else TextLines(service))
    root = logging.getLogger()
    root.handlers[:] = [writer]
    root.setLevel(logging.WARNING)
    for name in ("praxis_chassis", f"praxis_{service}", "praxis"):
        logging.getLogger(name).setLevel(level)

"""What arrives over OTLP, as few small objects: spans, log lines and the newest value of each metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from sys import intern
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {0: "internal", 1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
FAILED = 2


@dataclass(slots=True, frozen=True)
class Span:
    """One piece of work; times in nanoseconds, `error` empty when it went well."""

    trace: str
    id: str
    parent: str
    name: str
    service: str
    kind: str
    began: int
    ended: int
    error: str
    facts: dict[str, Any]

    @property
    def milliseconds(self) -> float:
        return (self.ended - self.began) / 1e6

    @property
    def code(self) -> str:
        """Return the status that a call was answered with."""
        return str(self.facts.get("http.response.status_code") or self.facts.get("rpc.response.status_code") or "")

    @property
    def refused(self) -> bool:
        """Tell whether the caller was told no, which is no fault of ours."""
        return not self.error and (self.code[:1] == "4" if self.code.isdigit() else self.code not in {"", "OK"})


@dataclass(slots=True, frozen=True)
class Line:
    """One log line."""

    trace: str
    span: str
    at: int
    level: str
    service: str
    text: str
    facts: dict[str, Any]


@dataclass(slots=True, frozen=True)
class Point:
    """The newest value of one metric under one set of labels in one process."""

    name: str
    unit: str
    kind: str
    service: str
    instance: str
    labels: tuple[tuple[str, str], ...]
    value: float
    count: int = 0


def spans_of(body: bytes) -> Iterator[Span]:
    """Read an export of spans; bytes that are none raise DecodeError."""
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _service(group.resource.attributes)[0]
        for scope in group.scope_spans:
            for each in scope.spans:
                failed = each.status.code == FAILED
                yield Span(
                    trace=each.trace_id.hex(),
                    id=each.span_id.hex(),
                    parent=each.parent_span_id.hex(),
                    name=intern(each.name),
                    service=service,
                    kind=KINDS.get(each.kind, "internal"),
                    began=each.start_time_unix_nano,
                    ended=each.end_time_unix_nano,
                    error=intern(each.status.message or "failed") if failed else "",
                    facts=_facts(each.attributes),
                )


def lines_of(body: bytes) -> Iterator[Line]:
    """Read an export of log lines."""
    for group in ExportLogsServiceRequest.FromString(body).resource_logs:
        service = _service(group.resource.attributes)[0]
        for scope in group.scope_logs:
            for each in scope.log_records:
                level, text = intern(each.severity_text), str(_value(each.body))
                trace, span = each.trace_id.hex(), each.span_id.hex()
                yield Line(trace, span, each.time_unix_nano, level, service, text, _facts(each.attributes))


def points_of(body: bytes) -> Iterator[Point]:
    """Read an export of metrics."""
    for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        service, instance = _service(group.resource.attributes)
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data") or "gauge"
                for point in getattr(metric, kind).data_points:
                    labels = tuple(sorted((key, str(value)) for key, value in _facts(point.attributes).items()))
                    value, count = _number(point) if kind != "histogram" else (point.sum, point.count)
                    yield Point(intern(metric.name), metric.unit, kind, service, instance, labels, value, count)


def _number(point: Any) -> tuple[float, int]:
    return float(getattr(point, point.WhichOneof("value") or "as_int")), 0


def _service(attributes: Iterable[Any]) -> tuple[str, str]:
    known = _facts(attributes)
    name = str(known.get("service.name", "unknown")).removeprefix("praxis-")
    return intern(name), str(known.get("service.instance.id", ""))


def _facts(attributes: Iterable[Any]) -> dict[str, Any]:
    return {intern(each.key): _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    """Return text and numbers; Praxis sends nothing else. Repeated texts are kept once, statements above all."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return intern(value.string_value)
    return getattr(value, kind) if kind in {"int_value", "double_value", "bool_value"} else str(value)

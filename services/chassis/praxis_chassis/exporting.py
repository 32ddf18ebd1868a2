"""The last door before the collector: a span leaves with allowed attributes only, and with no event or free text."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode

from praxis_chassis import facts


class Guard(SpanExporter):
    """Cleans spans, whoever made them, before another exporter sends them."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send what may be told."""
        return self.exporter.export([cleaned(span) for span in spans])

    def shutdown(self) -> None:
        """Close the exporter."""
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what waits."""
        return self.exporter.force_flush(timeout_millis)


def cleaned(span: ReadableSpan) -> ReadableSpan:
    """Return a span without what nobody allowed; events hold texts of exceptions, so that none may pass."""
    if span.events:
        facts.drop("span", len(span.events))
    failed = span.status.status_code is StatusCode.ERROR
    kind = span.status.description or ""
    return ReadableSpan(
        span.name[:200],
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=facts.allowed(span.attributes or {}, "span"),
        kind=span.kind,
        status=Status(StatusCode.ERROR, kind if kind.isidentifier() else None) if failed else Status(),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )

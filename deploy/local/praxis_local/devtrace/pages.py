"""The pages: how every kind of call does, the traces, what waits, and the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from praxis_local.devtrace.html import Child, Html, cell, el, join, table
from praxis_local.devtrace.records import Line, Point, Span
from praxis_local.devtrace.ring import Record, Ring, Trace, Wanted

SHOWN, STATEMENTS = 200, 12
TABS = (("/", "Calls"), ("/traces", "Traces"), ("/map", "Map"), ("/metrics", "Metrics"), ("/logs", "Log"))
GROUPS = {
    "http": ("Requests", "What came in at the gateway."),
    "rpc": ("RPCs", "Calls that the services answered."),
    "event": ("Reactions", "Events that were applied."),
    "sql": ("Statements", "What the databases were busy with, by total time."),
}
SERVICES = ("gateway", "patients", "scheduling", "billing", "claims", "reporting")


def layout(title: str, active: str, *content: Child, live: bool = False) -> Html:
    """Return a whole page."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", http_equiv="refresh", content="3") if live else None,
        el("title", f"{title} · devtrace"),
        el("link", rel="stylesheet", href="/style.css"),
    )
    tabs = [
        el("a", text, href=path, aria_current="page" if path == active else None) for path, text in TABS
    ]  # fmt: skip
    top = el("header", el("a", "Praxis ", el("b", "devtrace"), href="/", class_="brand"), el("nav", *tabs))
    skip = el("a", "To the content", href="#content", class_="skip")
    body = el("body", skip, top, el("main", *content, id="content"))
    return Html("<!doctype html>") + el("html", head, body, lang="en")  # type: ignore[return-value]


def calls(ring: Ring, *, live: bool) -> Html:
    """The front page: rate, errors and durations of every kind of work."""
    records = ring.records()
    sections: list[Child] = []
    for group, (title, what) in GROUPS.items():
        mine = [record for record in records if record.group == group]
        mine.sort(key=lambda record: -record.total_ms if group == "sql" else -record.calls)
        if mine:
            rows = [_record(record) for record in mine[:STATEMENTS] if group == "sql" or record.calls]
            rows = rows if group == "sql" else [_record(record) for record in mine]
            sections += [el("h2", title), el("p", what, class_="muted"), table(_HEADS, rows, title)]
    if not sections:
        sections = [_empty()]
    return layout("Calls", "/", _title("Calls", "/", live), _tiles(ring, records), *sections, live=live)


_HEADS = [("Service", ""), ("Name", ""), ("Calls", "n"), ("Refused", "n"), ("Errors", "n")] + [
    (name, "n") for name in ("p50", "p95", "p99", "Total")
]


def _empty() -> Html:
    return el("p", "Nothing has arrived yet. Make a call, then come back: spans are sent every half second.")


def _title(text: str, path: str, live: bool) -> Html:
    toggle = el("a", "Stop reloading" if live else "Reload every 3 s", href=path if live else f"{path}?live=1")
    return el("div", el("h1", text), el("span", toggle, class_="live"), class_="title")


def _tiles(ring: Ring, records: Sequence[Record]) -> Html:
    points = ring.points()

    def largest(name: str) -> float:
        return max((point.value for point in points if point.name == name), default=0.0)

    http = [record for record in records if record.group == "http"]
    faults = sum(record.errors for record in records if record.group in {"http", "rpc", "event"})
    tiles = [
        ("Requests", f"{sum(record.calls for record in http):,}", ""),
        ("Errors", f"{faults:,}", "bad" if faults else "good"),
        ("Outbox waits", f"{largest('praxis.outbox.lag'):,.0f}", ""),
        ("Oldest in outbox", duration(largest("praxis.outbox.oldest_age") * 1000), ""),
        ("Consumers behind", f"{largest('praxis.consumer.pending'):,.0f}", ""),
        ("Connections busy", f"{largest('praxis.db.pool.in_use'):,.0f}", ""),
        ("Facts kept back", f"{largest('praxis.telemetry.dropped'):,.0f}", ""),
    ]
    return el("dl", *(el("div", el("dt", name), el("dd", value, class_=kind or None)) for name, value, kind in tiles),
              class_="tiles")  # fmt: skip


def _record(record: Record) -> Html:
    p50, p95, p99 = record.percentiles()
    query = urlencode({"service": record.service, "text": record.name})
    return el(
        "tr",
        cell(badge(record.service)),
        cell(el("a", short(record.name), href=f"/traces?{query}", title=record.name), "name"),
        cell(f"{record.calls:,}", "n"),
        cell(record.refused or "", "n warn"),
        cell(record.errors or "", "n bad"),
        cell(duration(p50), "n"),
        cell(duration(p95), "n"),
        cell(duration(p99), f"n {heat(p99)}"),
        cell(duration(record.total_ms), "n muted"),
    )


def traces(ring: Ring, wanted: Wanted, *, live: bool, query: str) -> Html:
    """The list of traces with its filters."""
    found = ring.traces(wanted)
    durations = sorted(trace.root.milliseconds for trace in found[:SHOWN]) or [1.0]
    longest = durations[int(len(durations) * 0.95)] or 1.0  # one giant must not make all others look alike
    rows = [_trace_row(trace, longest) for trace in found[:SHOWN]]
    heads = [("Began", ""), ("Request", ""), ("Status", ""), ("Services", ""), ("Spans", "n"), ("Answered", ""),
             ("Settled", "n")]  # fmt: skip
    count = f"{len(found):,} traces" + (f", the first {SHOWN} shown" if len(found) > SHOWN else "")
    path = f"/traces?{query}&" if query else "/traces?"
    toggle = el("a", "Stop reloading" if live else "Reload every 3 s", href=path + ("" if live else "live=1"))
    title = el("div", el("h1", "Traces"), el("span", toggle, class_="live"), class_="title")
    listed = table(heads, rows, count) if rows else _empty()
    return layout("Traces", "/traces", title, _filters(ring, wanted), listed, live=live)


def _filters(ring: Ring, wanted: Wanted) -> Html:
    names = sorted({record.service for record in ring.records()} | {wanted.service} - {""})
    options = [el("option", "any service", value="")]
    options += [el("option", name, value=name, selected=name == wanted.service) for name in names]
    text = el("input", name="text", value=wanted.text, placeholder="part of a name", aria_label="Part of a span's name")
    least = el(
        "input", name="at_least_ms", type="number", min=0, step="any", value=wanted.at_least_ms or "",
        placeholder="ms", aria_label="At least so many milliseconds",
    )  # fmt: skip
    errors = el("input", type="checkbox", name="errors_only", value="1", checked=wanted.errors_only)
    slow = el("input", type="checkbox", name="slowest_first", value="1", checked=wanted.slowest_first)
    return el(
        "form",
        el("label", "Service ", el("select", *options, name="service")),
        el("label", "Span ", text),
        el("label", "At least ", least),
        el("label", errors, " errors only"),
        el("label", slow, " slowest first"),
        el("button", "Show"),
        el("a", "Clear", href="/traces"),
        action="/traces",
        method="get",
    )


def _trace_row(trace: Trace, longest: float) -> Html:
    root = trace.root
    width = min(100.0, max(0.6, root.milliseconds / longest * 100))
    bar = el(
        "svg",
        el("rect", x=0, y=0, width=f"{width:.2f}", height=10, class_=hue(root)),
        viewBox="0 0 100 10", preserveAspectRatio="none", class_="bar", aria_hidden="true",
    )  # fmt: skip
    return el(
        "tr",
        cell(clock(trace.began), "muted"),
        cell(el("a", short(root.name), href=f"/traces/{trace.id}", title=root.name), "name"),
        cell(status(root, len(trace.errors))),
        cell(join(*(badge(name) for name in trace.services))),
        cell(len(trace.spans), "n"),
        cell(join(bar, el("span", duration(root.milliseconds), class_="after")), "took"),
        cell(duration(trace.settled_ms), "n muted"),
    )


def metrics(ring: Ring, *, live: bool) -> Html:
    """The newest values of gauges and counters; durations stand on the front page."""
    points = [point for point in ring.points() if point.kind != "histogram"]
    heads = [("Metric", ""), ("Service", ""), ("Labels", ""), ("Value", "n"), ("Unit", "")]
    rows = [_point(point) for point in points]
    content = table(heads, rows, "Newest values") if rows else _empty()
    return layout("Metrics", "/metrics", _title("Metrics", "/metrics", live), content, live=live)


def _point(point: Point) -> Html:
    labels = ", ".join(f"{key}={short(value)}" for key, value in point.labels)
    value = f"{point.value:,.0f}" if float(point.value).is_integer() else f"{point.value:,.3f}"
    return el(
        "tr", cell(el("code", point.name)), cell(badge(point.service)), cell(labels, "name"), cell(value, "n"),
        cell(point.unit, "muted"),
    )  # fmt: skip


def logs(ring: Ring, *, live: bool) -> Html:
    """The newest log lines of all services."""
    lines = sorted(ring.lines(), key=lambda line: -line.at)[:SHOWN]
    content = lines_table(lines, lambda line: clock(line.at), "Newest lines") if lines else _empty()
    return layout("Log", "/logs", _title("Log", "/logs", live), content, live=live)


def lines_table(lines: Sequence[Line], when: Callable[[Line], str], caption: str) -> Html:
    """Return log lines with their facts, each with a way to its trace."""
    heads = [("Time", ""), ("Service", ""), ("Level", ""), ("Message", ""), ("Facts", "")]
    rows = [
        el(
            "tr",
            cell(el("a", when(line), href=f"/traces/{line.trace}") if line.trace.strip("0") else when(line), "muted"),
            cell(badge(line.service)),
            cell(line.level, {"warning": "warn", "error": "bad", "critical": "bad"}.get(line.level, "muted")),
            cell(line.text),
            cell(" ".join(f"{key}={value}" for key, value in line.facts.items()), "facts"),
        )
        for line in lines
    ]
    return table(heads, rows, caption)


# ── small things that all pages use ───────────────────────────────────────────────────────────────────


def badge(service: str) -> Html:
    return el("span", service, class_=f"badge s{number(service)}")


def number(service: str) -> int:
    """Return the color of a service; the same on every page."""
    return SERVICES.index(service) if service in SERVICES else 6 + sum(service.encode()) % 2


def hue(span: Span) -> str:
    return "failed" if span.error else f"s{number(span.service)}"


def status(span: Span, errors: int = 0) -> Html:
    """Return how a call ended, as a word and a color."""
    kind = "bad" if span.error else "warn" if span.refused or errors else "good"
    text = span.code or span.error or "ok"
    more = f" · {errors} failed inside" if errors and not span.error else ""
    return el("span", text + more, class_=f"status {kind}")


def short(name: str) -> str:
    """Return a name without the package that all of them share."""
    verb, _, rest = name.rpartition(" ")
    parts = rest.split(".")
    if rest.startswith("praxis.") and len(parts) > 3:
        rest = parts[-1] if "/" in parts[-1] else f"{parts[1]}.{parts[-1]}"
    return f"{verb} {rest}".strip()


def duration(milliseconds: float) -> str:
    if milliseconds >= 10_000:
        return f"{milliseconds / 1000:,.0f} s"
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.2f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.1f} ms"


def heat(milliseconds: float) -> str:
    return "bad" if milliseconds >= 1000 else "warn" if milliseconds >= 250 else ""


def clock(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]

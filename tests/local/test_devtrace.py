"""The local viewer: takes what the real exporters send, shows it whole and escaped, and talks to nobody else."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

from praxis_chassis import metrics, telemetry
from praxis_chassis.exporting import Guard
from praxis_chassis.logs import Collected
from praxis_local.api_client import PLAIN
from praxis_local.devtrace.records import Span
from praxis_local.devtrace.ring import Ring, Trace, Wanted, edges_of
from praxis_local.devtrace.server import DevTrace
from praxis_local.devtrace.waterfall import WAIT_WIDTH, Axis
from praxis_local.processes import free_port

PAGES = ("/", "/traces", "/map", "/metrics", "/logs")
MS = 1_000_000


@pytest.fixture
def viewer(monkeypatch: pytest.MonkeyPatch) -> Iterator[DevTrace]:
    """A viewer that listens; what this process does is sent to it as a service would."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    viewer = DevTrace()
    viewer.start()
    resource = Resource.create({"service.name": "praxis-patients"})
    processor = SimpleSpanProcessor(Guard(OTLPSpanExporter(f"{viewer.url}/v1/traces")))
    monkeypatch.setattr(telemetry, "_kept", telemetry.Kept(processor, 1.0, resource))
    yield viewer
    processor.shutdown()
    viewer.stop()


def registered() -> str:
    """Do what a registration would, with one failed call inside, and return the trace."""
    with telemetry.span("POST /v1/patients", SpanKind.SERVER, telemetry.arrive()) as door:
        door.facts = {"http.request.method": "POST", "http.route": "/v1/patients", "http.response.status_code": 201}
        with telemetry.rpc(SpanKind.CLIENT, "praxis.patients.v1.PatientService/RegisterPatient") as call:
            call.answered("UNAVAILABLE")
    return door.traceparent[3:35]


def ask(viewer: DevTrace, path: str, **more: str) -> httpx.Response:
    return httpx.get(f"{viewer.url}{path}", headers=more, trust_env=False, verify=PLAIN)


def test_what_exporters_send_becomes_one_trace_with_its_calls_and_lines(viewer: DevTrace) -> None:
    provider = LoggerProvider(Resource.create({"service.name": "praxis-patients"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{viewer.url}/v1/logs")))
    handler = Collected(provider.get_logger("praxis"))
    trace = registered()
    with telemetry.span("work", SpanKind.INTERNAL, f"00-{trace}-b7ad6b7169203331-01"):
        handler.emit(logging.makeLogRecord({"name": "praxis_x", "levelno": 30, "levelname": "WARNING", "msg": "late"}))
    whole = ask(viewer, f"/api/traces/{trace}").json()
    assert whole["services"] == ["patients"]
    assert [(span["name"].rpartition("/")[2], span["depth"]) for span in whole["spans"]][:2] == [
        ("patients", 0), ("RegisterPatient", 1),
    ]  # fmt: skip
    assert [(line["level"], line["text"], line["trace"]) for line in whole["logs"]] == [("warning", "late", trace)]
    [call] = [each for each in ask(viewer, "/api/calls").json()["calls"] if each["group"] == "http"]
    assert (call["name"], call["calls"], call["errors"]) == ("POST /v1/patients", 1, 0)
    assert call["p50_ms"] <= call["p95_ms"] <= call["p99_ms"]
    page = ask(viewer, f"/traces/{trace}").text
    assert "RegisterPatient" in page
    assert "failed: UNAVAILABLE" in page
    assert "late" in page
    provider.shutdown()


def test_metrics_are_shown(viewer: DevTrace) -> None:
    exporter = OTLPMetricExporter(f"{viewer.url}/v1/metrics")
    metrics.rpc_server.record(0.2, "praxis.patients.v1.PatientService", "GetPatient", "OK")
    metrics.published.add(3, "praxis.patients.v1.PatientRegistered")
    exporter.export(metrics.snapshot(Resource.create({"service.name": "praxis-patients"}), time.time_ns()))
    points = ask(viewer, "/api/metrics").json()["metrics"]
    assert {"rpc.server.call.duration", "praxis.events.published"} <= {point["name"] for point in points}
    assert "praxis.events.published" in ask(viewer, "/metrics").text


def test_pages_need_nobody_else_and_break_by_no_text(viewer: DevTrace) -> None:
    evil = "<script>alert(1)</script>"
    span = Span("a" * 32, "b" * 16, "", evil, evil, "server", 1, 5 * MS, evil, {"db.query.text": evil, evil: '"><b>'})
    viewer.ring.take_spans([span])
    for path in (*PAGES, f"/traces/{'a' * 32}", f"/traces?service={evil}", "/traces?at_least_ms=x", "/nowhere"):
        reply = ask(viewer, path)
        assert reply.status_code == (404 if path == "/nowhere" else 200), path
        assert "<script" not in reply.text
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        links = re.findall(r'(?:href|src|action)="([^"]*)"', reply.text)
        assert links
        assert all(link.startswith(("/", "#")) for link in links), links
        assert not re.search(r"\sstyle=|\son\w+=", reply.text)
        assert '<html lang="en">' in reply.text
    assert "&lt;script&gt;" in ask(viewer, "/traces").text


def test_strangers_are_sent_away(viewer: DevTrace) -> None:
    assert viewer.http.server_address[0] == "127.0.0.1"
    assert ask(viewer, "/", Host="evil.example:80").status_code == 403
    assert ask(viewer, "/", Host=f"localhost:{viewer.http.server_address[1]}").status_code == 200
    url, kind = f"{viewer.url}/v1/traces", {"Content-Type": "application/x-protobuf"}
    assert httpx.post(url, content=b"", headers={"Content-Type": "text/plain"}, trust_env=False).status_code == 415
    assert httpx.post(url, content=b"\xff\xff", headers=kind, trust_env=False).status_code == 400
    assert httpx.post(f"{viewer.url}/v1/x", content=b"", headers=kind, trust_env=False).status_code == 404
    assert httpx.post(url, content=b"", headers=kind, trust_env=False).status_code == 200
    assert ask(viewer, "/api/traces/none").status_code == 404


def spans(*rows: tuple[str, str, str, float, float]) -> list[Span]:
    """Return spans of one trace from (id, parent, service, begin, end) in milliseconds."""
    return [
        Span("t", own, parent, own, service, "server", int(began * MS), int(ended * MS), "", {})
        for own, parent, service, began, ended in rows
    ]


def test_the_ring_keeps_the_newest_and_the_counts_of_all() -> None:
    ring = Ring(3)
    for number in range(5):
        ring.take_spans([Span(f"t{number}", "s", "", "GET", "gateway", "server", number, number + 2 * MS, "", {})])
    assert [trace.id for trace in ring.traces()] == ["t4", "t3", "t2"]
    assert [record.calls for record in ring.records()] == [5]


def test_traces_are_narrowed_by_service_duration_name_and_errors() -> None:
    ring = Ring()
    ring.take_spans([
        Span("slow", "1", "", "GET /a", "gateway", "server", 0, 900 * MS, "", {}),
        Span("slow", "2", "1", "b.C/D", "billing", "server", 1, 5 * MS, "", {}),
        Span("bad", "3", "", "GET /b", "gateway", "server", 5, 9 * MS, "INTERNAL", {}),
    ])  # fmt: skip

    def found(wanted: Wanted) -> list[str]:
        return [trace.id for trace in ring.traces(wanted)]

    assert found(Wanted()) == ["bad", "slow"]
    assert found(Wanted(slowest_first=True)) == ["slow", "bad"]
    assert found(Wanted(service="billing")) == ["slow"]
    assert found(Wanted(at_least_ms=100)) == ["slow"]
    assert found(Wanted(text="c/d")) == ["slow"]
    assert found(Wanted(errors_only=True)) == ["bad"]


def test_a_tree_is_whole_though_spans_come_in_any_order() -> None:
    rows = spans(("c", "b", "billing", 20, 30), ("b", "a", "patients", 10, 40), ("a", "", "gateway", 0, 50))
    trace = Trace("t", [*rows, *spans(("lost", "gone", "claims", 60, 61))])
    assert [(depth, span.id) for depth, span in trace.tree()] == [(0, "a"), (1, "b"), (2, "c"), (0, "lost")]
    assert trace.root.id == "a"
    assert trace.services == ["gateway", "patients", "billing", "claims"]
    assert (trace.root.milliseconds, trace.settled_ms) == (50, 61)


def test_a_long_wait_is_drawn_short() -> None:
    trace = Trace("t", spans(("a", "", "gateway", 0, 50), ("b", "a", "reporting", 5000, 5050)))
    axis = Axis(trace)
    assert [each.waits for each in axis.stretches] == [False, True, False]
    assert axis.at(0) == 0
    assert axis.at(50 * MS) == pytest.approx(50 - WAIT_WIDTH / 2)
    assert axis.at(5000 * MS) == pytest.approx(50 + WAIT_WIDTH / 2)
    assert axis.at(5050 * MS) == pytest.approx(100)


def test_the_map_tells_calls_and_events_apart() -> None:
    rows = [
        Span("t", "1", "", "GET", "gateway", "server", 0, 9, "", {}),
        Span("t", "2", "1", "a.B/C", "gateway", "client", 1, 8, "", {}),
        Span("t", "3", "2", "a.B/C", "billing", "server", 2, 7, "", {}),
        Span("t", "4", "3", "SELECT x", "billing", "client", 3, 4, "", {"db.query.text": "SELECT"}),
        Span("t", "5", "3", "publish", "billing", "producer", 10, 11, "", {}),
        Span("t", "6", "5", "apply", "claims", "consumer", 12, 13, "ValueError", {}),
    ]
    found = [(edge.source, edge.target, edge.kind, edge.errors) for edge in edges_of([Trace("t", rows)])]
    assert found == [
        ("gateway", "billing", "call", 0), ("NATS", "claims", "event", 1), ("billing", "NATS", "publish", 0),
        ("billing", "billing database", "sql", 0),
    ]  # fmt: skip


WORKS = """
import logging, sys
from opentelemetry.trace import SpanKind
from praxis_chassis import logs, metrics, telemetry
logs.start_logging("patients", "json", "INFO")
telemetry.start("patients", 1.0)
with telemetry.span("work", SpanKind.INTERNAL, telemetry.arrive()):
    logging.getLogger("praxis_patients").info("worked")
metrics.rpc_server.record(0.1, "a", "b", "OK")
print("sdk", "opentelemetry.sdk.trace" in sys.modules)
"""


def worked(**environment: str) -> tuple[str, float]:
    """Run a process that traces, and return what it said and how long it took."""
    began = time.monotonic()
    import os

    kept = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", WORKS], env={**kept, **environment, "NO_PROXY": "127.0.0.1"}, capture_output=True,
        text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout + done.stderr, time.monotonic() - began


def test_without_a_collector_the_sdk_is_not_even_loaded() -> None:
    said, _ = worked()
    assert "sdk False" in said
    assert '"message":"worked"' in said
    assert '"trace_id":"' in said


def test_a_collector_that_is_gone_stops_nothing() -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    said, seconds = worked(**endpoint)
    assert "sdk True" in said
    assert '"message":"worked"' in said
    assert "Traceback" not in said
    assert 1 <= said.count("Failed to export") <= 3  # one of each exporter, however often it failed
    assert seconds < 40


def test_a_process_sends_all_three_before_it_ends(viewer: DevTrace) -> None:
    worked(OTEL_EXPORTER_OTLP_ENDPOINT=viewer.url)
    # Services that other tests left running in this process may send to the same viewer.
    [trace] = [each for each in viewer.ring.traces() if "work" in {span.name for span in each.spans}]
    assert [span.name for span in trace.spans] == ["work"]
    assert [line.text for line in trace.lines] == ["worked"]
    assert "rpc.server.call.duration" in {point.name for point in viewer.ring.points()}

"""One trace joins the call, its statements, the publishing of its event and what another service does about it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select
from sqlalchemy.exc import DataError

from praxis.patients.v1 import patient_pb2, patient_service_pb2
from praxis_chassis import facts, tables, telemetry
from praxis_chassis.exporting import Guard
from praxis_chassis.testing import ServiceUnderTest

SENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Collects what would leave the process; no trace begins here, as in a service."""
    memory = InMemorySpanExporter()
    processor = SimpleSpanProcessor(Guard(memory))
    monkeypatch.setattr(telemetry, "_kept", telemetry.Kept(processor, 0.0))
    yield memory
    processor.shutdown()


def fresh() -> str:
    return f"00-{telemetry.arrive()[3:35]}-b7ad6b7169203331-01"


def spans_of(exporter: InMemorySpanExporter, sent: str, wanted: set[str], seconds: float = 20) -> list[ReadableSpan]:
    """Return the spans of a trace once all that are wanted have ended, and all that others hang below."""
    deadline = time.monotonic() + seconds
    while True:
        found = [each for each in exporter.get_finished_spans() if trace.format_trace_id(_id(each)) == sent[3:35]]
        ended = {sent[36:52], *(trace.format_span_id(each.context.span_id) for each in found)}
        whole = all(trace.format_span_id(each.parent.span_id) in ended for each in found)
        if whole and wanted <= {each.name for each in found}:
            return found
        assert time.monotonic() < deadline, sorted({each.name for each in found})
        time.sleep(0.05)


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.trace_id


def register(patients: ServiceUnderTest, sent: str) -> None:
    patient = patient_pb2.Patient()
    patient.human.name.family = "Tracerova"
    patient.human.name.given.append("Ada")
    patient.human.birth_date = "1980-02-03"
    tenant = patients.tenant()
    tenant.call("RegisterPatient", patient_service_pb2.RegisterPatientRequest(patient=patient), traceparent=sent)


def test_a_trace_goes_from_the_call_to_the_other_service(
    patients: ServiceUnderTest, scheduling: ServiceUnderTest, exporter: InMemorySpanExporter
) -> None:
    sent, event = fresh(), "praxis.patients.v1.PatientRegistered"
    register(patients, sent)
    call = "praxis.patients.v1.PatientService/RegisterPatient"
    wanted = {call, "database transaction", "INSERT events", f"publish {event}", f"apply {event}"}
    spans = spans_of(exporter, sent, wanted)
    ids = {span.context.span_id for span in spans}
    root = next(span for span in spans if span.name == call)
    assert trace.format_span_id(root.parent.span_id) == sent[36:52]
    assert all(span.parent and span.parent.span_id in ids for span in spans if span is not root)
    told = str([(span.name, dict(span.attributes or {})) for span in spans])
    assert "INSERT INTO events" in told
    assert "Tracerova" not in told
    assert "1980" not in told


def test_the_log_keeps_the_trace_that_the_relay_goes_on_with(
    patients: ServiceUnderTest, exporter: InMemorySpanExporter
) -> None:
    sent, event = fresh(), "praxis.patients.v1.PatientRegistered"
    register(patients, sent)
    spans = spans_of(exporter, sent, {f"publish {event}"})
    query = select(tables.events.c.traceparent).where(tables.events.c.traceparent.like(f"%{sent[3:35]}%"))
    with patients.runtime.relay_database.engine.connect() as connection:
        [stored] = set(connection.execute(query).scalars())
    publish = next(span for span in spans if span.name == f"publish {event}")
    call = next(span for span in spans if span.name.endswith("/RegisterPatient"))
    assert stored == f"{sent[:36]}{trace.format_span_id(call.context.span_id)}-01"
    assert publish.parent.span_id == call.context.span_id


def test_what_is_not_sampled_leaves_no_span_and_keeps_its_ids(
    patients: ServiceUnderTest, exporter: InMemorySpanExporter
) -> None:
    sent = f"{fresh()[:53]}00"
    register(patients, sent)
    assert not [span for span in exporter.get_finished_spans() if trace.format_trace_id(_id(span)) == sent[3:35]]
    query = select(tables.events.c.traceparent).where(tables.events.c.traceparent.like(f"%{sent[3:35]}%"))
    with patients.runtime.relay_database.engine.connect() as connection:
        assert set(connection.execute(query).scalars()) == {sent}


def test_a_failed_statement_is_seen_without_what_the_database_said(
    patients: ServiceUnderTest, exporter: InMemorySpanExporter
) -> None:
    sent = fresh()
    statement = "SELECT CAST(%s AS integer) FROM pg_class"
    with (
        telemetry.span("work", telemetry.SpanKind.INTERNAL, sent),
        patients.runtime.database.engine.connect() as connection,
        pytest.raises(DataError),
    ):
        connection.exec_driver_sql(statement, ("Canaria Bird",))
    spans = {span.name: span for span in exporter.get_finished_spans()}
    failed = spans["SELECT pg_class"]
    assert not failed.status.is_ok
    assert failed.status.description == "InvalidTextRepresentation"
    assert "Canaria" not in failed.to_json()


def test_who_sends_a_trace_does_not_decide_whether_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = SimpleSpanProcessor(InMemorySpanExporter())
    monkeypatch.setattr(telemetry, "_kept", telemetry.Kept(processor, 0.0))
    assert telemetry.arrive(SENT) == f"{SENT[:53]}00"
    assert telemetry.arrive().endswith("-00")
    monkeypatch.setattr(telemetry, "_kept", telemetry.Kept(processor, 1.0))
    assert telemetry.arrive(SENT) == SENT
    assert telemetry.arrive("nonsense").endswith("-01")
    assert telemetry.arrive(wanted=False).endswith("-00")


def test_what_nobody_allowed_does_not_leave_and_is_counted(exporter: InMemorySpanExporter) -> None:
    before = facts.dropped["span"]
    known = {"http.route": "/v1/patients", "patient.name": "Canaria Bird", "reason": patient_pb2.Patient()}
    sent = fresh()
    with telemetry.span("work", telemetry.SpanKind.INTERNAL, sent, **known):
        pass
    [span] = spans_of(exporter, sent, {"work"})
    assert dict(span.attributes or {}) == {"http.route": "/v1/patients"}
    assert facts.dropped["span"] == before + 2


def test_a_job_is_seen_when_it_did_something_only(exporter: InMemorySpanExporter) -> None:
    processor = SimpleSpanProcessor(Guard(exporter))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telemetry, "_kept", telemetry.Kept(processor, 1.0))
        with telemetry.errand("job idle"):
            assert telemetry.current().endswith("-00")
        with telemetry.errand("job busy") as busy:
            busy.did_something = True
        with telemetry.errand("job broken") as broken:
            broken.failure = "ValueError"
    jobs = [span.name for span in exporter.get_finished_spans() if span.name.startswith("job ")]
    assert jobs == ["job busy", "job broken"]

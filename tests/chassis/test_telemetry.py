"""One trace joins the call, its transaction, the publishing of its event and what another service does about it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

from praxis.patients.v1 import patient_pb2, patient_service_pb2
from praxis_chassis import telemetry
from praxis_chassis.testing import ServiceUnderTest

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Collects spans; only what arrives sampled is sampled, as in production."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(sampler=ParentBased(ALWAYS_OFF))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("praxis"))
    yield memory
    provider.shutdown()


def spans_of(exporter: InMemorySpanExporter, wanted: set[str], seconds: float = 20) -> list[ReadableSpan]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        spans = [
            span for span in exporter.get_finished_spans() if trace.format_trace_id(span.context.trace_id) == TRACE
        ]
        if wanted <= {span.name for span in spans}:
            return spans
        time.sleep(0.05)
    return list(exporter.get_finished_spans())


def test_a_trace_goes_from_the_call_to_the_other_service(
    patients: ServiceUnderTest, scheduling: ServiceUnderTest, exporter: InMemorySpanExporter
) -> None:
    patient = patient_pb2.Patient()
    patient.human.name.family = "Tracerova"
    patient.human.name.given.append("Ada")
    patient.human.birth_date = "1980-02-03"
    request = patient_service_pb2.RegisterPatientRequest(patient=patient)
    patients.tenant().call("RegisterPatient", request, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    event = "praxis.patients.v1.PatientRegistered"
    call = "praxis.patients.v1.PatientService/RegisterPatient"
    wanted = {call, "database transaction", f"publish {event}", f"apply {event}"}
    spans = spans_of(exporter, wanted)
    assert wanted <= {span.name for span in spans}
    ids = {span.context.span_id for span in spans}
    root = next(span for span in spans if span.name == call)
    assert all(span.parent and span.parent.span_id in ids for span in spans if span is not root)
    told = str([(span.name, dict(span.attributes or {})) for span in spans])
    assert "Tracerova" not in told
    assert "1980" not in told


def test_what_is_not_sampled_leaves_no_span(patients: ServiceUnderTest, exporter: InMemorySpanExporter) -> None:
    patients.tenant().call("ListPatients", patient_service_pb2.ListPatientsRequest(query="nobody"))
    assert "praxis.patients.v1.PatientService/ListPatients" not in {span.name for span in exporter.get_finished_spans()}

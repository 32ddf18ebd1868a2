"""Durations by method and route template, what waits, and pools: under the names that dashboards ask for."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.metrics.export import HistogramDataPoint, Metric, NumberDataPoint
from opentelemetry.sdk.resources import Resource

from praxis.patients.v1 import directory_service_pb2, patient_pb2, patient_service_pb2
from praxis_chassis import facts, metrics
from praxis_chassis.testing import Refused, ServiceUnderTest

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def seen() -> dict[str, Metric]:
    """Return everything as the exporter would get it."""
    data = metrics.snapshot(Resource.get_empty(), time.time_ns())
    return {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}


def points(name: str, **labels: Any) -> list[Any]:
    wanted = {key.replace("__", "."): value for key, value in labels.items()}
    return [point for point in seen()[name].data.data_points if wanted.items() <= dict(point.attributes or {}).items()]


def register(patients: ServiceUnderTest) -> None:
    patient = patient_pb2.Patient()
    patient.human.name.family, patient.human.birth_date = "Metrica", "1980-02-03"
    patient.human.name.given.append("Ada")
    tenant = patients.tenant()
    tenant.call("RegisterPatient", patient_service_pb2.RegisterPatientRequest(patient=patient))
    tenant.wait_published()


def test_calls_are_counted_by_method_and_code(patients: ServiceUnderTest) -> None:
    labels = {"rpc__service": "praxis.patients.v1.DirectoryService", "rpc__method": "GetPractice"}
    request = directory_service_pb2.GetPracticeRequest(id="019ad2b5-7c00-7000-8000-000000000001")
    before = sum(point.count for point in points("rpc.server.call.duration", **labels))
    with pytest.raises(Refused):
        patients.tenant().call("GetPractice", request)
    after = points("rpc.server.call.duration", **labels)
    assert sum(point.count for point in after) == before + 1
    [refused] = [point for point in after if point.attributes["rpc.response.status_code"] == "NOT_FOUND"]
    assert isinstance(refused, HistogramDataPoint)
    assert tuple(refused.explicit_bounds) == (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
    assert sum(refused.bucket_counts) == refused.count
    assert 0 < refused.sum < 20
    assert seen()["rpc.server.call.duration"].unit == "s"


def test_events_are_counted_where_they_pass(patients: ServiceUnderTest, scheduling: ServiceUnderTest) -> None:
    event = {"event_type": "praxis.patients.v1.PatientRegistered"}
    register(patients)
    [published] = points("praxis.events.published", **event)
    assert published.value >= 1
    deadline = time.monotonic() + 20
    wanted = {**event, "outcome": "done", "messaging__destination__name": "patients"}
    while not points("messaging.process.duration", **wanted):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_waits_and_what_works_can_be_read(patients: ServiceUnderTest, scheduling: ServiceUnderTest) -> None:
    register(patients)
    for name in ("praxis.outbox.lag", "praxis.outbox.oldest_age"):
        assert [point for point in points(name) if isinstance(point, NumberDataPoint) and point.value >= 0], name
    assert points("praxis.consumer.pending", source="patients")
    with patients.runtime.database.engine.connect():
        assert max(point.value for point in points("praxis.db.pool.in_use", pool="patients_app")) >= 1


def test_an_unpublished_event_has_an_age(patients: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    from praxis_chassis import outbox

    assert patients.worker is not None
    patients.worker.stop()
    try:
        patient = patient_pb2.Patient()
        patient.human.name.family, patient.human.birth_date = "Waiting", "1980-02-03"
        patient.human.name.given.append("Ada")
        tenant = patients.tenant()
        tenant.call("RegisterPatient", patient_service_pb2.RegisterPatientRequest(patient=patient))
        time.sleep(0.1)
        count, age = outbox.waiting(patients.runtime)
        assert count >= 1
        assert age >= 0.1
    finally:
        patients.worker = type(patients.worker)(patients.runtime)
        patients.worker.start()
    tenant.wait_published()
    assert outbox.waiting(patients.runtime) == (0, 0.0)


def test_a_label_that_nobody_allowed_does_not_leave_and_is_counted() -> None:
    counter = metrics.Counter("test.leak", ("reason", "patient.name"), "A mistake")
    try:
        counter.add(1, "x", "Canaria Bird")
        before = facts.dropped["metric"]
        [point] = points("test.leak")
        assert dict(point.attributes) == {"reason": "x"}
        assert facts.dropped["metric"] > before
    finally:
        metrics.instruments.remove(counter)


def test_labels_without_end_fall_together_and_examples_name_their_trace() -> None:
    histogram = metrics.Histogram("test.many", ("reason",), "Too many")
    try:
        histogram.record(0.02, "first", traceparent=TRACE)
        for number in range(metrics.MOST_SERIES + 10):
            histogram.record(0.02, number)
        found = points("test.many")
        assert len(found) == metrics.MOST_SERIES + 1
        [rest] = points("test.many", reason=metrics.OVERFLOW)
        assert rest.count == 11
        [example] = points("test.many", reason="first")[0].exemplars
        assert f"{example.trace_id:032x}" == TRACE[3:35]
    finally:
        metrics.instruments.remove(histogram)


def test_routes_are_templates_and_every_answer_names_its_trace(front_door: Any) -> None:
    with httpx.Client(base_url=front_door.url) as client:
        for path in ("/v1/patients/Canaria-Bird", "/nowhere/Canaria-Bird", "/livez", "/docs"):
            answer = client.get(path, headers={"traceparent": TRACE})
            assert answer.headers["x-trace-id"] == TRACE[3:35], path
        fresh = client.get("/v1/patients")
        assert fresh.headers["x-trace-id"] not in {"0" * 32, TRACE[3:35]}
        assert fresh.json()["trace_id"] == fresh.headers["x-trace-id"]
        client.request("CANARIA", "/v1/patients")
    routes = {point.attributes["http.route"] for point in points("http.server.request.duration")}
    assert {"/v1/patients/{id}", "/livez", ""} <= routes
    assert not [route for route in routes if "Canaria" in route]
    methods = {point.attributes["http.request.method"] for point in points("http.server.request.duration")}
    assert "_OTHER" in methods
    assert "CANARIA" not in methods


def test_the_gateway_measures_its_calls(front_door: Any) -> None:
    _, diary = front_door.newcomer()
    diary.get("/v1/practices")
    diary.close()
    [listed] = points("rpc.client.call.duration", rpc__method="ListPractices", rpc__response__status_code="OK")
    assert listed.count >= 1
    assert points("rpc.server.call.duration", rpc__method="ListPractices", rpc__response__status_code="OK")

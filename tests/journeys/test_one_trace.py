"""One booking is one trace: door, call, statements, event log, relay, consumer, projection, each below its cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from tests.journeys.clinic import Clinic, coined, human, open_clinic
from tests.support.api import Api, eventually
from tests.support.collector import Collector
from tests.support.system import System

from praxis_local.devtrace.records import Span
from praxis_local.devtrace.ring import Trace

CALL = "praxis.scheduling.v1.AppointmentService/CreateAppointment"
EVENT = "praxis.scheduling.v1.AppointmentBooked"


@pytest.fixture(scope="module")
def clinic(collector: Collector, system: System) -> Iterator[Clinic]:
    """A medical practice whose calls are seen from both ends."""
    with closing(open_clinic(system, "harbor")) as clinic:
        yield clinic


def answers_to(api: Api) -> list[httpx.Response]:
    """Return a list that the user's answers are added to."""
    heard: list[httpx.Response] = []
    api._http.event_hooks["response"].append(heard.append)
    return heard


def last(trace: Trace, service: str, name: str, kind: str, below: Span) -> Span:
    """Return the last span of a kind directly below another; earlier ones waited for an event and began again."""
    found = [
        span
        for span in trace.spans
        if (span.service, span.name, span.kind, span.parent) == (service, name, kind, below.id)
    ]
    assert found, (service, name, [(span.service, span.name) for span in trace.spans])
    return max(found, key=lambda span: span.began)


def test_a_booking_is_one_trace_from_the_door_to_the_projection(clinic: Clinic, collector: Collector) -> None:
    patient = clinic.register(human(coined("Trailwell")))["patient"]
    desk, heard = clinic.first_desk, answers_to(clinic.front_desk)
    clinic.book(clinic.appointment(patient["id"], desk, clinic.moment(desk, 9)))
    identifier = heard[-1].headers["x-trace-id"]
    trace = collector.settled(identifier, lambda found: _applied(found) and found.root.name == "POST /v1/appointments")

    door = trace.root
    assert (door.service, door.kind, door.parent, door.code) == ("gateway", "server", "", "201")
    call = last(trace, "gateway", CALL, "client", door)
    answered = last(trace, "scheduling", CALL, "server", call)
    transaction = last(trace, "scheduling", "database transaction", "client", answered)
    stored = last(trace, "scheduling", "INSERT events", "client", transaction)
    published = last(trace, "scheduling", f"publish {EVENT}", "producer", answered)
    applied = last(trace, "reporting", f"apply {EVENT}", "consumer", published)
    projected = last(trace, "reporting", "INSERT appointments", "client", applied)

    query = "SELECT traceparent FROM events WHERE type = %s AND traceparent LIKE %s"
    rows = clinic.system.rows("scheduling", query, [EVENT, f"%{identifier}%"])
    assert rows == [(f"00-{identifier}-{answered.id}-01",)]
    assert "INSERT INTO events" in stored.facts["db.query.text"]
    assert door.began <= stored.began <= published.began <= applied.began <= projected.began

    told = collector.ask(f"traces/{identifier}")
    # Claims and patients hear of appointments as well, for authorizations and referrals; they may come later.
    assert told["services"][:2] == ["gateway", "scheduling"]
    assert {"reporting"} <= set(told["services"][2:]) <= {"claims", "patients", "reporting"}
    assert told["errors"] == 0
    assert "answered" in {line["text"] for line in told["logs"]}


def _applied(trace: Trace) -> bool:
    names = {(span.service, span.name) for span in trace.spans}
    wanted = {("reporting", f"apply {EVENT}"), ("reporting", "INSERT appointments"), ("scheduling", f"publish {EVENT}")}
    return wanted <= names


def test_a_refusal_names_its_trace_and_is_no_error(clinic: Clinic, collector: Collector) -> None:
    heard = answers_to(clinic.front_desk)
    missing = "/v1/patients/019ad2b5-7c00-7000-8000-000000000001"
    problem = clinic.front_desk.refusal(lambda: clinic.front_desk.get(missing))
    identifier = heard[-1].headers["x-trace-id"]
    assert problem.document["trace_id"] == identifier
    trace = collector.settled(identifier, lambda found: found.services == ["gateway", "patients"])
    assert (trace.root.name, trace.root.code) == ("GET /v1/patients/{id}", "404")
    assert trace.errors == []
    assert trace.root.refused


def test_durations_and_waits_are_measured_in_every_process(clinic: Clinic, collector: Collector) -> None:
    clinic.biller.get("/v1/reports/claimsByState")
    wanted = {
        "http.server.request.duration": {"gateway"},
        "rpc.client.call.duration": {"gateway"},
        "rpc.server.call.duration": {"patients", "scheduling", "billing", "reporting", "claims"},
        "messaging.process.duration": {"scheduling", "billing", "claims", "reporting"},
        "praxis.outbox.lag": {"patients", "scheduling", "billing", "claims", "reporting", "identity"},
        "praxis.outbox.oldest_age": {"patients", "scheduling", "billing", "claims", "reporting", "identity"},
        "praxis.consumer.pending": {"scheduling", "billing", "claims", "reporting"},
        "praxis.db.pool.in_use": {"gateway", "patients", "scheduling", "billing", "claims", "reporting"},
        "praxis.events.published": {"patients", "scheduling", "billing", "claims"},
    }
    eventually(lambda: _missing(collector, wanted), lambda missing: not missing)
    dropped = [point for point in collector.ask("metrics")["metrics"] if point["name"] == "praxis.telemetry.dropped"]
    assert [point for point in dropped if point["value"]] == []


def _missing(collector: Collector, wanted: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return which services have not sent a metric yet."""
    seen: dict[str, set[str]] = {}
    for point in collector.ask("metrics")["metrics"]:
        seen.setdefault(point["name"], set()).add(point["service"])
    return {name: left for name, services in wanted.items() if (left := services - seen.get(name, set()))}

"""A breaker opens for a silent service only, retries stay within their budget, and slow calls keep to their places."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from praxis_gateway import breakers, contracts
from praxis_gateway.breakers import Breaker, GuardedTransport
from praxis_gateway.bulkheads import Bulkheads, kind_of
from praxis_gateway.invoke import RefusedError, Reply
from praxis_gateway.problems import Problem

READ, WRITE = "praxis.test.v1.Service/Read", "praxis.test.v1.Service/Write"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Network:
    """A network that breaks on command, and counts what reaches it."""

    def __init__(self, status: status_pb2.Status | None = None) -> None:
        self.status, self.calls = status, 0

    def call(self, full_name: str, request: Message, metadata: Mapping[str, str], deadline_seconds: float) -> Reply:
        self.calls += 1
        if self.status is not None:
            raise RefusedError(self.status)
        return Reply(Empty())


def gone() -> status_pb2.Status:
    return status_pb2.Status(code=code_pb2.UNAVAILABLE)


def told(code: int, reason: str) -> status_pb2.Status:
    status = status_pb2.Status(code=code)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason))
    return status


def broken(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(breakers.LEAST_CALLS):
        assert breaker.admit() == 0
        breaker.note(0, failed=True)
    assert breaker.admit() is None
    return breaker


def test_half_of_twenty_calls_open_it_and_fewer_do_not() -> None:
    half, fewer = Breaker(Clock()), Breaker(Clock())
    for number in range(breakers.LEAST_CALLS):
        half.note(0, failed=number % 2 == 0)
        fewer.note(0, failed=number % 3 == 0)
    assert half.admit() is None
    assert fewer.admit() == 0


def test_failures_of_long_ago_do_not_count() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(breakers.LEAST_CALLS - 1):
        breaker.note(0, failed=True)
    clock.now += breakers.WINDOW_SECONDS + 1
    breaker.note(0, failed=True)
    assert breaker.admit() == 0


def test_one_call_tries_after_five_seconds_and_its_success_closes() -> None:
    clock = Clock()
    breaker = broken(clock)
    clock.now += breakers.OPEN_SECONDS
    trial = breaker.admit()
    assert trial
    assert breaker.admit() is None
    breaker.note(0, failed=False)
    assert breaker.admit() is None, "a call from before the opening says nothing about now"
    breaker.note(trial, failed=False)
    assert breaker.admit() == 0


def test_a_failed_trial_keeps_it_open() -> None:
    clock = Clock()
    breaker = broken(clock)
    clock.now += breakers.OPEN_SECONDS
    trial = breaker.admit()
    assert trial
    breaker.note(trial, failed=True)
    assert breaker.admit() is None
    clock.now += breakers.OPEN_SECONDS
    assert breaker.admit()


def test_a_silent_service_is_left_alone_and_one_that_answers_is_not() -> None:
    answers = told(code_pb2.UNAVAILABLE, "UNAVAILABLE"), told(code_pb2.RESOURCE_EXHAUSTED, "OVERLOADED")
    for status, reached in ((gone(), breakers.LEAST_CALLS), (answers[0], 60), (answers[1], 60)):
        network = Network(status)
        guarded = GuardedTransport(network, ())
        for _ in range(60):
            with pytest.raises(RefusedError):
                guarded.call(WRITE, Empty(), {}, 2.0)
        assert network.calls == reached


def test_only_harmless_calls_are_tried_again_within_the_budget() -> None:
    network = Network(told(code_pb2.UNAVAILABLE, "UNAVAILABLE"))
    guarded = GuardedTransport(network, {READ})
    with pytest.raises(RefusedError):
        guarded.call(WRITE, Empty(), {}, 2.0)
    assert network.calls == 1
    with pytest.raises(RefusedError):
        guarded.call(WRITE, Empty(), {"x-idempotency-key": "k"}, 2.0)
    assert network.calls == 1 + breakers.MOST_TRIES
    for _ in range(50):
        with pytest.raises(RefusedError):
            guarded.call(READ, Empty(), {}, 2.0)
    extra = network.calls - 52
    assert breakers.MOST_SAVED <= extra <= breakers.MOST_SAVED + 52 * breakers.EARNED_PER_CALL + 1


def test_a_refusal_that_is_no_passing_one_is_final() -> None:
    network = Network(told(code_pb2.NOT_FOUND, "NOT_FOUND"))
    with pytest.raises(RefusedError):
        GuardedTransport(network, {READ}).call(READ, Empty(), {}, 2.0)
    assert network.calls == 1


def test_a_service_that_refuses_our_token_is_unavailable_and_logs_nobody_out() -> None:
    network = Network(told(code_pb2.UNAUTHENTICATED, "UNAUTHENTICATED"))
    with pytest.raises(RefusedError) as refused:
        GuardedTransport(network, {READ}).call(READ, Empty(), {}, 2.0)
    assert refused.value.status.code == code_pb2.UNAVAILABLE
    assert network.calls == breakers.MOST_TRIES, "another replica may have the right time"


def test_slow_kinds_leave_places_to_the_others() -> None:
    bulkheads = Bulkheads(16)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(bulkheads.part("reports", "a"))
        with pytest.raises(Problem, match="OVERLOADED"), bulkheads.part("reports", "b"):
            pass
        for number in range(8):
            held.enter_context(bulkheads.part("scheduling", f"tenant {number}"))
        with pytest.raises(Problem, match="OVERLOADED"), bulkheads.part("scheduling", "c"):
            pass
        with bulkheads.part("billing", "c"):
            pass
    with bulkheads.part("reports", "b"), bulkheads.part("scheduling", "c"):
        pass


def test_files_and_reports_have_places_of_their_own() -> None:
    """Every call that carries a file, whatever service it is for, is told apart by its contract."""
    kinds = {operation.full_name: kind_of(operation) for operation in contracts.load().operations}
    expected = {
        "praxis.claims.v1.RemittanceService/CreateRemittanceFile": "files",
        "praxis.billing.v1.StatementService/GetStatementPdf": "files",
        "praxis.reporting.v1.ReportService/GetPatientAging": "reports",
        "praxis.patients.v1.PatientService/GetPatient": "patients",
        "praxis.scheduling.v1.AppointmentService/CreateAppointment": "scheduling",
    }
    assert {name: kinds.get(name) for name in expected} == expected
    assert {name.split(".")[1] for name, kind in kinds.items() if kind == "files"} >= {"billing", "claims", "patients"}


def test_one_practice_never_takes_all_places() -> None:
    bulkheads = Bulkheads(4)
    with bulkheads.part("patients", "a"), bulkheads.part("billing", "a"):
        with pytest.raises(Problem, match="OVERLOADED"), bulkheads.part("claims", "a"):
            pass
        with bulkheads.part("claims", "b"):
            pass

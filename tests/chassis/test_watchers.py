"""Callers that watch a process' health come and go at once, and every call is still answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from grpc_health.v1 import health_pb2, health_pb2_grpc

from praxis_chassis.testing import ServiceUnderTest

SECONDS = 20
ROUNDS = 200


def test_watchers_that_come_and_go_stop_nobody(patients: ServiceUnderTest) -> None:
    stub = health_pb2_grpc.HealthStub(patients.channel)

    def come_and_go(_: int) -> None:
        for _ in range(ROUNDS):
            watching = stub.Watch(health_pb2.HealthCheckRequest(), timeout=SECONDS)
            assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
            watching.cancel()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, range(4)))
    assert stub.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS).status == health_pb2.HealthCheckResponse.SERVING

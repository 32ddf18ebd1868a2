"""What a call costs beside the database work it cannot avoid; printed as ratios, judged by people."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import text

from praxis.patients.v1 import directory_service_pb2, practice_pb2
from praxis_chassis.testing import ServiceUnderTest

ROUNDS = 300


def measured(work: Callable[[], object]) -> float:
    """Return the milliseconds of one round, after a few rounds to warm up."""
    for _ in range(20):
        work()
    began = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    return (time.perf_counter() - began) * 1000 / ROUNDS


def test_reads_and_writes_against_a_bare_transaction(patients: ServiceUnderTest) -> None:
    tenant = patients.tenant()
    engine = patients.runtime.database.engine
    practice = practice_pb2.Practice(
        name="Bench", kind=practice_pb2.PRACTICE_KIND_MIXED, country_code="US", currency_code="USD", locale="en-US"
    )
    create = directory_service_pb2.CreatePracticeRequest(practice=practice)
    created = tenant.call("CreatePractice", create)
    location = practice_pb2.Location(practice_id=created.id, name="Main", time_zone="America/Chicago")

    def bare() -> None:
        with engine.begin() as connection:
            connection.execute(text("SELECT 1"))

    def read() -> None:
        tenant.call("GetPractice", directory_service_pb2.GetPracticeRequest(id=created.id))

    def write() -> None:
        tenant.call("CreateLocation", directory_service_pb2.CreateLocationRequest(location=location))

    base = measured(bare)
    for name, work in (("bare transaction", bare), ("read", read), ("write with event and audit", write)):
        took = measured(work)
        print(f"{name:28} {took:7.2f} ms   {took / base:5.1f} ×")
    assert base > 0

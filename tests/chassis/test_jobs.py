"""Jobs come often to practices where something happens, and less often to those at rest."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import pytest
from sqlalchemy.orm import Session
from tests.chassis.test_boundary import create

from praxis.operations.v1 import operations_service_pb2 as operations
from praxis_chassis import jobs
from praxis_chassis.context import context_of
from praxis_chassis.jobs import Job, Ticker
from praxis_chassis.testing import ServiceUnderTest


def test_a_practice_at_rest_is_looked_at_less_and_less_often(
    patients: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, resting, moved, told = (patients.tenant() for _ in range(4))
    for tenant in (busy, resting, moved, told):
        create(tenant)
    ours = {tenant.id for tenant in (busy, resting, moved, told)}
    now, seen = 1000.0, list[UUID]()
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: now))
    ticker = Ticker(patients.runtime)

    def look(session: Session) -> None:
        seen.append(context_of(session).tenant)

    def visits(after: float = 0.0) -> set[UUID]:
        nonlocal now
        now += after
        seen.clear()
        ticker.run(Job("look", 0, look))
        return ours & set(seen)

    assert visits() == ours, "everybody is looked at after a start"
    assert visits(1) == set()
    create(busy, "Another")
    assert visits() == {busy.id}
    assert visits(3) == {busy.id}, "what it did may make more to do"
    moved.call("SetClockOffset", operations.SetClockOffsetRequest(offset_seconds=86400))
    assert visits() == {busy.id, moved.id}, "a moved clock may make much due at once"
    ticker.touch([told.id])
    assert visits(30) == ours, "a round that took long forgets nobody"
    assert visits() == set()
    rests, before = list[float](), now
    while len(rests) < 4:
        if resting.id in visits(1):
            rests.append(now - before)
            before = now
    assert rests == [20, 40, 80, 160]
    assert told.id not in visits(9)
    ticker.touch([told.id])
    assert visits() == {told.id}

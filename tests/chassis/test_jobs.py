"""Jobs come often to practices where something happens, and less often to those at rest."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy.orm import Session
from tests.chassis.test_boundary import create

from praxis_chassis import jobs
from praxis_chassis.context import context_of
from praxis_chassis.jobs import Job, Ticker
from praxis_chassis.testing import ServiceUnderTest


def test_a_practice_at_rest_is_looked_at_less_often(
    patients: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, resting = patients.tenant(), patients.tenant()
    for tenant in (busy, resting):
        create(tenant)
    ticker, seen = Ticker(patients.runtime), list[UUID]()

    def look(session: Session) -> None:
        seen.append(context_of(session).tenant)

    def visits() -> set[UUID]:
        seen.clear()
        ticker.run(Job("look", 0, look))
        return {busy.id, resting.id} & set(seen)

    assert visits() == {busy.id, resting.id}, "everybody is looked at after a start"
    assert visits() == set()
    create(busy, "Another")
    assert visits() == {busy.id}
    assert visits() == {busy.id}, "what it did may make more to do"
    monkeypatch.setattr(jobs, "REST_SECONDS", 0.0)
    ticker.rests_until.clear()
    assert visits() == {busy.id, resting.id}

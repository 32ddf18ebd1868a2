"""The compose system is restarted and loses a service while reads and writes flow; `-s` shows the figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from support.composed import Composed
from support.engine import docker
from support.load import Answer, Call, Load, failures, percentile
from tests.journeys.clinic import Clinic, open_clinic

pytestmark = [pytest.mark.timeout(600)]
# Half of what one login may ask for in a minute, so that no answer is a refusal of too many.
PER_SECOND = 50.0
AFTER = 100


def visit_kind(number: int) -> dict[str, Any]:
    """Return a new kind of appointment, another one for every number."""
    return {"name": f"Kind {number}", "patient_kinds": ["human"], "duration_minutes": 15}


READ = Call("kinds", "/v1/appointmentTypes?page_size=5")
WRITE = Call("new kind", "/v1/appointmentTypes", "POST", visit_kind)
SEARCH = Call("patients", "/v1/patients?page_size=5")


@pytest.fixture(scope="module")
def clinic(system: Composed) -> Iterator[Clinic]:
    """A practice whose people keep the system busy."""
    with closing(open_clinic(system, "harbor")) as clinic:
        yield clinic


@pytest.fixture(autouse=True)
def alone(system: Composed) -> Iterator[None]:
    """Leave one replica of each service to the next test."""
    yield
    system.up("--scale", "scheduling=1", "--no-recreate")


def test_a_rolling_restart_fails_no_request(system: Composed, clinic: Clinic) -> None:
    scale(system, 2)
    before = kinds(system, clinic)
    with load(clinic, READ, WRITE) as running:
        for container in system.containers("scheduling"):
            running.wait_for(AFTER)
            docker("restart", "--time", "40", container)
            system.until_well()
        running.wait_for(AFTER)
    told("both replicas restarted in turn", running.answers)
    assert not failures(running.answers)
    assert kinds(system, clinic) - before == len(running.of(WRITE.name))


def test_one_service_less_leaves_the_others(system: Composed, clinic: Clinic) -> None:
    [claims] = system.containers("claims")
    docker("stop", claims)
    with load(clinic, READ, WRITE, SEARCH) as running:
        running.wait_for(3 * AFTER)
    told("claims stopped", running.answers)
    assert not failures(running.answers)
    system.up()
    clinic.owner.until("/v1/payers", lambda reply: bool(reply.get("payers")))


def load(clinic: Clinic, *calls: Call) -> Load:
    return Load(clinic.owner.url, clinic.owner.token, calls, threads=6, per_second=PER_SECOND)


def scale(system: Composed, count: int) -> None:
    system.up("--scale", f"scheduling={count}", "--no-recreate")
    assert len(system.containers("scheduling")) == count


def kinds(system: Composed, clinic: Clinic) -> int:
    query = "SELECT count(*) FROM appointment_types WHERE tenant_id = %s"
    return int(system.rows("scheduling", query, [clinic.tenant_id])[0][0])


def told(what: str, answers: list[Answer]) -> None:
    """Say what happened, for the table of measured promises."""
    failed = len(answers) - sum(answer.ok for answer in answers)
    figures = f"{failed} of {len(answers)} failed, p99 {percentile(answers, 99):.2f} s"
    print(f"{what}: {figures} {dict(failures(answers)) or ''}")

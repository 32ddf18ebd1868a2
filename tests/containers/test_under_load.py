"""The compose system is scaled, restarted, and loses parts and lines under load; `-s` shows the figures.

Nobody lends a hand: what was killed is brought back by the engine, and the rest finds it again by itself.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pytest
from support.composed import Composed
from support.engine import docker
from support.load import Answer, Call, Load, failures, outage, percentile
from tests.faults.house import registration
from tests.journeys.clinic import Clinic, open_clinic

# A quarter of what one login may ask for in a minute, so that no answer is a refusal of too many.
PER_SECOND = 25.0
AFTER = 100
# Of what goes on while replicas come, go or fall silent, or while another service is away.
MOST_FAILED = 0.02
# What a database that dies may cost its own service; the goal is five, and other processes use this machine too.
MOST_OUTAGE_SECONDS = 15.0
# Callers try a lost replica again after a second; so much later nothing may fail any more.
SETTLED_SECONDS = 3.0
# Loads of one seed send the same bodies, and what one of them wrote must not be taken for the other's.
SEEDS = itertools.count(100)


def visit_kind(number: int) -> dict[str, Any]:
    """Return a new kind of appointment, another one for every number."""
    return {"name": f"Kind {number}", "patient_kinds": ["human"], "duration_minutes": 15}


READ = Call("kinds", "/v1/appointmentTypes?page_size=5")
WRITE = Call("new kind", "/v1/appointmentTypes", "POST", visit_kind)
SEARCH = Call("patients", "/v1/patients?page_size=5")
REGISTER = Call("registration", "/v1/patients", "POST", registration)
CLAIMS = Call("payers", "/v1/payers?page_size=5")
OF_SCHEDULING, OF_PATIENTS = (READ.name, WRITE.name), (SEARCH.name, REGISTER.name)


@pytest.fixture(scope="module")
def clinic(system: Composed) -> Iterator[Clinic]:
    """A practice whose people keep the system busy."""
    with closing(open_clinic(system, "harbor")) as clinic:
        yield clinic


@pytest.fixture(autouse=True)
def alone(system: Composed) -> Iterator[None]:
    """Leave one replica of each service to the next test."""
    yield
    scale(system, 1)


def test_a_rolling_restart_fails_no_request(system: Composed, clinic: Clinic) -> None:
    scale(system, 2)
    with load(clinic, READ, WRITE) as running:
        for container in system.containers("scheduling"):
            running.wait_for(AFTER)
            docker("restart", "--time", "40", container)
            system.until_well()
        running.wait_for(AFTER)
    told("both replicas restarted in turn", running.answers)
    assert not failures(running.answers)
    assert_written_once(system, clinic, running)


def test_a_replica_that_is_killed(system: Composed, clinic: Clinic) -> None:
    scale(system, 2)
    with watched(system, clinic, READ, WRITE) as running:
        system.kill(system.containers("scheduling")[0])
    told("one of two replicas killed", running.answers)
    assert_few_failed(running.answers)
    assert_written_once(system, clinic, running)


def test_a_service_that_is_killed_leaves_the_others(system: Composed, clinic: Clinic) -> None:
    with watched(system, clinic, READ, WRITE, SEARCH, CLAIMS) as running:
        system.kill(system.containers("claims")[0])
    others = running.of(READ.name, WRITE.name, SEARCH.name)
    told("claims killed", running.of(CLAIMS.name))
    told("claims killed, others", others)
    assert not failures(others)
    assert_written_once(system, clinic, running)


def test_a_service_that_is_away_leaves_the_others(system: Composed, clinic: Clinic) -> None:
    [claims] = system.containers("claims")
    docker("stop", claims)
    with load(clinic, READ, WRITE, SEARCH) as running:
        running.wait_for(3 * AFTER)
    told("claims stopped", running.answers)
    assert not failures(running.answers)
    system.up()
    clinic.owner.until("/v1/payers", lambda reply: bool(reply.get("payers")))


def test_a_database_that_is_killed_is_a_blip_for_its_own_service(system: Composed, clinic: Clinic) -> None:
    with watched(system, clinic, READ, WRITE, SEARCH, REGISTER) as running:
        system.kill(system.containers("scheduling-database")[0])
    mine, others = running.of(*OF_SCHEDULING), running.of(*OF_PATIENTS)
    told("database of scheduling killed", mine)
    told("database of scheduling killed, others", others)
    assert outage(mine) <= MOST_OUTAGE_SECONDS
    assert not failures(others)
    assert all(answer.ok or answer.status in {503, 504} for answer in mine), failures(mine)
    assert_written_once(system, clinic, running)
    assert_copied_once(system, clinic, running)


def test_a_bus_that_is_killed_is_not_noticed(system: Composed, clinic: Clinic) -> None:
    with watched(system, clinic, WRITE, SEARCH, REGISTER) as running:
        system.kill(system.containers("nats")[0])
    told("NATS killed", running.answers)
    assert not failures(running.answers)
    assert_written_once(system, clinic, running)
    assert_copied_once(system, clinic, running)


def load(clinic: Clinic, *calls: Call) -> Load:
    return Load(clinic.owner.url, clinic.owner.token, calls, threads=6, per_second=PER_SECOND, seed=next(SEEDS))


@contextmanager
def watched(system: Composed, clinic: Clinic, *calls: Call) -> Iterator[Load]:
    """Keep the system busy around a fault and until it is well again; after that nothing may fail."""
    with load(clinic, *calls) as running:
        running.wait_for(AFTER)
        yield running
        system.until_well()
        time.sleep(SETTLED_SECONDS)
        settled = time.monotonic()
        running.wait_for(3 * AFTER)
    later = [answer for answer in running.answers if answer.began >= settled]
    assert len(later) > AFTER
    assert not failures(later), "it does not recover by itself"


def scale(system: Composed, count: int) -> None:
    # Without what it depends on: nothing else is to start again, least of all the migrations.
    system.up("--no-deps", "--no-recreate", "--scale", f"scheduling={count}", "scheduling")
    assert len(system.containers("scheduling")) == count


def assert_few_failed(answers: Sequence[Answer]) -> None:
    assert failures(answers).total() <= MOST_FAILED * len(answers), failures(answers)


def assert_written_once(system: Composed, clinic: Clinic, running: Load) -> None:
    """Every write that was answered well is there, and none is there twice."""
    query = "SELECT name, count(*) FROM appointment_types WHERE tenant_id = %s GROUP BY name"
    there = dict(system.rows("scheduling", query, [clinic.tenant_id]))
    promised = [visit_kind(answer.number)["name"] for answer in running.of(WRITE.name) if answer.ok]
    assert len(promised) > AFTER / 4
    assert [name for name in promised if there.get(name) != 1] == []
    assert max(there.values()) == 1


def assert_copied_once(system: Composed, clinic: Clinic, running: Load) -> None:
    """Every registration that was answered well is there once, and has reached the services that listen."""
    answers = running.of(REGISTER.name)
    promised = Counter(registration(answer.number)["human"]["name"]["family"] for answer in answers if answer.ok)
    owned = "SELECT human->'name'->>'family', id FROM patients WHERE tenant_id = %s"
    there = system.rows("patients", owned, [clinic.tenant_id])
    families = Counter(family for family, _ in there)
    assert promised.total() > AFTER / 8
    assert {family: families[family] for family in promised} == promised
    ids = sorted(identifier for _, identifier in there)
    for service in ("scheduling", "billing"):
        copied = "SELECT id FROM patient_copies WHERE tenant_id = %s ORDER BY id"
        deadline = time.monotonic() + 60
        while [row[0] for row in system.rows(service, copied, [clinic.tenant_id])] != ids:
            assert time.monotonic() < deadline, f"{service} lacks registrations"
            time.sleep(0.5)


def told(what: str, answers: Sequence[Answer]) -> None:
    """Say what happened, for the table of measured promises."""
    failed = failures(answers)
    figures = f"{failed.total()} of {len(answers)} failed, p99 {percentile(answers, 99):.2f} s"
    print(f"{what}: {figures}, errors for {outage(answers):.1f} s {dict(failed) or ''}")

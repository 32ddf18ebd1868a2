"""Everything is killed, held, wiped and rolled back while events flow: none is lost, doubled or out of order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, text
from tests.faults.desk import Desk
from tests.faults.many import Many
from tests.faults.oracle import Findings
from tests.faults.run import (
    FEW,
    PATIENTS_PER_LANE,
    VICTIMS,
    Run,
    copies,
    deliveries,
    kills_and_holds,
    rebuilt,
    recorded,
    refilled,
    set_up,
)
from tests.faults.world import World, opened
from tests.support.canary import FAMILY, hits
from tests.support.collector import collecting
from tests.support.fault_proxy import FaultProxy

from praxis_chassis import clock, tables
from praxis_chassis.types import new_id
from praxis_local.processes import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

SEED = 20261124
UNPUBLISHED = "SELECT id FROM events WHERE published_at IS NULL"
# As many as the service has threads and connections.
CALLERS = 16
SEEDS = [SEED, 411, 7, 90210, 1865]
# What must be reached with `--long`, and what otherwise.
EVENTS, KILLS = {True: 20_000, False: 2_000}, {True: 75, False: 12}
CAUGHT_UP_SECONDS_PER_10_000, REBUILT_SECONDS = 30.0, 300.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with collecting() as collector, opened(tmp_path_factory.mktemp("world"), collector) as world:
        yield world


@pytest.mark.parametrize("seed", SEEDS)
def test_no_event_is_lost_doubled_or_out_of_order(world: World, long: bool, seed: int) -> None:
    if seed != SEED and not long:
        pytest.skip("one of five plans of kills; all five with --long")
    run = set_up(world, 12_000 if long else 1_160, seed, PATIENTS_PER_LANE if long else FEW)
    before = deliveries(world)
    faults = kills_and_holds(world, seed, 7 if long else 1)
    known = {consumer: len(run.oracle.applied(consumer)) for consumer in ("billing", "reporting")}
    run.start()
    run.suffer(faults)
    found = run.finish(900 if long else 300)
    applied = sum(len(run.oracle.applied(consumer)) - known[consumer] for consumer in known)
    repeats = deliveries(world) - before - applied
    kills = sum(name.startswith("kill") for name in run.done)
    print(f"{run.events()} events, {kills} kills, {run.with_backlog} with a backlog, {repeats} delivered again")
    assert found == Findings(), run.logs()
    assert run.events() >= EVENTS[long]
    assert kills >= KILLS[long]
    assert {name.split()[1] for name in run.done} == set(VICTIMS)
    assert run.with_backlog >= 10
    assert repeats > 0, "no message came twice, so the run shows nothing about repeats"
    told = [row.type for owner in ("patients", "billing") for row in run.oracle.events(owner)]
    assert told.count("praxis.billing.v1.EncounterPosted") == run.charges
    assert told.count("praxis.patients.v1.PatientUpdated") == run.requests - run.charges


def test_a_wiped_and_a_rolled_back_stream_lose_nothing(world: World, tmp_path: Path, long: bool) -> None:
    run = set_up(world, 7_000 if long else 240, SEED + 1, PATIENTS_PER_LANE if long else FEW)
    copy = copies(tmp_path)
    once = [
        ("copy", lambda: world.copy_nats(copy)),
        ("wipe", world.wipe_nats),
        ("kill relay", lambda: world.kill("relay")),
        ("roll back", lambda: world.roll_nats_back(copy)),
        ("kill consumer", lambda: world.kill("consumer")),
    ]
    run.start()
    run.suffer([*once, *([*once[1:], *once[1:]] if long else [])])
    assert run.finish(300) == Findings(), run.logs()
    total = sum(recorded(world).values())
    world.wipe_nats()  # nobody works any more, so nothing but a look at the stream can tell
    started = time.monotonic()
    assert wait_until(lambda: refilled(world), 300), run.logs()
    took = time.monotonic() - started
    print(f"{total} events published and seen by all again {took:.1f} s after a wipe at rest")
    if long:
        assert total >= 10_000
        assert took <= CAUGHT_UP_SECONDS_PER_10_000 * total / 10_000
    assert run.oracle.find() == Findings(), run.logs()


def test_a_killed_service_answers_what_it_had_committed(world: World, long: bool) -> None:
    """The service dies between commit and answer; the request, repeated under its key, gets the first one's answer."""
    rounds, repeated = 63 if long else 2, 0
    with FaultProxy(f"{world.postgres.sockets}/.s.PGSQL.5432") as line:
        desk = Desk.open(world, line)
        assert not desk.ask(FAMILY, str(new_id())).replayed
        for number in range(rounds):
            requests = [(f"{FAMILY}{number}n{caller}", str(new_id())) for caller in range(CALLERS)]
            first = desk.kill_unanswered(*zip(*requests, strict=True))
            for family, key in requests:
                answer = desk.ask(family, key)
                assert (answer.patient_id, answer.replayed) == (first[family], True)
                repeated += 1
        rows = world.rows("patients", "SELECT count(*) FROM patients WHERE tenant_id = %s", [desk.tenant])
        world.victims.pop(desk.name).end()
    print(f"{repeated} requests whose service was killed between commit and answer, {rows[0][0] - 1} effects")
    assert rows == [(rounds * CALLERS + 1,)]


def test_the_oracle_finds_what_is_wrong(world: World) -> None:
    """Each thing that the other tests rule out is found when it is there."""
    run = set_up(world, 0, SEED + 2, 1)
    assert wait_until(lambda: run.oracle.find() == Findings(), 30), run.oracle.find()
    patient = run.patients[-1][-1]
    with silent(world, "relay"):
        run.rename(patient)
        found = run.oracle.find()
        # The patient's event and that of the person who is the patient; neither has a number yet.
        assert (found.unpublished, found.gaps, len(found.lost)) == (2, 1, 2)
    assert wait_until(lambda: not run.oracle.behind() and not world.rows("patients", UNPUBLISHED), 60), run.logs()
    _, renamed = [row for row in run.oracle.events("patients") if row.aggregate_id == UUID(patient)]
    with run.oracle.session("reporting") as session:
        lost, *_ = [row for row in run.oracle.expected("reporting") if row.aggregate == "patient"]
        session.execute(text("DELETE FROM inbox WHERE event_id = :id"), {"id": lost.id})
        session.execute(text("UPDATE patient_names SET display_name = 'Nobody'"))
        session.execute(insert(tables.inbox).values(_foreign(run.tenant)))
        session.execute(insert(tables.dead_letters).values(_dead(run.tenant, renamed)))
    with (
        seeded(world, "reporting", "inbox", "received_at", "received_at - interval '1 hour'", "event_id", renamed.id),
        seeded(world, "patients", "events", "version", "version + 1", "id", renamed.id),
        seeded(world, "patients", "events", "tenant_sequence", "tenant_sequence + 1000", "id", renamed.id),
    ):
        found = run.oracle.find()
    with run.oracle.session("reporting") as session:
        session.execute(delete(tables.dead_letters).where(tables.dead_letters.c.tenant_id == run.tenant))
    assert len(found.unknown) == 1
    wrong = ["reporting's copies of patients", "EVENTS"]
    assert found == Findings(gaps=2, lost={lost.id}, unknown=found.unknown, disordered=1, dead=1, differing=wrong)


@contextmanager
def silent(world: World, name: str) -> Iterator[None]:
    """Hold a process as long as somebody looks."""
    for pid in world.family(name):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in world.family(name):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def seeded(
    world: World, database: str, table: str, column: str, value: str, key: str, identifier: UUID
) -> Iterator[None]:
    """Make one value of one row wrong as long as somebody looks."""
    chosen = f"WHERE {key} = %s RETURNING {column}"
    ((before,),) = world.rows(database, f"SELECT {column} FROM {table} WHERE {key} = %s", [identifier])
    world.rows(database, f"UPDATE {table} SET {column} = {value} {chosen}", [identifier])
    try:
        yield
    finally:
        world.rows(database, f"UPDATE {table} SET {column} = %s {chosen}", [before, identifier])


def test_the_search_finds_a_word_that_is_told(world: World) -> None:
    leak = world.platform.home / "leak.log"
    leak.write_text(f"could not rename {FAMILY}1x1")
    try:
        assert hits([FAMILY], world.told()) == [("logs", FAMILY)]
    finally:
        leak.unlink()


def _foreign(tenant: UUID) -> dict[str, object]:
    return {"tenant_id": tenant, "event_id": new_id(), "type": "praxis.nobody.v1.Happened", "received_at": clock.wall()}


def _dead(tenant: UUID, event: Any) -> dict[str, object]:
    return {
        "tenant_id": tenant, "event_id": event.id, "type": event.type, "source": "patients", "headers": b"{}",
        "aggregate": event.aggregate, "aggregate_id": event.aggregate_id, "epoch": 1, "version": event.version,
        "payload": b"", "parked": False, "attempts": 1, "failure": "seeded", "received_at": clock.wall(),
    }  # fmt: skip


@dataclass(frozen=True)
class Rebuilt:
    """Reporting before and after it was rebuilt: one practice that lived, and one with very many patients."""

    run: Run
    many: Many
    before: dict[str, str]
    applied: int
    seconds: float


@pytest.fixture(scope="module")
def once_rebuilt(world: World, long: bool) -> Rebuilt:
    """Rebuild once for both tests, because all that the others have left behind is applied again each time."""
    run = set_up(world, 80, SEED + 3, FEW)
    run.start()
    assert run.finish(120) == Findings(), run.logs()
    before = run.oracle.digest("reporting")
    many = Many(world, 100_000 if long else 1_000)
    return Rebuilt(run, many, before, *rebuilt(world))


def test_reporting_rebuilt_from_nothing_equals(once_rebuilt: Rebuilt) -> None:
    oracle, before = once_rebuilt.run.oracle, once_rebuilt.before
    assert once_rebuilt.applied >= len(oracle.expected("reporting"))
    assert oracle.digest("reporting") == before
    assert len({*before.values()}) > 4, "all projections are empty, so that their digests say nothing"
    assert oracle.find() == Findings()


def test_many_aggregates_are_rebuilt_in_time(once_rebuilt: Rebuilt, long: bool) -> None:
    many, applied, took = once_rebuilt.many, once_rebuilt.applied, once_rebuilt.seconds
    print(f"{applied} events, of {many.count} patients and some more, rebuilt in {took:.1f} s")
    assert applied >= many.count
    assert many.found() == many.expected()
    if long:
        assert took <= REBUILT_SECONDS

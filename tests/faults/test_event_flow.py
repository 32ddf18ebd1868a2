"""In calm: how soon and how fast events arrive; and with poison among them: others go on, and a replay mends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any
from uuid import UUID

import psycopg
import pytest
from support.event_flow import drain_rates, latencies, percentile, published_since, raw_publish_rate
from tests.faults.oracle import FLOWS, Findings
from tests.faults.run import FEW, LANES, PATIENTS_PER_LANE, Run, set_up
from tests.faults.world import World, opened
from tests.support.canary import BIRTH_DATE, FAMILY, hits

from praxis_chassis import clock
from praxis_chassis.types import new_id
from praxis_local.processes import wait_until
from praxis_local.provision import database_url

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

SEED = 20261125
# A thousandth of the events is poison in the measured run.
MEASURED, POISONS, UNCHANGED = 3000, 3, 1.2
# An event's body in the backlog has about as many bytes.
BODY = 450
HALF_MS, MOST_MS = 60, 500
LEAST_PER_SECOND, RELAY_SHARE, CONSUMER_SHARE = 500, 0.1, 0.25


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened(tmp_path_factory.mktemp("flow")) as world:
        yield world


@contextmanager
def refused(world: World, *patients: str) -> Iterator[None]:
    """Let reporting's database refuse what is said about some patients, as a fault in a reaction would."""
    listed = ", ".join(f"'{UUID(patient)}'" for patient in patients)
    with psycopg.connect(database_url(world.postgres.admin_url, "reporting"), autocommit=True) as connection:
        check = f"CHECK (patient_id NOT IN ({listed})) NOT VALID"
        connection.execute(f"ALTER TABLE patient_names ADD CONSTRAINT poison {check}".encode())
        try:
            yield
        finally:
            connection.execute(b"ALTER TABLE patient_names DROP CONSTRAINT poison")


def of_others(*sick: str) -> Any:
    wanted = {UUID(patient) for patient in sick}
    return lambda row: row.type.endswith("PatientUpdated") and row.aggregate_id not in wanted


def dead_letters(run: Run) -> int:
    return sum(run.oracle.dead(consumer) for consumer in FLOWS)


def replayed(run: Run) -> str:
    """Run the command of an operator."""
    return run.world.command("consumer", "replay", str(run.tenant))


def test_poison_stops_its_own_patient_only_and_a_replay_equals_the_owner(world: World, long: bool) -> None:
    run = set_up(world, 200 if long else 160, SEED, PATIENTS_PER_LANE if long else FEW)
    sick = run.patients[0][0]
    with refused(world, sick):
        run.start()
        assert wait_until(lambda: run.answered() == run.requests, 120), run.logs()
        assert wait_until(lambda: set(run.oracle.waiting()) <= {UUID(sick)} and dead_letters(run) > 1, 90), run.logs()
        milliseconds = latencies(world.runtimes["patients"], world.runtimes["reporting"], run.tenant, of_others(sick))
        assert len(milliseconds) > 100
    buried = dead_letters(run)
    told = world.told()
    assert ("dead letters", str(run.tenant)) in hits([str(run.tenant)], told)
    assert hits([FAMILY, BIRTH_DATE], told) == []
    assert f"{buried} events applied" in replayed(run)
    assert run.finish(60) == Findings(), run.logs()


def test_how_soon_and_how_fast_events_arrive(world: World, long: bool) -> None:
    patients, reporting = world.runtimes["patients"], world.runtimes["reporting"]
    run = set_up(world, 2000 if long else 60, SEED + 1, PATIENTS_PER_LANE if long else FEW)
    run.start(pause=LANES / 100)
    assert run.finish(300) == Findings(), run.logs()
    calm = latencies(patients, reporting, run.tenant, of_others())
    half, most = percentile(calm, 0.5), percentile(calm, 0.99)
    print(f"calm: p50 {half:.0f} ms, p99 {most:.0f} ms of {len(calm)}")
    if long:
        assert half <= HALF_MS
        assert most <= MOST_MS


def test_relay_and_consumer_keep_up(world: World, long: bool) -> None:
    """A backlog is drained while every part works; on any machine the relay is held against a raw publisher.

    That one publishes while the relay does, so that both have the same share of the machine.
    """
    patients, reporting = world.runtimes["patients"], world.runtimes["reporting"]
    backlog = set_up(world, 4000 if long else 400, SEED + 2, PATIENTS_PER_LANE if long else FEW)
    world.victims["relay"].end()
    backlog.start()
    assert wait_until(lambda: backlog.answered() == backlog.requests, 600), backlog.logs()
    begun = clock.wall()
    world.victims["relay"].start()
    assert wait_until(lambda: bool(published_since(patients, backlog.tenant, begun)), 60), backlog.logs()
    published = raw_publish_rate(world.nats.url, [b"x" * BODY] * backlog.requests)
    assert backlog.finish(300) == Findings(), backlog.logs()
    relay, consumer = drain_rates(patients, reporting, backlog.tenant, begun)
    print(f"drain: relay {relay:.0f} events/s of {published:.0f} raw, consumer {consumer:.0f} events/s")
    assert relay >= RELAY_SHARE * published
    assert consumer >= CONSUMER_SHARE * relay
    if long:
        assert min(relay, consumer) >= LEAST_PER_SECOND


def test_poison_does_not_delay_the_others(world: World, long: bool) -> None:
    """Pairs of runs that differ in nothing but the poison; the side that runs first changes from pair to pair."""
    if not long:
        pytest.skip("a timing, measured with --long")
    ratios = []
    for pair in range(5):
        order = (False, True) if pair % 2 else (True, False)
        found = {poison: paced(world, pair, poison=poison) for poison in order}
        ratios.append(found[True] / found[False])
        print(f"pair {pair}: p99 {found[False]:.0f} ms without poison, {found[True]:.0f} ms with")
    print(f"median ratio {median(ratios):.2f}")
    assert median(ratios) <= UNCHANGED


def paced(world: World, pair: int, *, poison: bool) -> float:
    """Return the 99th percentile of the others' latency at a steady pace, with or without one poison in a thousand.

    In both cases the same patients are renamed on the way; only the poison's are refused.
    """
    run = set_up(world, MEASURED, SEED + 10 + pair)
    sick = [lane.pop() for lane in run.patients[:POISONS]]
    with refused(world, *(sick if poison else (str(new_id()) for _ in sick))):
        run.start(pause=LANES / 100)
        for number, patient in enumerate(sick, 1):
            goal = run.requests * number // (len(sick) + 1)
            assert wait_until(lambda goal=goal: run.answered() >= goal, 300), run.logs()  # type: ignore[misc]
            run.rename(patient)
        assert wait_until(lambda: run.answered() == run.requests, 300), run.logs()
        wait_until(lambda: False, 3)  # the last ones arrive undisturbed by who compares
        assert wait_until(lambda: set(run.oracle.waiting()) <= set(map(UUID, sick)), 60), run.logs()
        assert not poison or wait_until(lambda: dead_letters(run) == POISONS, 60), run.logs()
        found = latencies(world.runtimes["patients"], world.runtimes["reporting"], run.tenant, of_others(*sick))
    replayed(run)
    return percentile(found, 0.99)

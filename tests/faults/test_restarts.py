"""PostgreSQL dies under load, which is a blip, and every process is restarted under load, which nobody notices."""

from __future__ import annotations

import os
import signal
import time

import psycopg
import pytest
from tests.faults.house import BACK_SECONDS, ROUTES, UNKEYED, WRITE, House
from tests.support.load import failures, outage

from praxis_local.processes import wait_until
from praxis_local.topology import SERVICES

pytestmark = [pytest.mark.faults, pytest.mark.alone, pytest.mark.timeout(240)]
ERROR_SECONDS = 5.0
# The goal is five seconds; a machine that others use as well gets more before the test calls it a fault.
GENEROUS = 3.0
# As fast as answers come, requests take the two cores from the programs that start; so they do with `--long`.
PER_SECOND = 40.0
# What is ours of it: from the moment when the server takes connections again.
OURS_SECONDS = 5.0


def postmaster(house: House) -> int:
    return int((house.system.home.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_database_that_restarts_is_a_blip(house: House, how: signal.Signals, long: bool) -> None:
    first, before = postmaster(house), house.patients()
    with house.load(*ROUTES.values(), WRITE, threads=4) as load:
        load.wait_for(60)
        os.kill(first, how)
        assert wait_until(lambda: postmaster_changed(house, first) and server_answers(house), BACK_SECONDS)
        back = time.monotonic()
        house.await_answers(*ROUTES)
        load.wait_for(120)
    failed = outage(load.answers)
    assert failed > 0, "nobody noticed, so the run shows nothing"
    late = max(answer.ended for answer in load.answers if not answer.ok) - back
    print(f"PostgreSQL ended by {how.name}: errors for {failed:.1f} s, the last {late:.1f} s after it was back")
    print(dict(failures(load.answers)))
    assert late <= OURS_SECONDS, "the server is back, and who uses it is not"
    assert failed <= ERROR_SECONDS * (1 if long else GENEROUS)
    assert all(answer.status in {200, 201, 503, 504} for answer in load.answers), failures(load.answers)
    written = load.of(WRITE.name)
    good, added = sum(answer.ok for answer in written), house.patients() - before
    assert good <= added <= len(written), (
        f"{good} of {len(written)} registrations were answered well, {added} are there"
    )


def postmaster_changed(house: House, first: int) -> bool:
    try:
        return postmaster(house) != first
    except (FileNotFoundError, IndexError):
        return False


def server_answers(house: House) -> bool:
    try:
        return house.system.rows("patients", "SELECT 1") == [(1,)]
    except psycopg.Error:
        return False


def test_a_rolling_restart_fails_no_request(house: House, long: bool) -> None:
    """Every replica of each service that has two, and both programs of the gateway, under reads and writes.

    The first replica of a service also relays and applies events; with `--long` every service has two.
    """
    before = house.patients()
    doubled = [service for service in SERVICES if len(house.replicas(service)) > 1]
    reads = [ROUTES[name] for name in (*doubled, "identity")]
    with house.load(*reads, WRITE, UNKEYED, threads=3, per_second=0 if long else PER_SECOND) as load:
        load.wait_for(50)
        for part in (*(part for service in doubled for part in house.replicas(service)), "gateway-work"):
            house.restart(part)
            load.wait_for(20)
        house.renew_gateway()
        load.wait_for(50)
    print(f"{len(load.answers)} requests, {load.reconnects} connections opened anew, {dict(failures(load.answers))}")
    assert not failures(load.answers)
    assert house.patients() - before == len(load.of(WRITE.name, UNKEYED.name))

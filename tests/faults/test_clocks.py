"""Clocks are minutes apart: a minute hurts nobody, five close a replica without harm, and no order depends on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.faults.house import BACK_SECONDS, ROUTES, House, Newcomer, registration, targets
from tests.support.api import Api
from tests.support.load import failures

from praxis_local.processes import wait_until
from praxis_local.topology import GATEWAY, SERVICES

pytestmark = [pytest.mark.faults, pytest.mark.alone, pytest.mark.timeout(280)]
CHANGES, TOLERATED_SECONDS = 12, 60
FAKETIME = "*/faketime/libfaketimeMT.so.1"


@dataclass(frozen=True)
class Site:
    """A gateway and a replica of patients behind it, each with a clock of its own."""

    replica: Newcomer
    door: Newcomer

    @classmethod
    def choose(cls, *, gateway: float = 0.0, patients: float = 0.0) -> Site:
        replica = Newcomer.choose("patients", PRAXIS_CLOCK_SKEW_SECONDS=str(patients))
        behind = targets({"patients": replica.address})
        return cls(replica, Newcomer.choose(GATEWAY, PRAXIS_CLOCK_SKEW_SECONDS=str(gateway), **behind))

    @property
    def url(self) -> str:
        return f"http://{self.door.address}"


@contextmanager
def opened(house: House, *sites: Site) -> Iterator[None]:
    """Run sites, all started at once."""
    with house.joined(*(part for site in sites for part in (site.replica, site.door))):
        yield


def test_a_minute_hurts_nobody_and_five_log_nobody_out(house: House, long: bool) -> None:
    sites = {skew: Site.choose(patients=skew) for skew in ((55, -55, 300, -300) if long else (55, -300))}
    with opened(house, *sites.values()):
        for skew, site in sites.items():
            check_skew(house, skew, site.url, good=abs(skew) <= TOLERATED_SECONDS)


def check_skew(house: House, skew: float, url: str, *, good: bool) -> None:
    with house.load(ROUTES["patients"], threads=2, url=url) as load:
        load.wait_for(20)
    print(f"patients {skew:+} s: {dict(failures(load.answers))}")
    if good:
        assert not failures(load.answers)
    else:
        assert {(answer.status, answer.problem) for answer in load.answers} == {(503, "UNAVAILABLE")}


def by_setting(skew: int) -> dict[str, str]:
    return {"PRAXIS_CLOCK_SKEW_SECONDS": str(skew)}


def by_libfaketime(skew: int) -> dict[str, str]:
    """Let the whole process, libraries included, see another time; what it measures by its own watch stays true."""
    found = os.environ.get("PRAXIS_TEST_LIBFAKETIME") or next(map(str, Path("/usr/lib").glob(FAKETIME)), "")
    if not found:
        pytest.skip("libfaketime is not installed")
    return {"LD_PRELOAD": found, "FAKETIME": f"{skew:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.mark.parametrize("clock", [by_setting, by_libfaketime])
@pytest.mark.parametrize("skew", [55, -55, 300, -300])
def test_all_services_with_wrong_clocks(
    house: House, long: bool, clock: Callable[[int], dict[str, str]], skew: int
) -> None:
    """A replica of each service is wrong: all of it goes on within a minute, and says 503 beyond."""
    if not long:
        pytest.skip("a replica of every service, with --long")
    environment = clock(skew)
    replicas = {name: Newcomer.choose(name, **environment) for name in SERVICES}
    door = Newcomer.choose(GATEWAY, **targets({name: replica.address for name, replica in replicas.items()}))
    routes = [ROUTES[name] for name in SERVICES]
    with (
        house.joined(*replicas.values(), door),
        house.load(*routes, threads=2, per_second=20, url=f"http://{door.address}") as load,
    ):
        load.wait_for(100)
    print(f"all services {skew:+} s {clock.__name__}: {dict(failures(load.answers))}")
    assert {answer.name for answer in load.answers} == set(SERVICES)
    expected = (200, "") if abs(skew) <= TOLERATED_SECONDS else (503, "UNAVAILABLE")
    assert {(answer.status, answer.problem) for answer in load.answers} == {expected}


def test_no_order_depends_on_clocks(house: House) -> None:
    """Two sites, ten minutes apart, change one patient in turn: the last change wins everywhere."""
    patient = house.owner.post("/v1/patients", registration(51), name="of two times")["patient"]
    sites = [Site.choose(gateway=skew, patients=skew) for skew in (300.0, -300.0)]
    with opened(house, *sites), ExitStack() as held:
        desks = [held.enter_context(closing(Api(site.url, house.token))) for site in sites]
        for number in range(CHANGES):
            patient = renamed(desks[number % 2], patient, number)
    assert wait_until(lambda: known_name(house, patient["id"]).startswith(f"Name{CHANGES - 1}"), BACK_SECONDS)
    times, versions = history(house, patient["id"])
    assert versions == list(range(1, CHANGES + 2))
    assert times != sorted(times), "the clocks were not apart, so the run shows nothing"
    assert house.system.rows("scheduling", "SELECT count(*) FROM dead_letters") == [(0,)]


def renamed(desk: Api, patient: dict[str, Any], number: int) -> dict[str, Any]:
    human = {**patient["human"], "name": {**patient["human"]["name"], "family": f"Name{number}"}}
    return desk.patch(f"/v1/patients/{patient['id']}", {"human": human}, etag=patient["etag"])


def known_name(house: House, patient_id: str) -> str:
    """Return the name under which scheduling knows a patient."""
    rows = house.system.rows("scheduling", "SELECT name FROM patient_copies WHERE id = %s", [patient_id])
    return next((name.rpartition(" ")[2] for (name,) in rows), "")


def history(house: House, patient_id: str) -> tuple[list[Any], list[int]]:
    """Return the times and versions of a patient's events, in the order in which scheduling applied them."""
    query = "SELECT id, occurred_at, version FROM events WHERE aggregate_id = %s AND aggregate = 'patient'"
    facts = {row[0]: row[1:] for row in house.system.rows("patients", query, [patient_id])}
    applied = house.system.rows("scheduling", "SELECT event_id FROM inbox ORDER BY received_at")
    rows = [facts[event] for (event,) in applied if event in facts]
    return [row[0] for row in rows], [row[1] for row in rows]

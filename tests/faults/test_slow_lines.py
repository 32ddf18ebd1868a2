"""Lines to a service or to its database grow slow, fall silent or break: answers come in time, and nothing piles up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from tests.faults.house import ROUTES, House, targets, threads_of
from tests.support.fault_proxy import FaultProxy, through
from tests.support.load import Load, failures, percentile, share_ok

from praxis_local.processes import wait_until
from praxis_local.topology import GATEWAY

pytestmark = [pytest.mark.faults, pytest.mark.timeout(280)]
READ_SECONDS = 2.0
# The deadline is exact on an idle machine; a loaded one wakes threads late.
LATE_SECONDS = 3.0
MORE_THREADS = 12
HEALED_SECONDS = 30.0


@dataclass(frozen=True)
class Side:
    """A gateway whose way to billing, and billing's way to its database, lead through proxies."""

    house: House
    url: str
    service: FaultProxy
    database: FaultProxy
    processes: dict[str, int]

    def threads(self) -> int:
        return sum(threads_of(process) for process in self.processes.values())


@pytest.fixture(scope="module")
def side(house: House) -> Iterator[Side]:
    socket = next(iter(house.topology.databases.values())).app.partition("host=")[2]
    with FaultProxy(f"{socket}/.s.PGSQL.5432") as database:
        url = through(house.topology.databases["billing"].app, database)
        with (
            house.beside("billing", PRAXIS_DATABASE_URL=url) as billing,
            FaultProxy(billing) as service,
            house.beside(GATEWAY, **targets({"billing": service.address})) as gateway,
        ):
            processes = {"billing": house.listening(billing), GATEWAY: house.listening(gateway)}
            yield Side(house, f"http://{gateway}", service, database, processes)


FAULTS: dict[str, Callable[[FaultProxy], None]] = {
    "500 ms more": lambda proxy: setattr(proxy, "delay", 0.5),
    "half open": lambda proxy: setattr(proxy, "silent", True),
    "cut once": lambda proxy: proxy.cut(),
    "cut": lambda proxy: proxy.cut(refuse=True),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("line", ["service", "database"])
def test_answers_come_in_time_and_nothing_piles_up(side: Side, line: str, fault: str) -> None:
    proxy: FaultProxy = getattr(side, line)
    with side.house.load(ROUTES["billing"], ROUTES["scheduling"], threads=8, url=side.url) as load:
        load.wait_for(60)
        before, first = side.threads(), len(load.answers)
        FAULTS[fault](proxy)
        load.wait_for(60)
        during, seen = side.threads(), load.answers[first:]
        proxy.heal()
        assert wait_until(lambda: recovered(load), HEALED_SECONDS), f"not healed: {failures(load.answers[-20:])}"
    slowest, others = percentile(seen, 100), [answer for answer in seen if answer.name == "scheduling"]
    print(f"{line}, {fault}: slowest {slowest:.2f} s, threads {before} → {during}, {dict(failures(seen))}")
    assert proxy.passed, "nothing went through the proxy, so the run shows nothing"
    assert slowest <= READ_SECONDS + LATE_SECONDS
    assert all(answer.status in {200, 503, 504} for answer in load.answers), failures(load.answers)
    assert share_ok(others) == 1.0, failures(others)
    assert during <= before + MORE_THREADS
    assert fault in {"500 ms more", "cut once"} or not all(answer.ok for answer in seen), "nobody noticed the fault"


def recovered(load: Load) -> bool:
    """Tell whether the last calls of the ailing service were all answered well."""
    last = [answer for answer in list(load.answers) if answer.name == "billing"][-10:]
    return all(answer.ok for answer in last)

"""Lines to a service or to its database grow slow, fall silent or break: answers come in time, and nothing piles up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2
from tests.faults.house import ROUTES, House, Newcomer, targets, threads_of
from tests.support.fault_proxy import FaultProxy, through
from tests.support.load import Load, failures, percentile, share_ok

from praxis_chassis import tls
from praxis_chassis.server import STATUS_KEY
from praxis_chassis.tls import Certificates
from praxis_gateway.breakers import EARNED_PER_CALL, LEAST_CALLS, MOST_SAVED, OPEN_SECONDS
from praxis_local.processes import wait_until
from praxis_local.topology import GATEWAY

pytestmark = [pytest.mark.faults, pytest.mark.alone, pytest.mark.timeout(280)]
READ_SECONDS = 2.0
ASKERS, ASKED, ASKED_PER_SECOND = 8, 120, 20.0
# So many answers are seen before a fault and with it: enough calls for one thread each to be more than may pile up.
ANSWERS = {True: 60, False: 40}
# The deadline is exact on an idle machine; a loaded one wakes threads late. `--long` is for an idle one.
LATE_SECONDS = {True: 0.5, False: 3.0}
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
        billing = Newcomer.choose("billing", PRAXIS_DATABASE_URL=url)
        with FaultProxy(billing.address) as service:
            gateway = Newcomer.choose(GATEWAY, **targets({"billing": service.address}))
            with house.joined(billing, gateway):
                processes = {part.part: house.listening(part.address) for part in (billing, gateway)}
                yield Side(house, f"http://{gateway.address}", service, database, processes)


FAULTS: dict[str, Callable[[FaultProxy], None]] = {
    "500 ms more": lambda proxy: setattr(proxy, "delay", 0.5),
    "half open": lambda proxy: setattr(proxy, "silent", True),
    "cut once": lambda proxy: proxy.cut(),
    "cut": lambda proxy: proxy.cut(refuse=True),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("line", ["service", "database"])
def test_answers_come_in_time_and_nothing_piles_up(side: Side, line: str, fault: str, long: bool) -> None:
    proxy: FaultProxy = getattr(side, line)
    with side.house.load(ROUTES["billing"], ROUTES["scheduling"], threads=8, url=side.url) as load:
        load.wait_for(ANSWERS[long])
        before, first = side.threads(), len(load.answers)
        FAULTS[fault](proxy)
        load.wait_for(ANSWERS[long])
        during, seen = side.threads(), load.answers[first:]
        proxy.heal()
        assert wait_until(lambda: recovered(load), HEALED_SECONDS), f"not healed: {failures(load.answers[-20:])}"
    slowest, others = percentile(seen, 100), [answer for answer in seen if answer.name == "scheduling"]
    print(f"{line}, {fault}: slowest {slowest:.2f} s, threads {before} → {during}, {dict(failures(seen))}")
    assert proxy.passed, "nothing went through the proxy, so the run shows nothing"
    assert slowest <= READ_SECONDS + LATE_SECONDS[long]
    assert all(answer.status in {200, 503, 504} for answer in load.answers), failures(load.answers)
    assert share_ok(others) == 1.0, failures(others)
    assert during <= before + MORE_THREADS
    assert fault in {"500 ms more", "cut once"} or not all(answer.ok for answer in seen), "nobody noticed the fault"


def recovered(load: Load) -> bool:
    """Tell whether the last calls of the ailing service were all answered well."""
    last = [answer for answer in list(load.answers) if answer.name == "billing"][-10:]
    return all(answer.ok for answer in last)


# ── what reaches a service that says nothing, or that says that it cannot ─────────────────────────────────


class Ailing(grpc.GenericRpcHandler):  # type: ignore[misc, type-arg] # generic in the stubs only
    """Stands in billing's place, counts the calls that reach it, and answers none of them well."""

    def __init__(self, silent: bool) -> None:
        self.silent, self.calls, self.lock, self.over = silent, 0, threading.Lock(), threading.Event()

    def service(self, details: Any) -> Any:
        if details.method.startswith("/grpc.health"):
            return None
        return grpc.unary_unary_rpc_method_handler(self.answer)

    def answer(self, _request: bytes, context: grpc.ServicerContext) -> bytes:
        with self.lock:
            self.calls += 1
        if self.silent:
            self.over.wait(READ_SECONDS * 3)
        status = status_pb2.Status(code=code_pb2.UNAVAILABLE)
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason="UNAVAILABLE"))
        context.set_trailing_metadata(((STATUS_KEY, status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNAVAILABLE, "")
        return b""


@dataclass(frozen=True)
class Spared:
    """Who counts, and a gateway that takes it for billing."""

    handler: Ailing
    server: grpc.Server
    gateway: Newcomer

    @classmethod
    def choose(cls, house: House, *, silent: bool) -> Spared:
        handler = Ailing(silent)
        server = grpc.server(ThreadPoolExecutor(64), handlers=[handler])
        port = tls.listen(server, "127.0.0.1:0", Certificates(house.system.home.certificates / "billing"))
        server.start()
        return cls(handler, server, Newcomer.choose(GATEWAY, **targets({"billing": f"127.0.0.1:{port}"})))


@pytest.fixture(scope="module")
def spared(house: House) -> Iterator[dict[bool, Spared]]:
    """A silent service and one that refuses, each with a gateway whose breakers know nothing yet."""
    both = {silent: Spared.choose(house, silent=silent) for silent in (True, False)}
    try:
        with house.joined(*(each.gateway for each in both.values())):
            yield both
    finally:
        for each in both.values():
            each.handler.over.set()
            each.server.stop(1).wait()


@pytest.mark.parametrize("silent", [True, False])
def test_an_ailing_service_is_spared(house: House, spared: dict[bool, Spared], silent: bool) -> None:
    """A silent one gets no call while the breaker is open; one that refuses gets no more than the budget pays for."""
    handler, url = spared[silent].handler, f"http://{spared[silent].gateway.address}"
    began = time.monotonic()
    with house.load(ROUTES["billing"], threads=ASKERS, per_second=ASKED_PER_SECOND, url=url) as load:
        load.wait_for(ASKED)
    took, asked = time.monotonic() - began, len(load.answers)
    print(f"{'silent' if silent else 'refusing'}: {asked} asked in {took:.1f} s, {handler.calls} calls reached it")
    assert {answer.status for answer in load.answers} <= {503, 504}
    assert handler.calls > 0
    if silent:
        trials = took / OPEN_SECONDS + 1
        assert handler.calls <= LEAST_CALLS + ASKERS + trials
        assert handler.calls < asked / 2, "every call reached it, so the run shows no breaker"
    else:
        assert asked < handler.calls <= asked + MOST_SAVED + EARNED_PER_CALL * asked + 1

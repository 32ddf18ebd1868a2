"""Rows 4, 16 and 17: many callers for one time, two replicas against one, and encrypted calls against plain ones."""

from __future__ import annotations

from statistics import median

from tests.bench import load
from tests.bench.calls import CONNECTIONS, PLACES, Calls
from tests.bench.cpu import Meter
from tests.bench.figures import Figure, Promise, Void, at_most
from tests.bench.load import Load
from tests.bench.practice import PATIENTS

from praxis_local.processes import free_port
from praxis_local.topology import GATEWAY

RACERS, LONGEST_MS = 100, 250.0
# A service lets in four calls per thread and refuses more; all racers are to be let in.
RACE_PLACES = {"PRAXIS_THREADS": str(RACERS // 4)}
SEARCH_DAYS, SEARCHERS, HEAVY, SPEED_UP = 120, 8, 20, 1.6
PLAIN = {"PRAXIS_TLS_DIR": "", "PRAXIS_INSECURE_GRPC": "1"}
RACE = Promise(
    "4 100 racers for one slot, slowest answer", "ms", "1 winner, 0 deadlocks, 0 5xx, all ≤ 250 ms", "≤ 50 ms"
)
REPLICAS = Promise("16 two replicas against one", "searches/s", "≥ 1.6 × reference", "≥ 1.9 ×")
ENCRYPTION = Promise("17 mTLS against plain, p50 of one caller", "ms", "≤ 1.10 × reference", "≤ 1.05")


def race(calls: Calls) -> list[Figure]:
    """Row 4: one winner in every round, everybody else refused at once."""
    slowest, alone = [], []
    before = _deadlocks(calls)
    with calls.beside("scheduling", **RACE_PLACES) as own:
        load.drive(own.gateway.port, own.practice.bookings(CONNECTIONS), connections=1, once=True).expect(201)
        for _ in range(own.effort.rounds):
            free = load.drive(own.gateway.port, own.practice.bookings(10), connections=1, once=True).expect(201)
            alone.append(free.at(0.5))
            slowest.append(_raced(own).at(1.0))
    deadlocks = _deadlocks(calls) - before
    worst, reference = max(slowest), median(alone)
    met = worst <= LONGEST_MS and not deadlocks
    note = f"median of the rounds {median(slowest):.0f} ms; {len(slowest)} winners, {deadlocks} deadlocks"
    return [RACE.kept(worst, met=met, reference=reference, ratio=worst / reference, note=note)]


def _raced(calls: Calls) -> Load:
    """Let a hundred ask for one time; void unless one of them gets it and every other is refused."""
    resource_id, start = next(calls.practice.free)
    requests = [
        load.request(
            "POST", "/v1/appointments", calls.practice.key,
            calls.practice.booking(resource_id, start, calls.practice.patients[number % PATIENTS]),
        )
        for number in range(RACERS)
    ]  # fmt: skip
    done = load.drive(calls.gateway.port, requests, connections=RACERS, once=True).expect(201, 409)
    if done.statuses != {"201": 1, "409": RACERS - 1}:
        raise Void(f"answers were {done.statuses}")
    return done


def _deadlocks(calls: Calls) -> int:
    return int(calls.stage.rows("scheduling", "SELECT sum(deadlocks) FROM pg_stat_database")[0][0])


def replicas(calls: Calls) -> list[Figure]:
    """Row 16: a search through four months, behind one gateway with one target and another with two."""
    ports = [calls.services["scheduling"].port, free_port()]
    second = calls.stage.start("scheduling", port=ports[1])
    targets = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
    gateway = calls.stage.start(GATEWAY, port=free_port(), PRAXIS_SCHEDULING_TARGET=targets, **PLACES)
    search = calls.practice.search(SEARCH_DAYS, limit=1)
    one, both = calls.gateway.pid, calls.services["scheduling"].pid
    pairs, shares = [], []
    try:
        for number in range(calls.effort.rounds + 1):
            meter = Meter({"gateway": one, "scheduling": both})
            alone = _searched(calls, calls.gateway.port, search)
            cost = meter.per_call(alone.answered)
            together = _searched(calls, gateway.port, search)
            if number:
                pairs.append((together.rate, alone.rate))
                shares.append(cost["scheduling"] / max(1.0, cost["gateway"]))
    finally:
        calls.stage.end(gateway)
        calls.stage.end(second)
    heavy = median(shares)
    note = f"the service takes {heavy:.0f} times the gateway's CPU"
    if heavy < HEAVY:
        note += f"; less than {HEAVY} tell nothing about the service"
    return [REPLICAS.paired(pairs, lambda ratio: ratio >= SPEED_UP and heavy >= HEAVY, note=note)]


def _searched(calls: Calls, port: int, search: str) -> Load:
    return load.drive(port, [search], seconds=calls.effort.seconds, connections=SEARCHERS).expect(200)


def encryption(calls: Calls) -> list[Figure]:
    """Row 17: the median of single calls, one after the other, in turn with and without TLS."""
    requests = calls.practice.gets()
    pairs = []
    with calls.beside("patients", **PLAIN) as plain:
        for number in range(calls.effort.rounds + 1):
            sides = [
                load.drive(side.gateway.port, requests, seconds=calls.effort.seconds / 2, connections=1)
                .expect(200)
                .at(0.5)
                for side in (calls, plain)
            ]
            if number:
                pairs.append((sides[0], sides[1]))
    return [ENCRYPTION.paired(pairs, at_most(1.10))]

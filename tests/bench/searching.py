"""Row 9: searches of patients as people type them, in a practice with very many, against a scan with ILIKE."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import psycopg
from tests.bench import crowd, load
from tests.bench.calls import Calls
from tests.bench.cpu import Meter
from tests.bench.figures import Figure, Promise, percentile

from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis.context import Actor, Context
from praxis_chassis.database import Database
from praxis_patients.usecases import search

PAGE, LONGEST_MS, LEAST = 20, 30.0, 10.0
SHARE = 0.95
TARGET, MOONSHOT = "≤ 30 ms, and p50 ≥ 10 × faster than the scan", "p99 ≤ 15 ms"
ALL = Promise("9 patient search, p95 of one caller", "ms", TARGET, MOONSHOT)
COMMONEST = Promise("9 the same, common names only, p95 of one caller", "ms", TARGET, MOONSHOT)
# The commonest names of all, and letters that nearly everybody has: what costs a search most.
COMMON = (
    "a",
    "ma",
    "m g",
    "maria",
    "maria garcia",
    "garcia m",
    "garcia maria j",
    "jose maria garcia",
    "smith ja",
    "rcia",
)


def search_patients(calls: Calls) -> list[Figure]:
    """Settle the crowd, then search in turn with a scan; common names alone beside all kinds of queries."""
    some = crowd.settle(calls.stage, calls.practice, calls.effort.patients)
    queries, rare = _typed(some), some[-1]["words"]
    return [_row(calls, ALL, queries, rare), _row(calls, COMMONEST, COMMON, rare)]


def _row(calls: Calls, promise: Promise, queries: Sequence[str], rare: Sequence[str]) -> Figure:
    """One caller asks one question after the other, as one types."""
    requests = [_request(calls, query) for query in queries]
    load.drive(calls.gateway.port, requests, connections=1, once=True).expect(200)
    meter = Meter({"gateway": calls.gateway.pid, "patients": calls.services["patients"].pid,
                   "PostgreSQL": calls.stage.database_pid})  # fmt: skip
    times: list[float] = []
    faster, scans = [], []
    for _ in range(calls.effort.rounds):
        done = load.drive(calls.gateway.port, requests, connections=1, once=True).expect(200)
        scan = _scan(calls, rare)
        times += done.milliseconds
        scans.append(scan)
        faster.append(scan / done.at(0.5))
    found, reference = percentile(times, SHARE), median(scans)
    alone = _statements(calls, queries)
    note = (
        f"p50 {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms; statements alone p50 "
        f"{percentile(alone, 0.5):.1f} ms, p95 {percentile(alone, SHARE):.1f} ms; {calls.effort.patients} patients"
    )
    met = found <= LONGEST_MS and median(faster) >= LEAST
    note = f"p50 {median(faster):.0f} × faster; {note}"
    cpu = meter.per_call(len(times))
    return promise.kept(found, met=met, reference=reference, ratio=found / reference, cpu=cpu, note=note)


def _request(calls: Calls, query: str) -> str:
    return load.request("GET", f"/v1/patients?page_size={PAGE}&query={quote(query)}", calls.practice.key)


def _typed(some: Sequence[crowd.Row]) -> list[str]:
    """Return what people type who look for some patients: names letter by letter, numbers, dates, with slips."""
    random, queries = Random(crowd.SEED), []
    for row in some:
        words = [*row["words"], *row["owner_words"]]
        first, last = random.choice(words), random.choice(words)
        letters = range(2, len(last) + 1)
        place = random.randrange(len(first))
        queries += [
            last[: random.choice(letters)], f"{first} {last[: random.choice(letters)]}", f"{last}, {first}",
            f"{first[:place]}{first[place + 1 :]} {last}", last[1:], row["born"], _american(row["born"]) + f" {last}",
            row["phone"][-7:], row["phone"][-4:] + f" {first}", row["chart_number"], row["chip"][:12],
        ]  # fmt: skip
    return [*queries, *COMMON]


def _american(day: str) -> str:
    year, month, of_month = day.split("-")
    return f"{month}/{of_month}/{year}"


def _scan(calls: Calls, rare: Sequence[str]) -> float:
    """Return the milliseconds of a search without keys, which compares every name with that of one person."""
    with psycopg.connect(calls.stage.url("patients")) as connection:
        connection.execute("SELECT set_config('app.tenant', %s, false)", [str(calls.practice.tenant_id)])
        statement = "SELECT id FROM patients WHERE {} ORDER BY sort_name, id LIMIT {}"
        words = [f"%{word}%" for word in rare]
        text = statement.format(" AND ".join(["display_name ILIKE %s"] * len(words)), PAGE + 1)
        connection.execute(text, words)
        began = time.perf_counter()
        connection.execute(text, words).fetchall()
        return (time.perf_counter() - began) * 1000


def _statements(calls: Calls, queries: Sequence[str]) -> list[float]:
    """Return the milliseconds that the statements alone take that find the patients of each query."""
    database = Database(calls.stage.url("patients"), size=1)
    # Nobody in the crowd has a government number, so any index of one finds nobody.
    sealing = SimpleNamespace(keys=SimpleNamespace(index=lambda *_: b""))
    context = Context(calls.practice.tenant_id, Actor("system", "bench"), runtime=sealing)
    clock = _Clock()
    with database.transaction(context) as session:
        clock.driver, session.info["driver"] = session.info["driver"], clock
        for _ in range(2):
            clock.seconds.clear()
            for query in queries:
                clock.seconds.append(0.0)
                search.listed(session, pb.ListPatientsRequest(query=query, page_size=PAGE))
    database.close()
    return [seconds * 1000 for seconds in clock.seconds]


@dataclass
class _Clock:
    """A connection that adds the time of statements on `patient_keys` to the last entry of a list."""

    driver: Any = None
    seconds: list[float] = field(default_factory=list)

    def execute(self, text: str, values: Any) -> Any:
        began = time.perf_counter()
        found = self.driver.execute(text, values)
        if "patient_keys" in text:
            self.seconds[-1] += time.perf_counter() - began
        return found

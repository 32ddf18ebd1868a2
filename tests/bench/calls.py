"""Rows 1, 2, 3 and 8: calls through the gateway against the same statements in pgbench, and telemetry on and off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from tests.bench import load, pgbench
from tests.bench.cpu import Meter
from tests.bench.figures import Figure, Promise, Void, at_least, at_most
from tests.bench.practice import FULL_DAY, Practice
from tests.bench.stage import Part, Stage

from praxis_local.processes import free_port
from praxis_local.topology import GATEWAY
from praxis_patients.store.models import Patient
from praxis_scheduling.store.models import Appointment

CONNECTIONS = 32
# One practice and one service get half of the gateway's places each; here one practice asks for all it can get.
PLACES = {"PRAXIS_THREADS": "100"}
GET = Promise("1 get patient", "calls/s", "≥ 0.03 × reference", "≥ 0.20")
DAY = Promise(f"2 day list of {FULL_DAY}", "calls/s", "≥ 0.05 × reference", "≥ 0.15")
BOOK = Promise("3 book", "bookings/s", "≥ 0.18 × reference", "≥ 0.60")
TELEMETRY = Promise("8 telemetry at 1 % against off", "µs CPU per call", "≤ 1.08 × reference", "≤ 1.02")


@dataclass(frozen=True)
class Effort:
    """How much a bench takes on: rounds, seconds of each side of one, patients and calendars searched, days read."""

    rounds: int
    seconds: float
    patients: int
    days: int
    calendars: int


@dataclass
class Calls:
    """The gateway and two services, serving; nothing else runs while calls are measured."""

    stage: Stage
    practice: Practice
    gateway: Part
    services: Mapping[str, Part]
    effort: Effort
    costs: list[dict[str, float]] = field(default_factory=list)

    def run(self, requests: Sequence[str], service: str, *, wanted: int = 200, once: bool = False) -> float:
        """Return the answers per second of one round, and keep what they cost each process."""
        pids = {
            "gateway": self.gateway.pid, service: self.services[service].pid, "PostgreSQL": self.stage.database_pid,
        }  # fmt: skip
        meter = Meter(pids)
        seconds = self.effort.seconds
        done = load.drive(self.gateway.port, requests, seconds=seconds, connections=CONNECTIONS, once=once)
        self.costs.append(meter.per_call(done.expect(wanted).answered))
        return done.rate

    def cost(self) -> dict[str, float]:
        """Return the median cost of the rounds since the last question."""
        found = {name: median(cost[name] for cost in self.costs) for name in self.costs[0]}
        self.costs.clear()
        return found

    @contextmanager
    def beside(self, service: str, **settings: str) -> Iterator[Calls]:
        """Start a second gateway and service with other settings on the same database."""
        port = free_port()
        second = self.stage.start(service, port=port, **settings)
        target = {f"PRAXIS_{service.upper()}_TARGET": f"127.0.0.1:{port}"}
        gateway = self.stage.start(GATEWAY, port=free_port(), **{**target, **settings, **PLACES})
        try:
            yield Calls(self.stage, self.practice, gateway, {service: second}, self.effort)
        finally:
            self.stage.end(gateway)
            self.stage.end(second)

    def reference(self, database: str, scripts: Sequence[str]) -> float:
        return pgbench.rate(
            self.stage.url(database), scripts, self.stage.home.folder, tenant=self.practice.tenant_id,
            seconds=self.effort.seconds, clients=CONNECTIONS,
        )  # fmt: skip

    def rounds(self, subject: Callable[[], float], reference: Callable[[], float]) -> list[tuple[float, float]]:
        """Measure both sides in turn, after a first round that only warms up."""
        subject()
        self.costs.clear()
        return [(subject(), reference()) for _ in range(self.effort.rounds)]


def get_patient(calls: Calls) -> list[Figure]:
    """Row 1."""
    practice = calls.practice
    scripts = [_within(practice, select(Patient), Patient, Patient.id == UUID(each)) for each in practice.patients]
    requests = practice.gets()
    pairs = calls.rounds(lambda: calls.run(requests, "patients"), lambda: calls.reference("patients", scripts))
    return [GET.paired(pairs, at_least(0.03), cpu=calls.cost())]


def day_list(calls: Calls) -> list[Figure]:
    """Row 2."""
    practice = calls.practice
    practitioner = practice.providers[0][0]
    scripts = [
        _within(
            practice, select(Appointment).order_by(Appointment.start_time, Appointment.id).limit(51), Appointment,
            Appointment.local_date == day, text(f"practitioner_ids @> ARRAY[{pgbench.literal(practitioner)}]::uuid[]"),
        )
        for day in practice.full_days
    ]  # fmt: skip
    requests = practice.days()
    pairs = calls.rounds(lambda: calls.run(requests, "scheduling"), lambda: calls.reference("scheduling", scripts))
    return [DAY.paired(pairs, at_least(0.05), cpu=calls.cost())]


def book(calls: Calls) -> list[Figure]:
    """Row 3: the reference writes what a booking cannot do without: appointment, reservation and event."""
    script = _booking_script(calls)
    count = [300]

    def subject() -> float:
        """Book as many as fit into a round, each another time, judged by the round before."""
        rate = calls.run(calls.practice.bookings(count[0]), "scheduling", wanted=201, once=True)
        count[0] = max(100, int(rate * calls.effort.seconds))
        return rate

    pairs = calls.rounds(subject, lambda: calls.reference("scheduling", [script]))
    return [BOOK.paired(pairs, at_least(0.18), cpu=calls.cost())]


def telemetry(calls: Calls) -> list[Figure]:
    """Row 8: a second gateway and service without telemetry, in turn with those that have it."""
    with calls.beside("patients", OTEL_SDK_DISABLED="true") as bare:
        return [_added(calls, bare, calls.practice.gets())]


def _added(full: Calls, bare: Calls, requests: Sequence[str]) -> Figure:
    pairs: list[tuple[float, float]] = []
    for number in range(full.effort.rounds + 1):
        for side in (full, bare) if number % 2 else (bare, full):
            side.run(requests, "patients")
        pairs.append((sum(full.costs.pop().values()), sum(bare.costs.pop().values())))
    return TELEMETRY.paired(pairs[1:], at_most(1.08))


def _within(practice: Practice, query: Any, entity: Any, *conditions: Any) -> str:
    return pgbench.statement(query.where(entity.tenant_id == practice.tenant_id, *conditions))


def _booking_script(calls: Calls) -> str:
    """Return the three inserts of a booking that was made, with ids of their own and a time by chance."""
    tenant = calls.practice.tenant_id
    appointment = _texts(calls, "appointments", "state = 'booked'")
    reservation = _texts(calls, "reservations", f"appointment_id = '{appointment['id']}'")
    event = _texts(calls, "events", f"aggregate_id = '{appointment['id']}'")
    own = {"id": ":appointment", "start_time": _moment(0), "end_time": _moment(15)}
    taken = {"id": "uuidv7()", "appointment_id": ":appointment", "during": f"tstzrange({_moment(0)}, {_moment(15)})"}
    told = {"id": "uuidv7()", "aggregate_id": ":appointment", "position": "DEFAULT"}
    assert {row["tenant_id"] for row in (appointment, reservation, event)} == {str(tenant)}
    return "\n".join(
        [
            "\\set slot random(1, 20000000)",
            "\\set high random(1, 2000000000)",
            "\\set low random(1, 2000000000)",
            "BEGIN;",
            _insert("appointments", appointment, own),
            _insert("reservations", reservation, taken).replace(";", " ON CONFLICT DO NOTHING;"),
            _insert("events", event, told),
            "COMMIT;",
        ]
    ).replace(":appointment", "(lpad(to_hex(:high::bigint), 16, '0') || lpad(to_hex(:low::bigint), 16, '0'))::uuid")


def _moment(minutes: int) -> str:
    return f"(timestamptz '2100-01-01' + :slot::int * interval '15 minutes' + interval '{minutes} minutes')"


def _texts(calls: Calls, table: str, condition: str) -> dict[str, str | None]:
    """Return a row by column, every value as text."""
    query = f"SELECT key, value FROM {table}, jsonb_each_text(to_jsonb({table})) WHERE ctid = (SELECT ctid FROM {table}"
    found = dict(calls.stage.rows("scheduling", f"{query} WHERE {condition} LIMIT 1)"))
    if not found:
        raise Void(f"no row of {table} to take as the model of the reference")
    return {name: _array(value) for name, value in found.items()}


def _array(value: str | None) -> str | None:
    """Turn JSON's brackets into those of PostgreSQL's arrays."""
    return "{" + value[1:-1] + "}" if value is not None and value.startswith("[") and value.endswith("]") else value


def _insert(table: str, row: Mapping[str, str | None], own: Mapping[str, str]) -> str:
    values = [own.get(name) or ("NULL" if value is None else pgbench.literal(value)) for name, value in row.items()]
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(values)});"

"""One run: a practice is set up, a producer works, parts are killed by a seeded plan, and all comes to rest."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import nats
import psycopg
from nats.js.errors import NotFoundError
from tests.billing.practice import PRACTITIONER, TODAY, Practice
from tests.faults.oracle import FLOWS, OWNERS, Findings, Oracle
from tests.faults.producer import CHARGE_EVERY, Producer, somebody
from tests.faults.world import World, in_process
from tests.support.canary import FAMILY

from praxis.patients.v1 import patient_pb2, patient_service_pb2
from praxis_chassis.messaging import stream_name
from praxis_chassis.rebuild import rebuild
from praxis_chassis.tokens import Minter
from praxis_chassis.types import new_id
from praxis_local.processes import wait_until
from praxis_local.provision import database_url

LANES, PATIENTS_PER_LANE = 4, 10
# Enough where nothing depends on how many there are.
FEW = 4
VICTIMS = ["patients", "billing", "relay", "ledger", "consumer", "producer", "nats", "postgres"]
PERMISSIONS = ["patients.patients.write", "patients.patients.read", "billing.encounters.post"]
# How long a fault waits for work to go on; a slow machine gets its time.
PROGRESS_SECONDS = 60.0
Fault = tuple[str, Callable[[], None]]


@dataclass
class Run:
    """A tenant whose requests are sent while things happen to the system."""

    world: World
    tenant: UUID
    location: str
    patients: list[list[str]]
    oracle: Oracle
    requests: int
    seed: int
    done: list[str] = field(default_factory=list)
    with_backlog: int = 0

    def start(self, pause: float = 0.0) -> None:
        """Start the producer's process."""
        file = self.world.platform.home / f"plan-{self.tenant}.json"
        file.write_text(json.dumps(self.plan(pause)))
        environment = self.world.environment("patients", "127.0.0.1:0")
        self.world.add("producer", ["-m", "tests.faults.producer", str(file)], environment)

    def plan(self, pause: float = 0.0) -> dict[str, Any]:
        """Return what the producer needs to know."""
        progress = self.world.platform.home / "progress"
        progress.mkdir(exist_ok=True)
        return {
            "tenant": str(self.tenant),
            "seed": self.seed,
            "count": self.requests // LANES,
            "patients": self.patients,
            "location": self.location,
            "practitioner": PRACTITIONER,
            "date": TODAY.isoformat(),
            "permissions": PERMISSIONS,
            "targets": {name: f"127.0.0.1:{self.world.ports[name]}" for name in ("patients", "billing")},
            "certificates": str(self.world.platform.certificates("gateway").folder),
            "key": str(self.world.platform.private_key),
            "progress": str(progress),
            "pause": pause,
        }

    def answered(self) -> int:
        """Return how many requests were answered so far."""
        files = (self.world.platform.home / "progress").glob(f"{self.tenant}-?")
        return sum(int(file.read_text()) for file in files)

    def suffer(self, faults: Sequence[Fault]) -> None:
        """Let faults happen, evenly spread over the requests."""
        for number, (name, happen) in enumerate(faults, 1):
            goal = self.requests * number // (len(faults) + 1)
            wait_until(lambda goal=goal: self.answered() >= goal, PROGRESS_SECONDS)  # type: ignore[misc]
            if name.startswith("kill"):
                self.with_backlog += self.oracle.behind() > 0
            happen()
            self.done.append(name)

    def finish(self, seconds: float) -> Findings:
        """Wait until all requests are answered and applied, and compare."""
        assert wait_until(lambda: self.answered() == self.requests, seconds), (
            f"{self.answered()} answered: {self.logs()}"
        )
        started = time.monotonic()
        assert wait_until(self.oracle.caught_up, seconds), f"{self.oracle.find()}: {self.logs()}"
        wait_until(lambda: not self.oracle.unpublished(), 10)
        print(f"{self.requests} requests, {dict(Counter(self.done))}, at rest after {time.monotonic() - started:.1f} s")
        return self.oracle.find()

    @property
    def charges(self) -> int:
        """How many of the requests post a charge."""
        return LANES * len(range(0, self.requests // LANES, CHARGE_EVERY))

    def rename(self, patient_id: str) -> None:
        """Change one patient, as the producer would."""
        plan = self.plan()
        sender = Producer(plan, LANES, Minter(Path(plan["key"]).read_bytes()))
        sender.call("patients.v1.PatientService/UpdatePatient", sender.rename(patient_id, 0), str(new_id()))

    def logs(self) -> str:
        """Return the last lines of every part, for whoever must understand a failure."""
        files = sorted(self.world.platform.home.glob("*.log"))
        return "\n".join(f"── {file.name}\n" + "\n".join(file.read_text().splitlines()[-6:]) for file in files)

    def events(self) -> int:
        return sum(len(self.oracle.events(owner)) for owner in ("patients", "billing"))


def set_up(world: World, requests: int, seed: int, patients_per_lane: int = PATIENTS_PER_LANE) -> Run:
    """Found a practice with patients whom billing knows already."""
    practice = Practice.open(world.door("billing"))
    tenant = practice.tenant.id
    owner = world.door("patients").tenant(tenant)
    oracle = Oracle(world, tenant)
    oracle.before = {"billing": set(oracle.applied("billing"))}
    lanes = [
        [_register(owner, lane * patients_per_lane + number) for number in range(patients_per_lane)]
        for lane in range(LANES)
    ]
    assert wait_until(oracle.caught_up, 90)
    return Run(world, tenant, practice.location, lanes, oracle, requests, seed)


def _register(tenant: Any, place: int) -> str:
    patient = patient_pb2.Patient(human=somebody(f"{FAMILY}n{place}", place))
    answer = tenant.call("RegisterPatient", patient_service_pb2.RegisterPatientRequest(patient=patient))
    return str(answer.patient.id)


def kills_and_holds(world: World, seed: int, rounds: int) -> list[Fault]:
    """Return every victim killed and held in each round, and those that hold events killed once more."""
    chance = random.Random(seed)
    plan: list[Fault] = []
    for _ in range(rounds):
        again = ["relay", "consumer", "ledger", "nats"]
        some = [(f"kill {name}", lambda name=name: world.kill(name)) for name in [*VICTIMS, *again]]
        some += [
            (f"hold {name}", lambda name=name: world.hold(name, chance.uniform(0.3, 1.5)))  # type: ignore[misc]
            for name in VICTIMS
        ]
        chance.shuffle(some)
        plan += some
    return plan


def deliveries(world: World) -> int:
    """Return how many messages the streams handed to the consumers of these runs, repeats included."""

    async def ask() -> int:
        client = await nats.connect(world.nats.url)
        stream, total = client.jetstream(), 0
        for consumer, owners in FLOWS.items():
            for owner in owners:
                found = await stream.consumer_info(stream_name(owner), consumer)
                total += found.delivered.consumer_seq if found.delivered else 0
        await client.close()
        return total

    return asyncio.run(ask())


def recorded(world: World) -> dict[str, int]:
    """Return how many events each owner's log has, of all tenants."""
    found = {}
    for owner in OWNERS:
        with psycopg.connect(database_url(world.postgres.admin_url, owner)) as connection:
            row = connection.execute(b"SELECT count(*) FROM events").fetchone()
            found[owner] = int(row[0]) if row else 0
    return found


def refilled(world: World) -> bool:
    """Whether each stream holds its owner's whole log again and no consumer has anything left to look at."""

    async def ask() -> bool:
        client = await nats.connect(world.nats.url)
        stream = client.jetstream()
        try:
            for owner, count in recorded(world).items():
                if (await stream.stream_info(stream_name(owner))).state.messages < count:
                    return False
            for consumer, owners in FLOWS.items():
                for owner in owners:
                    left = await stream.consumer_info(stream_name(owner), consumer)
                    if left.num_pending or left.num_ack_pending:
                        return False
        except NotFoundError:
            return False
        finally:
            await client.close()
        return True

    return asyncio.run(ask())


def rebuilt(world: World) -> tuple[int, float]:
    """Rebuild reporting while its consumer stands still, and the two services that nobody runs here answer.

    Return how many events were applied, and in how many seconds.
    """
    world.victims["consumer"].end()
    ports = world.ports
    with (
        in_process(world, "scheduling", ports["scheduling"]),
        in_process(world, "claims", ports["claims"]),
    ):
        began = time.monotonic()
        applied = rebuild(world.runtimes["reporting"])
        took = time.monotonic() - began
    world.victims["consumer"].start()
    return applied, took


def copies(home: Path) -> Path:
    """Return where a copy of the store of NATS goes."""
    return home / f"nats-copy-{time.monotonic_ns()}"

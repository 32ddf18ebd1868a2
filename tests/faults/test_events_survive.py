"""Relay, consumer and NATS are killed while events flow: none is lost, none counts twice, none is out of order."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import nats
import pytest
from sqlalchemy import func, select, text
from support.platform import Platform
from support.servers import Servers

from praxis.patients.v1 import patient_pb2, patient_service_pb2
from praxis_chassis import tables
from praxis_chassis.clients import channel
from praxis_chassis.context import system_context
from praxis_chassis.keys import make_keys_file
from praxis_chassis.messaging import stream_name
from praxis_chassis.service import Runtime
from praxis_chassis.settings import Settings
from praxis_chassis.testing import ServiceUnderTest
from praxis_chassis.tokens import Minter, make_key_pair
from praxis_chassis.types import new_id
from praxis_local.nats import Nats
from praxis_local.postgres import Postgres
from praxis_local.processes import free_port, wait_until
from praxis_local.provision import provision

pytestmark = pytest.mark.faults

EVENTS = 2000
PATIENTS = 40
SEED = 20261123
KILLS = 12
SETTLE_SECONDS = 60


@dataclass
class Program:
    """A process of the system that can be killed and started again."""

    name: str
    module: str
    command: str
    environment: dict[str, str]
    log: Path
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            arguments = [sys.executable, "-m", self.module, self.command]
            self.child = subprocess.Popen(
                arguments, env=os.environ | self.environment, stdout=output, stderr=subprocess.STDOUT
            )

    def kill(self) -> None:
        assert self.child is not None
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self.start()

    def stop(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()


@dataclass
class World:
    """Two services in processes of their own on servers of their own."""

    platform: Platform
    owner: Runtime
    consumer: Runtime
    programs: dict[str, Program]
    target: str
    tenant: UUID = field(default_factory=new_id)

    def counted(self, runtime: Runtime, query: Any) -> int:
        with runtime.database.transaction(system_context(runtime, self.tenant, "oracle")) as session:
            return int(session.execute(query).scalar_one() or 0)

    def kill_nats(self) -> None:
        child = self.platform.nats._child
        assert child is not None
        child.kill()
        child.wait()
        self.platform.nats.start()


def environment_of(platform: Platform, name: str, listen: str) -> dict[str, str]:
    settings = platform.settings(Settings, name, listen=listen, drain_seconds=0.0)
    return {f"PRAXIS_{key.upper()}": str(value) for key, value in vars(settings).items() if value != ""}


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    from praxis_patients.service import service as patients
    from praxis_scheduling.service import service as scheduling

    make_keys_file(tmp_path / "keys.json")
    make_key_pair(tmp_path / "token.pem", tmp_path / "token.pub")
    with Postgres(tmp_path, fast=True) as postgres, Nats(tmp_path) as nats:
        urls = provision(postgres.admin_url, ["patients", "scheduling"], tmp_path / "roles.json")
        platform = Platform(tmp_path, urls, Servers(postgres.admin_url, nats.url, (postgres, nats)))
        for service in (patients, scheduling):
            ServiceUnderTest(
                service, platform.settings(service.settings, service.name), platform.private_key, work=False
            ).close()
        port = free_port()
        environments = {
            "owner": environment_of(platform, "patients", f"127.0.0.1:{port}"),
            "relay": environment_of(platform, "patients", "127.0.0.1:0"),
            "consumer": environment_of(platform, "scheduling", "127.0.0.1:0"),
        }
        modules = {"owner": ("praxis_patients", "serve"), "relay": ("praxis_patients", "work")}
        programs = {
            name: Program(
                name, *modules.get(name, ("praxis_scheduling", "work")), environment, tmp_path / f"{name}.log"
            )
            for name, environment in environments.items()
        }
        for program in programs.values():
            program.start()
        runtimes = [
            Runtime(service, platform.settings(service.settings, service.name)) for service in (patients, scheduling)
        ]
        try:
            yield World(platform, *runtimes, programs, f"127.0.0.1:{port}")
        finally:
            for program in programs.values():
                program.stop()
            for runtime in runtimes:
                runtime.close()


class Producer:
    """A client that repeats each request under its key until it is answered."""

    def __init__(self, world: World) -> None:
        self.channel = channel(world.target, "patients", world.platform.certificates("gateway"))
        self.minter = Minter(world.platform.private_key.read_bytes())
        self.tenant = world.tenant

    def call(self, name: str, request: Any, reply: Any) -> Any:
        key = str(new_id())
        method = self.channel.unary_unary(
            f"/praxis.patients.v1.PatientService/{name}", type(request).SerializeToString, reply.FromString
        )
        while True:
            token = self.minter.mint(
                tenant_id=self.tenant,
                subject="00000000-0000-7000-8000-000000000001",
                kind="user",
                permissions=["patients.patients.write", "patients.patients.read"],
            )
            metadata = (("authorization", f"Bearer {token}"), ("x-idempotency-key", key))
            try:
                return method(request, metadata=metadata, timeout=10, wait_for_ready=True)
            except grpc.RpcError as failure:
                if failure.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
                    raise
                time.sleep(0.1)

    def register(self, number: int) -> str:
        patient = patient_pb2.Patient()
        patient.human.name.family = f"Family{number}"
        patient.human.name.given.append("Given")
        patient.human.birth_date = f"19{60 + number % 40}-01-{1 + number % 28:02}"
        request = patient_service_pb2.RegisterPatientRequest(patient=patient)
        answer = self.call("RegisterPatient", request, patient_service_pb2.RegisterPatientResponse)
        return str(answer.patient.id)

    def rename(self, patient_id: str, family: str) -> None:
        patient = patient_pb2.Patient(id=patient_id)
        patient.human.name.family = family
        patient.human.name.given.append("Given")
        patient.human.birth_date = "1970-01-01"
        request = patient_service_pb2.UpdatePatientRequest(patient=patient)
        request.update_mask.paths.append("human")
        self.call("UpdatePatient", request, patient_pb2.Patient)


def produce(world: World, ids: list[str], count: int, seed: int, done: list[int]) -> None:
    chance, producer = random.Random(seed), Producer(world)
    for number in range(count):
        producer.rename(chance.choice(ids), f"Family{seed}x{number}")
        done.append(1)


def torment(world: World, producers: list[threading.Thread]) -> list[str]:
    """Kill one of the victims at seeded moments; here, because the kernel ends a child with the thread it came from."""
    chance, kills = random.Random(SEED), []
    victims: list[tuple[str, Callable[[], None]]] = [
        ("relay", world.programs["relay"].kill),
        ("consumer", world.programs["consumer"].kill),
        ("nats", world.kill_nats),
    ]
    while any(thread.is_alive() for thread in producers) or len(kills) < KILLS:
        await_progress(world, chance.randint(20, 120))
        name, kill = chance.choice(victims)
        kill()
        kills.append(name)
    return kills


def await_progress(world: World, events: int) -> None:
    """Let that many more events arrive, so that each kill meets work under way; a slow machine gets its time."""
    goal = min(sum(consumed_versions(world).values()) + events, EVENTS)
    wait_until(lambda: sum(consumed_versions(world).values()) >= goal, 20)


def patient_versions(world: World) -> dict[UUID, int]:
    table = tables.events
    query = select(table.c.aggregate_id, func.max(table.c.version)).where(table.c.aggregate == "patient")
    with world.owner.database.transaction(system_context(world.owner, world.tenant, "oracle")) as session:
        return {row[0]: row[1] for row in session.execute(query.group_by(table.c.aggregate_id))}


def consumed_versions(world: World) -> dict[UUID, int]:
    table = tables.consumed
    query = select(table.c.aggregate_id, table.c.version).where(table.c.aggregate == "patient")
    with world.consumer.database.transaction(system_context(world.consumer, world.tenant, "oracle")) as session:
        return {row[0]: row[1] for row in session.execute(query)}


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_no_event_is_lost_doubled_or_out_of_order(world: World) -> None:
    producer = Producer(world)
    ids = [producer.register(number) for number in range(PATIENTS)]
    done: list[int] = []
    producers = [
        threading.Thread(target=produce, args=(world, ids, (EVENTS - PATIENTS) // 4, SEED + n, done)) for n in range(4)
    ]
    for thread in producers:
        thread.start()
    kills = torment(world, producers)
    for thread in producers:
        thread.join()
    settled = wait_until(lambda: consumed_versions(world) == patient_versions(world), SETTLE_SECONDS)
    versions = patient_versions(world)
    print(f"{sum(versions.values())} events, {len(kills)} kills: {sorted(kills)}")
    assert settled, {key: (version, consumed_versions(world).get(key)) for key, version in versions.items()}
    assert len(done) == EVENTS - PATIENTS
    assert sum(versions.values()) == EVENTS
    assert len(kills) >= KILLS
    assert {"relay", "consumer", "nats"} == set(kills)
    check_owner(world)
    check_consumer(world)
    assert deliveries(world) > EVENTS, "no message came twice, so the run shows nothing about repeats"


def check_owner(world: World) -> None:
    table = tables.events
    unpublished = select(func.count()).select_from(table).where(table.c.published_at.is_(None))
    assert wait_until(lambda: world.counted(world.owner, unpublished) == 0, 10)
    total = world.counted(world.owner, select(func.count()).select_from(table))
    assert world.counted(world.owner, select(func.max(table.c.tenant_sequence))) == total
    assert world.counted(world.owner, select(func.count(table.c.tenant_sequence.distinct()))) == total


def check_consumer(world: World) -> None:
    inbox, letters, failures = tables.inbox, tables.dead_letters, tables.failures
    patients = inbox.c.type.like("praxis.patients.v1.Patient%")
    assert world.counted(world.consumer, select(func.count()).select_from(inbox).where(patients)) == EVENTS
    assert world.counted(world.consumer, select(func.count()).select_from(letters)) == 0
    assert world.counted(world.consumer, select(func.count()).select_from(failures)) == 0
    assert names(world, world.consumer, "patient_copies", "name") == names(
        world, world.owner, "patients", "display_name"
    )


def deliveries(world: World) -> int:
    """Return how many messages the stream handed to the consumer, repeats included."""

    async def ask() -> int:
        client = await nats.connect(world.platform.nats_url)
        found = await client.jetstream().consumer_info(stream_name("patients"), "scheduling")
        await client.close()
        return found.delivered.consumer_seq if found.delivered else 0

    return asyncio.run(ask())


def names(world: World, runtime: Runtime, table: str, column: str) -> dict[UUID, str]:
    with runtime.database.transaction(system_context(runtime, world.tenant, "oracle")) as session:
        return {row[0]: row[1] for row in session.execute(text(f"SELECT id, {column} FROM {table}"))}

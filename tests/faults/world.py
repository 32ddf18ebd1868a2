"""Patients, billing and reporting as processes of their own on servers of their own, to be killed and wiped."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
from support.platform import Platform
from support.servers import Servers
from tests.support.canary import BIRTH_DATE, FAMILY, dead_letters, hits, texts_of
from tests.support.collector import Collector

from praxis_chassis.keys import make_keys_file
from praxis_chassis.service import Runtime
from praxis_chassis.testing import ServiceUnderTest
from praxis_chassis.tokens import make_key_pair
from praxis_local.nats import Nats
from praxis_local.postgres import Postgres
from praxis_local.processes import Process, Program, StartFailed, free_port, launch, wait_until
from praxis_local.provision import DATABASES, database_url, provision
from praxis_local.topology import telemetry

SERVICES = ("patients", "scheduling", "billing", "claims", "reporting")
# Owners answer calls; the work processes relay what they own and apply what others tell.
PROGRAMS = {
    "patients": ("patients", "serve"),
    "billing": ("billing", "serve"),
    "relay": ("patients", "work"),
    "ledger": ("billing", "work"),
    "consumer": ("reporting", "work"),
}


@dataclass
class Victim:
    """A process of the system that can be killed, held and started again."""

    name: str
    arguments: list[str]
    environment: Mapping[str, str]
    log: Path
    child: Process | None = None

    def start(self) -> None:
        """Start it; it ends with the tests, also when somebody kills those."""
        with self.log.open("ab") as output:
            self.child = launch(Program(self.name, self.arguments, self.environment), output)

    def end(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()

    def kill(self) -> None:
        self.end()
        self.start()

    def family(self) -> list[int]:
        return [self.child.pid] if self.child else []


@dataclass
class World:
    """The processes, the servers below them, and each service's own view of its database."""

    platform: Platform
    postgres: Postgres
    nats: Nats
    ports: dict[str, int]
    runtimes: dict[str, Runtime] = field(default_factory=dict)
    victims: dict[str, Victim] = field(default_factory=dict)
    collector: Collector | None = None
    doors: dict[str, ServiceUnderTest] = field(default_factory=dict)

    def start(self) -> None:
        for name, (service, command) in PROGRAMS.items():
            port = self.ports[service] if command == "serve" else 0
            self.add(name, ["-m", f"praxis_{service}", command], self.environment(service, f"127.0.0.1:{port}"))

    def add(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        log = self.platform.home / f"{name}.log"
        self.victims[name] = Victim(name, [sys.executable, *arguments], environment, log)
        self.victims[name].start()

    def environment(self, service: str, listen: str) -> dict[str, str]:
        kind = self.runtimes[service].service.settings
        settings = self.platform.settings(kind, service, listen=listen)
        values = {f"PRAXIS_{key.upper()}": str(value) for key, value in vars(settings).items() if value != ""}
        exports = telemetry(self.collector.url) if self.collector else {}
        return {**values, **exports, "PYTHONPATH": os.pathsep.join(sys.path)}

    def command(self, name: str, *arguments: str) -> str:
        """Run a command of the service that one of the parts belongs to, as an operator would; return what it said."""
        part = self.victims[name]
        program = Program(name, [*part.arguments[:3], *arguments], part.environment)
        process = launch(program, subprocess.PIPE)
        said = process.communicate()[0].decode()
        assert process.returncode == 0, said
        return said

    def door(self, name: str) -> ServiceUnderTest:
        """Return an instance of a service in this process, to call it directly; made once, because that takes long."""
        if name not in self.doors:
            self.doors[name] = _in_process(self, name)
        return self.doors[name]

    def rows(self, database: str, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Read a database as its administrator, past the walls between practices."""
        with psycopg.connect(database_url(self.postgres.admin_url, database)) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def told(self) -> dict[str, set[bytes]]:
        """Return the texts of all logs and dead letters, and of what was exported if somebody collects it."""
        logs = b"\n".join(file.read_bytes() for file in sorted(self.platform.home.rglob("*.log")))
        letters = "\n".join(dead_letters(self, databases=SERVICES)).encode()
        exports = self.collector.told() if self.collector else {}
        return {"logs": texts_of(logs), "dead letters": texts_of(letters), **exports}

    # ── what may happen to it ───────────────────────────────────────────────────────────────────────────

    def kill(self, name: str) -> None:
        """Kill a part without warning and start it again."""
        if name == "postgres":
            self._kill_postgres()
        elif name == "nats":
            self.stop_nats()
            self.nats.start()
        else:
            self.victims[name].kill()

    def hold(self, name: str, seconds: float) -> None:
        """Stop a part as if its machine slept, and let it go on."""
        family = self.family(name)
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            if number == signal.SIGSTOP:
                wait_until(lambda: False, seconds)

    def family(self, name: str) -> list[int]:
        if name == "nats":
            return [_child_of(self.nats)]
        return _with_children(_child_of(self.postgres)) if name == "postgres" else self.victims[name].family()

    def stop_nats(self) -> None:
        os.kill(_child_of(self.nats), signal.SIGKILL)
        self.nats.stop()

    def wipe_nats(self) -> None:
        """Lose the whole store."""
        self.stop_nats()
        shutil.rmtree(self.nats.home / "store")
        self.nats.start()

    def copy_nats(self, copy: Path) -> None:
        """Keep a copy of the store, as a snapshot of its volume would be."""
        self.stop_nats()
        shutil.copytree(self.nats.home / "store", copy)
        self.nats.start()

    def roll_nats_back(self, copy: Path) -> None:
        """Put the copy in place of the store."""
        self.stop_nats()
        shutil.rmtree(self.nats.home / "store")
        shutil.copytree(copy, self.nats.home / "store")
        self.nats.start()

    def _kill_postgres(self) -> None:
        os.kill(_child_of(self.postgres), signal.SIGKILL)
        child = self.postgres._child
        assert child is not None
        child.wait()
        for _ in range(20):
            try:
                self.postgres.start()
            except StartFailed:  # its last processes have not seen yet that their parent is gone
                wait_until(lambda: False, 0.5)
            else:
                return
        raise AssertionError("PostgreSQL did not come back")

    def close(self) -> None:
        for victim in self.victims.values():
            victim.end()
        for under in self.doors.values():
            under.close()
        for runtime in self.runtimes.values():
            runtime.close()


@contextmanager
def opened(home: Path, collector: Collector | None = None) -> Iterator[World]:
    """Start everything; PostgreSQL keeps its promises here, because it will be killed."""
    make_keys_file(home / "keys.json")
    make_key_pair(home / "token.pem", home / "token.pub")
    with Postgres(home) as postgres, Nats(home) as nats:
        urls = provision(postgres.admin_url, DATABASES, home / "roles.json")
        servers = Servers(postgres.admin_url, nats.url, (postgres, nats))
        ports = {name: free_port() for name in SERVICES}
        world = World(Platform(home, urls, servers), postgres, nats, ports, collector=collector)
        try:
            for name in SERVICES:
                world.runtimes[name] = _migrated(world.platform, name, ports)
            world.start()
            yield world
            told = world.told()
            assert hits([FAMILY, BIRTH_DATE], told) == [], "after all faults, somebody's word is told"
            assert {"logs"} <= {place for place, _ in hits(["serving"], told)}, "the search does not find what is there"
        finally:
            world.close()


def _migrated(platform: Platform, name: str, ports: Mapping[str, int]) -> Runtime:
    from praxis_chassis import app

    service = import_module(f"praxis_{name}.service").service
    targets = {f"{other}_target": f"127.0.0.1:{port}" for other, port in ports.items()}
    runtime = Runtime(service, platform.settings(service.settings, name, **targets))
    app.migrate(runtime)
    return runtime


@contextmanager
def in_process(world: World, name: str, port: int) -> Iterator[ServiceUnderTest]:
    """Run a service in this process for a while, where others look for it."""
    under = _in_process(world, name, port)
    try:
        yield under
    finally:
        under.close()


def _in_process(world: World, name: str, port: int = 0) -> ServiceUnderTest:
    service = world.runtimes[name].service
    settings = world.platform.settings(service.settings, name, listen=f"127.0.0.1:{port}")
    return ServiceUnderTest(service, settings, world.platform.private_key, work=False)


def _child_of(server: Any) -> int:
    assert server._child is not None
    return int(server._child.pid)


def _with_children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]

"""What the benches run on: durable servers of their own, and the real programs as processes that can be metered."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from tests.support.system import System

from praxis_local.authority import Authority
from praxis_local.home import Home
from praxis_local.migrate import migrate
from praxis_local.nats import Nats
from praxis_local.postgres import Postgres
from praxis_local.processes import Process, Program, free_port, launch, stop, wait_until
from praxis_local.provision import DATABASES, database_url, provision
from praxis_local.topology import CHECKOUT, GATEWAY, Ports, Topology, answers

START_SECONDS = 60.0
# What a single caller may send is no part of what is measured here.
UNLIMITED = {"PRAXIS_RATE_LIMIT": "1000000000", "PRAXIS_RATE_LIMIT_ANONYMOUS": "1000000000"}


@dataclass(frozen=True)
class Part:
    """One running program."""

    name: str
    pid: int
    port: int


@dataclass
class Stage:
    """Servers, and the programs that were started on them."""

    home: Home
    postgres: Postgres
    topology: Topology
    sink: int
    running: list[tuple[Part, Process, Program]] = field(default_factory=list)

    @property
    def system(self) -> System:
        """The same installation as the journeys see it."""
        ports = self.topology.ports
        state = {
            "url": f"http://127.0.0.1:{ports.gateway}", "admin_url": self.postgres.admin_url,
            "nats_url": self.topology.nats_url, "calls": dict(ports.calls),
        }  # fmt: skip
        return System(self.home, state)

    @property
    def database_pid(self) -> int:
        return int((self.postgres.data / "postmaster.pid").read_text().split()[0])

    def url(self, database: str, role: str = "app") -> str:
        return str(getattr(self.topology.databases[database], role))

    def rows(self, database: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask a database as its administrator."""
        with psycopg.connect(database_url(self.postgres.admin_url, database), autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def start(self, service: str, command: str = "serve", *, port: int = 0, **settings: str) -> Part:
        """Start a program at its usual port, or at another for a second one, and return when it is ready."""
        program, part = self.program(service, command, port, settings)
        path = self.home.logs / f"{program.name}-{port or 'usual'}.log"
        with path.open("ab") as log:
            process = launch(program, log)
        probe = program.environment["PRAXIS_LISTEN" if service == GATEWAY else "PRAXIS_PROBE_LISTEN"]
        ready = wait_until(lambda: answers(f"http://{probe}/readyz"), START_SECONDS, lambda: process.poll() is None)
        part = replace(part, pid=process.pid)
        self.running.append((part, process, program))
        assert ready, f"{program.name} did not start:\n{path.read_text()[-2000:]}"
        return part

    def program(self, service: str, command: str, port: int, settings: Mapping[str, str]) -> tuple[Program, Part]:
        program = self.topology.command(service, command)
        usual = self.topology.ports.gateway if service == GATEWAY else self.topology.ports.calls[service]
        environment = {
            **program.environment, **UNLIMITED,
            "PRAXIS_LISTEN": f"127.0.0.1:{port or usual}", "PRAXIS_PROBE_LISTEN": f"127.0.0.1:{free_port()}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.sink}", **settings,
        }  # fmt: skip
        name = f"{service}-{command}"
        return replace(program, name=name, environment=environment), Part(name, 0, port or usual)

    def end(self, part: Part) -> None:
        """Stop one program."""
        for entry in [entry for entry in self.running if entry[0] == part]:
            self.running.remove(entry)
            stop(entry[1], entry[2])

    def close(self) -> None:
        for part, _, _ in list(reversed(self.running)):
            self.end(part)


@contextmanager
def opened(folder: Path, services: Sequence[str], *, commit_times: bool = False) -> Iterator[Stage]:
    """Start PostgreSQL with fsync and NATS that syncs always, and bring the databases of some services up."""
    home = Home(folder / "home")
    home.open()
    Authority(home.certificates).renew()
    if commit_times:
        with Postgres(home.folder) as server, psycopg.connect(server.admin_url, autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    try:
        with Postgres(home.folder) as postgres, Nats(home.folder) as bus, _sink() as sink:
            databases = provision(postgres.admin_url, DATABASES, home.passwords)
            topology = Topology(home, Ports.choose(free_port()), databases, bus.url)
            migrate(topology, postgres.admin_url, (*services, GATEWAY))
            stage = Stage(home, postgres, topology, sink)
            try:
                yield stage
            finally:
                stage.close()
    finally:
        home.close()


@contextmanager
def _sink() -> Iterator[int]:
    """Run something that takes spans and metrics and throws them away, so that exporting them costs what it costs."""
    port = free_port()
    program = Program("sink", [sys.executable, "-m", "tests.bench.constant", str(port)], directory=CHECKOUT)
    process = launch(program, subprocess.DEVNULL)
    try:
        assert wait_until(lambda: answers(f"http://127.0.0.1:{port}/"), START_SECONDS)
        yield port
    finally:
        stop(process, program)


def idle_load() -> float:
    """Return how busy the machine was in the last minute, in cores."""
    return os.getloadavg()[0]

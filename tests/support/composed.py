"""The compose system as a test drives it: up with testcontainers, its gateway over HTTP, the rest by the engine."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from support.engine import docker
from testcontainers.compose import DockerCompose

from praxis_local import simulator
from praxis_local.containers import database_of
from praxis_local.processes import Program, launch, stop
from praxis_local.topology import CHECKOUT, GATEWAY

PROJECT = "praxis-test-"
DEPLOY = CHECKOUT / "deploy"
OVERRIDE = CHECKOUT / "tests" / "containers" / "compose.test.yaml"


@dataclass(frozen=True)
class Composed:
    """A running compose project, with what the journeys ask of an installation."""

    project: str
    compose: DockerCompose

    @property
    def url(self) -> str:
        """Where the gateway is published now; Docker chooses anew when it is made again."""
        return f"http://127.0.0.1:{self.compose.get_service_port('gateway', 8080)}"

    def setup_token(self) -> str:
        """Return a one-time token that creates one practice."""
        return self.run("gateway", "python", "-m", "praxis_gateway", "setup-token").strip().splitlines()[-1]

    def run(self, service: str, *command: str) -> str:
        """Run a command in the first container of a service and return what it said."""
        return docker("exec", self.containers(service)[0], *command).stdout

    def try_run(self, service: str, *command: str) -> tuple[int, str]:
        """Run a command that may fail; return its exit code and what it said."""
        done = docker("exec", self.containers(service)[0], *command, check=False)
        return done.returncode, done.stdout + done.stderr

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's running containers."""
        filters = (f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}")
        return docker(
            "ps", "--quiet", *(item for text in filters for item in ("--filter", f"label={text}"))
        ).stdout.split()

    def address(self, container: str) -> str:
        """Return the address of a container that has one network, or its first."""
        networks = json.loads(docker("inspect", container).stdout)[0]["NetworkSettings"]["Networks"]
        return str(next(network["IPAddress"] for network in networks.values()))

    def rows(self, database: str, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Read a database as its administrator; the machine that runs the engine reaches its internal networks."""
        part = GATEWAY if database == database_of(GATEWAY) else database
        password = self.run(f"{part}-database", "cat", "/secrets/password")
        host = self.address(self.containers(f"{part}-database")[0])
        with psycopg.connect(host=host, user="postgres", password=password, dbname=database) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def logs(self) -> str:
        """Return everything that any container has logged so far."""
        return "\n".join(self.compose.get_logs())

    def up(self, *arguments: str) -> None:
        """Bring the project to what the arguments say, such as `--scale scheduling=3`, and wait until it is well."""
        files = [item for name in (DEPLOY / "compose.yaml", OVERRIDE) for item in ("--file", str(name))]
        command = ["compose", "--project-name", self.project, *files, "up", "--detach", "--wait", *arguments]
        docker(*command, seconds=300)

    def until_published(self, seconds: float = 30) -> None:
        """Wait until every service has published all its events."""
        deadline = time.monotonic() + seconds
        while any(self.rows(name, "SELECT 1 FROM events WHERE published_at IS NULL LIMIT 1") for name in DATABASES):
            assert time.monotonic() < deadline, "events wait to be published"
            time.sleep(0.3)


DATABASES = ("patients", "scheduling", "billing", "claims", "reporting", "identity")


@contextmanager
def composed() -> Iterator[Composed]:
    """Build the image, bring everything up beside a simulated clearinghouse, and take it down with its volumes."""
    _remove_leftovers()
    project = f"{PROJECT}{os.getpid()}"
    os.environ |= {"COMPOSE_PROJECT_NAME": project, "PRAXIS_IMAGE": "praxis:test"}
    with TemporaryDirectory(prefix="praxis-clearinghouse-") as folder:
        Path(folder).chmod(0o777)
        os.environ["PRAXIS_TEST_CLEARINGHOUSE"] = folder
        docker("compose", "--file", str(DEPLOY / "compose.yaml"), "build", seconds=600)
        compose = DockerCompose(DEPLOY, compose_file_name=["compose.yaml", str(OVERRIDE)], wait=True)
        with compose, _clearinghouse(Path(folder)):
            yield Composed(project, compose)


def _remove_leftovers() -> None:
    """Take down the projects of test processes that are gone."""
    for found in json.loads(docker("compose", "ls", "--all", "--format", "json").stdout):
        process = found["Name"].removeprefix(PROJECT)
        if process != found["Name"] and not Path("/proc", process).exists():
            docker("compose", "--project-name", found["Name"], "down", "--volumes", seconds=300)


@contextmanager
def _clearinghouse(folder: Path) -> Iterator[None]:
    python = simulator.environment()
    assert python is not None, "tests/support/chsim is not in this checkout"
    # Claims runs as another user in its container, so what the simulator writes must be open to it.
    wrapped = f"import os, runpy, sys; os.umask(0); sys.argv = ['chsim', '--dir', {str(folder)!r}]; "
    program = Program(
        name="clearinghouse",
        arguments=[str(python), "-c", wrapped + "runpy.run_module('chsim', run_name='__main__')"],
        environment={"PYTHONPATH": str(simulator.FOLDER)},
        directory=folder,
        stop_seconds=5,
    )
    process = launch(program, sys.stderr.fileno())
    try:
        yield
    finally:
        stop(process, program)

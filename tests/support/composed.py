"""The compose system as a test drives it: up with testcontainers, its gateway over HTTP, the rest by the engine.

`PRAXIS_TEST_COMPOSE=docker-compose` takes Compose v1.29 instead of v2, which must work as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from support.engine import docker
from testcontainers.compose import DockerCompose
from tests.support.canary import texts_of

from praxis_local import simulator
from praxis_local.containers import database_of
from praxis_local.processes import Program, launch, stop
from praxis_local.topology import CHECKOUT, GATEWAY

PROJECT = "praxis-test-"
DEPLOY = CHECKOUT / "deploy"
OVERRIDE = CHECKOUT / "tests" / "containers" / "compose.test.yaml"
FILES = [item for name in (DEPLOY / "compose.yaml", OVERRIDE) for item in ("--file", str(name))]
DATABASES = ("patients", "scheduling", "billing", "claims", "reporting", "identity")
BY_PROJECT = "com.docker.compose.project"
# What tests set as a site would in .env: a collector, and metrics soon enough to wait for.
SETTINGS = {
    "PRAXIS_IMAGE": "praxis:test",
    "PRAXIS_PUBLIC_URL": "https://praxis.example.com",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
    "OTEL_METRIC_EXPORT_INTERVAL": "2000",
}
ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:4318/').read().decode())"


def command() -> list[str]:
    """Return how Compose is called here."""
    return os.environ.get("PRAXIS_TEST_COMPOSE", "docker compose").split()


class Compose(DockerCompose):
    """Compose of either version; the older one knows no `--wait`, so that waiting is done here."""

    @cached_property
    def compose_command_property(self) -> list[str]:
        return [*command(), *FILES]


@dataclass(frozen=True)
class Composed:
    """A running compose project, with what the journeys ask of an installation."""

    project: str
    compose: DockerCompose

    @property
    def url(self) -> str:
        """Where the gateway is published now; Docker chooses anew when it is made again."""
        return f"http://{docker('port', self.containers('gateway')[0], '8080').stdout.splitlines()[0]}"

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
        filters = (f"{BY_PROJECT}={self.project}", f"com.docker.compose.service={service}")
        return docker(
            "ps", "--quiet", *(item for text in filters for item in ("--filter", f"label={text}"))
        ).stdout.split()

    def address(self, container: str, network: str = "") -> str:
        """Return the address of a container on a network, or on the one that it has."""
        found = self._facts(container)["NetworkSettings"]["Networks"]
        return str(found[f"{self.project}_{network}" if network else next(iter(found))]["IPAddress"])

    def _facts(self, container: str) -> dict[str, Any]:
        return dict(json.loads(docker("inspect", container).stdout)[0])

    def kill(self, container: str) -> None:
        """Kill a container's main process as a fault would, and wait until the engine has started it again by itself.

        The engine does not restart what was stopped by its own commands, so the signal comes from beside it.
        """
        before = self._facts(container)["State"]
        beside = ("--pid", "host", "--network", "none", "--user", "0", "--entrypoint", "sh", SETTINGS["PRAXIS_IMAGE"])
        docker("run", "--rm", *beside, "-c", f"kill -9 {before['Pid']}")
        deadline = time.monotonic() + 60
        while not (now := self._facts(container)["State"])["Running"] or now["StartedAt"] == before["StartedAt"]:
            assert time.monotonic() < deadline, f"not restarted: {now}"
            time.sleep(0.1)

    def answered(self, service: str, method: str) -> Counter[str]:
        """Return how often each container of a service has answered a method well, by its own metrics."""
        homes = {self.address(container, "watch"): container for container in self.containers(service)}
        counts = Counter(dict.fromkeys(homes.values(), 0))
        for _instance, address, name, count in json.loads(self.run("collector", "python", "-c", ASK)):
            if name == method and address in homes:
                counts[homes[address]] += count
        return counts

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

    def told(self) -> dict[str, set[bytes]]:
        """Return the texts of all logs; these containers export nothing."""
        return {"logs": texts_of(self.logs().encode())}

    def up(self, *arguments: str) -> None:
        """Bring the project to what the arguments say, such as `--scale scheduling=3`, and wait until it is well."""
        self.call("up", "--detach", *arguments)
        self.until_well()

    def call(self, *arguments: str) -> str:
        """Run a command of Compose on this project, as an operator would."""
        return compose("--project-name", self.project, *FILES, *arguments)

    def until_well(self, seconds: float = 300) -> None:
        """Wait until what runs is healthy and what was to end has ended well."""
        deadline = time.monotonic() + seconds
        while ill := [state for state in self._states() if "(healthy)" not in state and "Exited (0)" not in state]:
            assert time.monotonic() < deadline, f"not well after {seconds:g} s: {ill}"
            time.sleep(0.3)

    def _states(self) -> list[str]:
        of_project = ("--filter", f"label={BY_PROJECT}={self.project}")
        return docker("ps", "--all", *of_project, "--format", "{{.Names}} {{.Status}}").stdout.splitlines()

    def until_published(self, seconds: float = 30) -> None:
        """Wait until every service has published all its events."""
        deadline = time.monotonic() + seconds
        while any(self.rows(name, "SELECT 1 FROM events WHERE published_at IS NULL LIMIT 1") for name in DATABASES):
            assert time.monotonic() < deadline, "events wait to be published"
            time.sleep(0.3)


def compose(*arguments: str) -> str:
    """Run one command of Compose; its output is the answer."""
    done = subprocess.run([*command(), *arguments], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{' '.join((*command(), *arguments))}:\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def composed() -> Iterator[Composed]:
    """Build the image, bring everything up beside a simulated clearinghouse, and take it down with its volumes."""
    _remove_leftovers()
    project = f"{PROJECT}{os.getpid()}"
    os.environ |= {"COMPOSE_PROJECT_NAME": project, **SETTINGS}
    with TemporaryDirectory(prefix="praxis-clearinghouse-") as folder:
        Path(folder).chmod(0o777)
        os.environ["PRAXIS_TEST_CLEARINGHOUSE"] = folder
        compose(*FILES, "build")
        with Compose(DEPLOY, wait=False) as running, _clearinghouse(Path(folder)):
            found = Composed(project, running)
            found.until_well()
            yield found


def _remove_leftovers() -> None:
    """Take down the projects of test processes that are gone."""
    shown = f'{{{{.Label "{BY_PROJECT}"}}}}'
    for found in set(docker("ps", "--all", "--filter", f"label={BY_PROJECT}", "--format", shown).stdout.split()):
        process = found.removeprefix(PROJECT).partition("-")[0]
        if found.startswith(PROJECT) and not Path("/proc", process).exists():
            # Compose wants every variable of the files, also to take them down.
            os.environ.setdefault("PRAXIS_TEST_CLEARINGHOUSE", str(DEPLOY))
            compose("--project-name", found, *FILES, "down", "--volumes")


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

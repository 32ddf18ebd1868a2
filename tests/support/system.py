"""The whole of Praxis, started by its own launcher and stopped by the signal that a person would send."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from tests.support.canary import texts_of
from tests.support.collector import Collector

from praxis_chassis.context import Actor, Context
from praxis_chassis.service import Runtime
from praxis_gateway.identity.service import service as identity
from praxis_gateway.identity.usecases import tenants
from praxis_gateway.settings import Settings
from praxis_local import simulator
from praxis_local.home import Home
from praxis_local.processes import Process, Program, free_port, launch, stop
from praxis_local.provision import DATABASES, database_url, provision
from praxis_local.topology import GATEWAY, Ports, Topology, answers, clearinghouse, service_of

START_SECONDS, STOP_SECONDS = 600.0, 60.0


@dataclass(frozen=True)
class System:
    """A running installation: what tests may ask of it beside its public interface."""

    home: Home
    state: Mapping[str, Any]
    collector: Collector | None = None

    @property
    def url(self) -> str:
        return str(self.state["url"])

    @cached_property
    def topology(self) -> Topology:
        """Return the topology that the launcher made, for commands that an operator would run."""
        ports = Ports(gateway=int(self.url.rpartition(":")[2]), calls=self.state["calls"], probes={})
        ports = Ports(ports.gateway, ports.calls, Ports.choose(ports.gateway).probes)
        databases = provision(self.state["admin_url"], DATABASES, self.home.passwords)
        return Topology(self.home, ports, databases, self.state["nats_url"])

    def setup_token(self) -> str:
        """Return a one-time token that creates one practice, made here: the gateway's command takes a second."""
        runtime = Runtime(identity, Settings.from_environment(self.topology.environment(GATEWAY)))
        with runtime.database.transaction(Context(None, Actor("system", "setup"), runtime)) as session:
            token = tenants.add_setup_token(session)
        runtime.close()
        return token

    def command(self, service: str, *arguments: str) -> str:
        """Run a command of one service to its end and return what it said."""
        process = launch(self.topology.command(service, *arguments), subprocess.PIPE)
        output = process.communicate()[0].decode(errors="replace")
        assert process.returncode == 0, output[-4000:]
        return output

    def rows(self, database: str, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Read a database as its administrator, past the walls between practices."""
        with psycopg.connect(database_url(self.state["admin_url"], database)) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def logs(self) -> str:
        """Return everything that any part has logged so far."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.home.logs.glob("*.log*")))

    def told(self) -> dict[str, set[bytes]]:
        """Return the texts of all logs, and of what was exported if somebody collects it."""
        folder = self.home.folder
        files = [*folder.rglob("*.log*"), *folder.parent.glob("*.log"), *folder.parent.glob("*.txt")]
        logs = b"\n".join(file.read_bytes() for file in sorted(files))
        return {"logs": texts_of(logs), **(self.collector.told() if self.collector else {})}

    def process_of(self, part: str) -> int:
        """Return the id of the process that runs a service of this installation, one of its replicas or the gateway."""
        gateway = self.url.rpartition(":")[2]
        port = {**self.state["calls"], "gateway": gateway, "gateway-work": gateway}[part]
        module, command = f"praxis_{service_of(part.removesuffix('-work'))}", "work" if part == "gateway-work" else ""
        folders = (folder for folder in Path("/proc").iterdir() if folder.name.isdigit())
        found = {int(folder.name) for folder in folders if _runs(folder, module, command, f"127.0.0.1:{port}")}
        # Those that it has forked look the same, and have the lower numbers once the system begins again with 300.
        for process in found:
            if _parent(process) not in found:
                return process
        raise AssertionError(f"no process runs {part}")

    def answers(self, part: str) -> bool:
        """Tell whether a part says that it is ready."""
        return answers(self.state["probes"][part])


def _parent(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _runs(folder: Path, module: str, command: str, listen: str) -> bool:
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
        named = module.encode() in words and (command.encode() in words if command else b"work" not in words)
        # The surroundings are read of those few only: whoever waits for a process asks again and again.
        return named and f"PRAXIS_LISTEN={listen}".encode() in (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


@contextmanager
def started(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    clearing: bool = True,
    demo: bool = False,
    port: int = 0,
) -> Iterator[System]:
    """Start an installation, without the demo unless asked, with the clearinghouse simulator beside it."""
    ready = folder / "ready.json"
    # A port at random: two installations that start together on one port would share its connections.
    command = [
        sys.executable, "-m", "praxis_local", "run", "--home", str(folder / "home"),
        "--port", str(port or free_port()), "--ready-file", str(ready), *([] if demo else ["--no-demo"]), *arguments,
    ]  # fmt: skip
    with (folder / "launcher.log").open("wb") as log:
        launcher = launch(Program(name="launcher", arguments=command, environment=environment or {}), log)
    try:
        _await(ready, launcher, folder / "launcher.log")
        if clearing:
            yield from _with_clearinghouse(attached(folder / "home"))
        else:
            yield attached(folder / "home")
    finally:
        if launcher.poll() is None:
            launcher.send_signal(signal.SIGINT)
        launcher.wait(STOP_SECONDS)


def attached(folder: Path) -> System:
    """Return an installation that somebody else started."""
    home = Home(folder)
    return System(home, json.loads(home.state_file.read_text()))


def _with_clearinghouse(system: System) -> Iterator[System]:
    python = simulator.environment()
    assert python is not None, "tests/support/chsim is not in this checkout"
    program = clearinghouse(system.home, python)
    with (system.home.logs.parent / "clearinghouse.txt").open("wb") as log:
        process = launch(program, log)
    try:
        yield system
    finally:
        stop(process, program)


def _await(ready: Path, launcher: Process, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        text = log.read_text(errors="replace")[-4000:]
        assert launcher.poll() is None, f"the launcher ended:\n{text}"
        assert time.monotonic() < deadline, f"the launcher is not ready after {START_SECONDS:g} s:\n{text}"
        time.sleep(0.2)


def existing_home() -> Path | None:
    """Return the home of an installation that developers keep running for these tests, if they named one."""
    named = os.environ.get("PRAXIS_SYSTEM_HOME", "")
    return Path(named) if named else None

"""A running installation under load: who calls what, how its parts are killed, and side doors with faults in them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.api import Api
from tests.support.load import Call, Load
from tests.support.system import System

from praxis_chassis.types import new_id
from praxis_local.processes import Process, Program, free_ports, launch, stop, wait_until
from praxis_local.topology import GATEWAY, SERVICES, Topology, answers, service_of

PASSWORD = "umbrella-lamp-42-tree"  # a test fixture, not a secret
BACK_SECONDS = 60.0
# So many answers in a row, of both processes of the gateway and every service, show that nobody is left alone.
CALM = 100
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprst" for vowel in "aeiou"]
# One route that needs one service only, for each of them.
ROUTES = {
    "patients": Call("patients", "/v1/patients?page_size=5"),
    "scheduling": Call("scheduling", "/v1/resources?page_size=5"),
    "billing": Call("billing", "/v1/accounts?page_size=5"),
    "claims": Call("claims", "/v1/payers?page_size=5"),
    "reporting": Call("reporting", "/v1/reports/claimsByState"),
    "identity": Call("identity", "/v1/roles"),
}


def registration(number: int) -> dict[str, Any]:
    """Return a new patient, another one for every number.

    No two names sound alike: each patient would be compared with all others that do, which is not what is shown here.
    """
    chance = random.Random(number)
    family, given = ("".join(chance.choices(SYLLABLES, k=4)).capitalize() for _ in range(2))
    born = date(1930, 1, 1) + timedelta(days=chance.randrange(80 * 365))
    return {"human": {"name": {"family": family, "given": [given]}, "birth_date": born.isoformat()}}


WRITE = Call("registration", "/v1/patients", "POST", registration)
UNKEYED = replace(WRITE, name="unkeyed registration", keyed=False)


@dataclass(frozen=True)
class Newcomer:
    """One more replica of a service, or one more gateway, that shall run beside the installation."""

    part: str
    listen: int
    probe: int
    more: Mapping[str, str]

    @classmethod
    def choose(cls, part: str, **environment: str) -> Newcomer:
        """Choose its ports, which others may be told before it is there; the rest are its surroundings."""
        listen, probe = free_ports(2)
        return cls(part, listen, probe, environment)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listen}"

    @property
    def ready_url(self) -> str:
        return f"http://127.0.0.1:{self.listen if self.part == GATEWAY else self.probe}/readyz"

    @property
    def environment(self) -> dict[str, str]:
        own = {"PRAXIS_LISTEN": self.address, "PRAXIS_PROBE_LISTEN": f"127.0.0.1:{self.probe}"}
        return {**own, **self.more}


@dataclass(frozen=True)
class House:
    """An installation and the owner of a practice in it."""

    system: System
    owner: Api
    token: str
    topology: Topology

    @classmethod
    def move_in(cls, system: System) -> House:
        """Found a practice with one patient."""
        email, door = f"owner-{new_id()}@example.org", Api(system.url)
        owner = {"email": email, "display_name": "Robin", "password": PASSWORD}
        tenant = {"name": "Elm Street", "kind": "mixed", "mode": "test"}
        door.post("/v1/tenants", {"setup_token": system.setup_token(), "tenant": tenant, "owner": owner})
        token = door.post("/v1/sessions", {"email": email, "password": PASSWORD})["token"]
        door.close()
        return cls(system, Api(system.url, token, email), token, system.topology)

    def load(self, *calls: Call, threads: int = 6, per_second: float = 0.0, url: str = "") -> Load:
        return Load(url or self.system.url, self.token, calls, threads, per_second)

    def signal(self, part: str, number: signal.Signals) -> None:
        os.kill(self.system.process_of(part), number)

    def await_part(self, part: str, seconds: float = BACK_SECONDS) -> None:
        assert wait_until(lambda: self.system.answers(part), seconds), f"{part} is not back after {seconds:g} s"

    def restart(self, part: str) -> None:
        """Ask a process to stop in order, and return when the launcher has put a new one in its place."""
        first = self.system.process_of(part)
        os.kill(first, signal.SIGTERM)
        assert wait_until(lambda: self._process(part) not in {0, first}, BACK_SECONDS), f"{part} is not restarted"
        if part in self.system.state["probes"]:
            self.await_part(part)

    def renew_gateway(self) -> None:
        """Let the gateway start a new worker in place of the one it has, as after an upgrade."""
        parent = self.system.process_of(GATEWAY)
        first = children(parent)
        os.kill(parent, signal.SIGHUP)
        assert wait_until(lambda: bool(now := children(parent)) and not now & first, BACK_SECONDS), "the worker stays"
        self.await_part(GATEWAY)

    def _process(self, part: str) -> int:
        try:
            return self.system.process_of(part)
        except AssertionError:
            return 0

    def listening(self, address: str) -> int:
        """Return the process that was told to listen at an address; of a gateway, the worker that answers."""
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                process, facts = int(path.parent.name), path.read_bytes().split(b"\0")
                if f"PRAXIS_LISTEN={address}".encode() in facts and (path.parent / "exe").exists():
                    return max(children(process), default=process)
        raise AssertionError(f"nobody listens at {address}")

    def replicas(self, service: str) -> list[str]:
        """Return the parts that answer calls of a service."""
        return [part for part in self.system.state["calls"] if service_of(part) == service]

    def patients(self) -> int:
        """Count the patients of every practice, in the database itself."""
        return int(self.system.rows("patients", "SELECT count(*) FROM patients")[0][0])

    def await_answers(self, *names: str, seconds: float = BACK_SECONDS) -> float:
        """Return after how many seconds every route answers well again."""
        began = time.monotonic()
        with Load(self.system.url, self.token, [ROUTES[name] for name in names], threads=2, per_second=20) as probe:
            good = wait_until(lambda: {a.name for a in probe.answers if a.ok} == set(names), seconds)
        assert good, f"not answering after {seconds:g} s: {set(names) - {a.name for a in probe.answers if a.ok}}"
        return time.monotonic() - began

    def await_calm(self, seconds: float = BACK_SECONDS) -> None:
        """Return when every route is answered well over many connections.

        Each process of the gateway judges by itself, and one may still leave a service alone that was gone before.
        """
        with Load(self.system.url, self.token, list(ROUTES.values()), threads=8, per_second=100) as probe:
            calm = wait_until(lambda: len(probe.answers) >= CALM and all(a.ok for a in probe.answers[-CALM:]), seconds)
        assert calm, f"not calm after {seconds:g} s: {[(a.name, a.status, a.problem) for a in probe.answers[-CALM:]]}"

    @contextmanager
    def beside(self, part: str, **environment: str) -> Iterator[str]:
        """Run another replica of a service, or another gateway, with other surroundings; yield its address."""
        newcomer = Newcomer.choose(part, **environment)
        with self.joined(newcomer):
            yield newcomer.address

    @contextmanager
    def joined(self, *newcomers: Newcomer) -> Iterator[None]:
        """Run programs beside those of the installation; they come up together, since each keeps but one core busy."""
        started: list[tuple[Process, Program]] = []
        try:
            for newcomer in newcomers:
                gateway = newcomer.part == GATEWAY
                program = self.topology.gateway() if gateway else self.topology.command(newcomer.part, "serve")
                program = replace(program, environment={**program.environment, **newcomer.environment})
                with self._log_beside(newcomer.part).open("ab") as output:
                    started.append((launch(program, output), program))
            for newcomer, (process, _program) in zip(newcomers, started, strict=True):
                ready = wait_until(partial(answers, newcomer.ready_url), 60, partial(_alive, process))
                assert ready, self._log_beside(newcomer.part).read_text()[-3000:]
            yield
        finally:
            # Told to stop together as well, because each waits some seconds for its callers to notice.
            for process, program in reversed(started):
                process.send_signal(signal.SIGCONT)
                process.send_signal(program.stop_signal)
            for process, program in reversed(started):
                stop(process, program)

    def _log_beside(self, part: str) -> Path:
        return self.system.home.folder.parent / f"beside-{part}.txt"


def _alive(process: Process) -> bool:
    return process.poll() is None


def children(process: int) -> set[int]:
    """Return the processes that a process has started."""
    return {
        int(child) for path in Path(f"/proc/{process}/task").glob("*/children") for child in path.read_text().split()
    }


def threads_of(process: int) -> int:
    """Return how many threads a process has."""
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def targets(addresses: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that make a gateway call services at these addresses."""
    assert set(addresses) <= set(SERVICES)
    return {f"PRAXIS_{name.upper()}_TARGET": address for name, address in addresses.items()}

"""Rows 14 and 15: how fast the one-machine mode comes up again, and how much memory it takes when it is idle."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench import cpu
from tests.bench.figures import Figure, Promise, Void
from tests.support.system import attached

from praxis_local.api_client import ApiClient
from praxis_local.demo.load import create_practice
from praxis_local.demo.practices import PRACTICES
from praxis_local.processes import Program, launch, stop, wait_until
from praxis_local.topology import CHECKOUT

START_SECONDS = 240.0
IDLE_SECONDS = 3.0
SLOWEST, LARGEST = 8, 900
START = Promise("14 cold start to the first answer", "s", "≤ 8 s", "≤ 3 s")
REST = Promise("15 memory of the idle stack", "MB", "≤ 900 MB", "≤ 500 MB")


@dataclass
class Machine:
    """An installation in a folder of its own, started and stopped by its own launcher."""

    folder: Path
    port: int
    rounds: int
    key: str = ""

    def begin(self) -> None:
        """Start it once, so that everything that is made once is there, with a practice to ask about."""
        if self.key:
            return
        with self.running():
            self.await_ready()
            system = attached(self.folder / "home")
            self.key = str(create_practice(system.url, PRACTICES[0], system.setup_token())["api_key"])

    @contextmanager
    def running(self) -> Iterator[int]:
        """Start it and yield the launcher's process id."""
        arguments = ["-m", "praxis_local", "run", "--home", str(self.folder / "home"), "--no-demo"]
        arguments += ["--port", str(self.port), "--ready-file", str(self.ready)]
        program = Program("launcher", [sys.executable, *arguments], directory=CHECKOUT, stop_seconds=60)
        with self.log.open("ab") as log:
            process = launch(program, log)
        try:
            yield process.pid
        finally:
            stop(process, program)

    @property
    def ready(self) -> Path:
        return self.folder / "ready.json"

    @property
    def log(self) -> Path:
        return self.folder / "launcher.log"

    def await_ready(self) -> None:
        if not wait_until(self.ready.exists, START_SECONDS):
            raise Void(f"not ready: {self.log.read_text()[-1000:]}")

    def await_answer(self, path: str) -> None:
        if not wait_until(lambda: self._answers(path), START_SECONDS):
            raise Void(f"no answer: {self.log.read_text()[-1000:]}")

    def _answers(self, path: str) -> bool:
        headers = {"Authorization": f"Bearer {self.key}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False


def start(machine: Machine) -> list[Figure]:
    """Row 14: from the command to the first answer of a service behind the gateway."""
    machine.begin()
    took = []
    for _ in range(machine.rounds):
        began = time.monotonic()
        with machine.running():
            machine.await_answer("/v1/patients")
            took.append(time.monotonic() - began)
    found = median(took)
    return [START.kept(found, met=found <= SLOWEST)]


def rest(machine: Machine) -> list[Figure]:
    """Row 15: every service has answered once, and then nothing is asked."""
    machine.begin()
    with machine.running() as pid:
        machine.await_ready()
        api = ApiClient(f"http://127.0.0.1:{machine.port}", machine.key)
        for path in ("/v1/patients", "/v1/appointments", "/v1/catalogItems", "/v1/payers", "/v1/reports/patientAging"):
            api.get(path)
        api.close()
        time.sleep(IDLE_SECONDS)
        used = cpu.megabytes([pid])
    total = sum(used.values())
    parts = ", ".join(f"{name} {size:.0f}" for name, size in sorted(used.items(), key=lambda item: -item[1]))
    return [REST.kept(total, met=total <= LARGEST, note=parts)]

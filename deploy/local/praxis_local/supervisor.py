"""Keep the programs of one machine running: start, watch, restart with back-off, stop in order."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from praxis_local.logs import LogSink
from praxis_local.processes import APPLICATIONS, Process, Program, StartFailed, launch, stop

FIRST_DELAY, LONGEST_DELAY = 0.5, 15.0
LOOP_EXITS, LOOP_SECONDS = 5, 60.0
POLL_SECONDS = 0.05
LEAST_ROOM = 4 << 20


@dataclass
class Child:
    """One supervised program over all its incarnations."""

    program: Program
    sink: LogSink
    process: Process
    reader: threading.Thread
    exits: deque[float] = field(default_factory=lambda: deque(maxlen=LOOP_EXITS))
    delay: float = FIRST_DELAY
    restart_at: float | None = None
    failed: bool = False
    full: bool = False

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def state(self) -> str:
        if self.failed:
            return "failed"
        return "running" if self.alive else "restarting"


class Supervisor:
    """Owns the children; one thread must start and watch them, because the kernel ties servers to it."""

    def __init__(self, logs: Path, terminal: Callable[[str, str], None], *, verbose: bool = False) -> None:
        self.logs = logs
        self.verbose = verbose
        self.terminal = terminal
        self.children: dict[str, Child] = {}

    def start(self, program: Program, ready: Callable[[], bool], seconds: float = 60.0) -> None:
        """Start one program and return when it is ready."""
        self.begin(program)
        self.await_ready(program.name, ready, seconds)

    def begin(self, program: Program) -> None:
        """Start one program without waiting, so that several may come up together."""
        sink = LogSink(program.name, self.logs / f"{program.name}.log", self.terminal, verbose=self.verbose)
        process, reader = _incarnate(program, sink)
        self.children[program.name] = Child(program, sink, process, reader)

    def await_ready(self, name: str, ready: Callable[[], bool], seconds: float = 60.0) -> None:
        child = self.children[name]
        deadline = time.monotonic() + seconds
        while not ready():
            self.watch()
            if child.failed or time.monotonic() > deadline:
                raise StartFailed(f"{name} did not start. Its last lines:\n{child.sink.tail()}")
            time.sleep(POLL_SECONDS)

    def watch(self) -> None:
        """Look once at every child: note who died, restart whose back-off is over."""
        now = time.monotonic()
        for child in self.children.values():
            self._look_for_room(child)
            if child.alive or child.failed:
                continue
            if child.restart_at is None:
                self._note_exit(child, now)
            elif now >= child.restart_at:
                child.restart_at = None
                child.process, child.reader = _incarnate(child.program, child.sink)

    def run(self, stopping: threading.Event) -> None:
        """Watch until told to stop."""
        while not stopping.wait(POLL_SECONDS * 4):
            self.watch()

    def stop(self) -> None:
        """Stop tier after tier: applications, then the bus, then the database."""
        for tier in sorted({child.program.tier for child in self.children.values()}):
            members = [child for child in self.children.values() if child.program.tier == tier]
            threads = [threading.Thread(target=stop, args=(child.process, child.program)) for child in members]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for child in self.children.values():
            child.reader.join(timeout=2)
            child.sink.close()

    def _look_for_room(self, child: Child) -> None:
        """Tell when a server's disk is full; once there is room again, kill the server, which stays stuck."""
        if child.program.store is None:
            return
        full = shutil.disk_usage(child.program.store).free < LEAST_ROOM
        if full and not child.full:
            self.terminal(child.program.name, f"the disk of {child.program.store} is full; make room")
        elif child.full and not full:
            self.terminal(child.program.name, "there is room again; starting anew")
            child.process.kill()
        child.full = full

    def _note_exit(self, child: Child, now: float) -> None:
        if child.process.returncode == 0:
            # Somebody asked it to stop in order, such as an operator who restarts it; that is no crash.
            child.restart_at = now
            return
        if child.exits and now - child.exits[-1] > LOOP_SECONDS:
            child.exits.clear()
            child.delay = FIRST_DELAY
        child.exits.append(now)
        code = child.process.returncode
        looping = len(child.exits) == LOOP_EXITS and now - child.exits[0] <= LOOP_SECONDS
        # A server that finds its disk full comes back when there is room again, without anybody's help.
        if looping and child.program.tier == APPLICATIONS:
            child.failed = True
            self.terminal(child.program.name, f"stopped {LOOP_EXITS} times in a minute; left stopped. Last lines:")
            self.terminal(child.program.name, child.sink.tail())
            return
        self.terminal(child.program.name, f"exited with {code}; restarting in {child.delay:g} s")
        child.restart_at = now + child.delay
        child.delay = min(child.delay * 2, LONGEST_DELAY)


def _incarnate(program: Program, sink: LogSink) -> tuple[Process, threading.Thread]:
    process = launch(program, subprocess.PIPE)
    assert process.stdout is not None
    reader = threading.Thread(target=sink.pump, args=(process.stdout,), daemon=True)
    reader.start()
    return process, reader

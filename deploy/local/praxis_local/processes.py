"""Start and stop child programs so that none outlives its launcher."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from praxis_local.nursery import NURSERIES, Forked, Request, can_fork, die_with_parent

Process = subprocess.Popen[bytes] | Forked
# Outgoing connections take theirs from 32768 up on Linux and from 49152 up elsewhere.
OWN_PORTS = range(20000, 32000)
APPLICATIONS, BUS, DATABASE = 0, 1, 2


class StartFailed(RuntimeError):
    """A program did not become ready; the message says which and shows why."""


@dataclass(frozen=True)
class Program:
    """What to run, as whom, and how to stop it; lower tiers stop first."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    account: str | None = None
    directory: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 25.0
    tier: int = APPLICATIONS
    # Folder of a server that does not recover by itself from a full disk.
    store: Path | None = None


def hold_port(preferred: int) -> socket.socket:
    """Return a socket that keeps the first free loopback port at or after `preferred` from everybody but our gateway.

    The gateway listens a minute later, with SO_REUSEPORT: the kernel lets it beside this socket, which never listens,
    and no program of another user. Set after binding, so that nobody who holds the port in this way is overlooked.
    """
    candidates = range(preferred, min(preferred + 100, 65536))
    for port in candidates:
        holder = _bound(port)
        if holder.getsockname()[1]:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            return holder
        holder.close()
    raise StartFailed(f"No free port between {preferred} and {candidates[-1]}. Choose another with --port.")


def free_port() -> int:
    """Return a free loopback port below those that the system lends to outgoing connections."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return different free loopback ports below those that the system lends to outgoing connections."""
    start = secrets.randbelow(len(OWN_PORTS))
    held: list[socket.socket] = []
    for step in range(len(OWN_PORTS)):
        probe = _bound(OWN_PORTS[(start + step) % len(OWN_PORTS)])
        if not probe.getsockname()[1]:
            probe.close()
            continue
        held.append(probe)
        if len(held) == count:
            break
    ports = [int(probe.getsockname()[1]) for probe in held]
    for probe in held:
        probe.close()
    return ports


def _bound(port: int) -> socket.socket:
    """Return a socket on a port; it stays without one (0) when the port is taken."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
    return probe


def launch(program: Program, output: int | IO[bytes] | None) -> Process:
    """Start the program in its own session.

    On Linux it stops when the calling thread ends, or, if it is a part of Praxis, when this process does.
    """
    environment = {**os.environ, **program.environment}
    plain = not program.account and not program.directory
    if output is not None and plain and can_fork(program.arguments):
        return NURSERIES.fork(Request(program.arguments, environment, program.stop_signal), output)
    return subprocess.Popen(
        list(program.arguments),
        env=environment,
        cwd=program.directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_dies_with_us(program.stop_signal),  # noqa: PLW1509 -- prctl must run in the child
        user=program.account,
        group=account_group(program.account),
        extra_groups=[] if program.account else None,
    )


def prepare() -> None:
    """Begin to load what parts share, where they can be forked, so that the first of them waits less."""
    if sys.platform == "linux":
        NURSERIES.prepare()


def stop(child: Process, program: Program) -> None:
    """Ask the program to stop, wait for it, and kill what is left of its session."""
    if child.poll() is None:
        child.send_signal(program.stop_signal)
        try:
            child.wait(program.stop_seconds)
        except subprocess.TimeoutExpired:
            _kill_session(child)
    _kill_session(child)


def wait_until(ready: Callable[[], bool], seconds: float, alive: Callable[[], bool] = lambda: True) -> bool:
    """Poll until ready; give up when the time is over or the program is gone."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        if not alive():
            return False
        time.sleep(0.03)
    return False


def process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def account_group(account: str | None) -> int | None:
    if account is None:
        return None
    import pwd

    return pwd.getpwnam(account).pw_gid


def _kill_session(child: Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _dies_with_us(number: signal.Signals) -> Callable[[], None] | None:
    return partial(die_with_parent, number) if sys.platform == "linux" else None

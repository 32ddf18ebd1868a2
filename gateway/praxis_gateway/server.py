"""The web server: granian with blocking threads; it stops, and changes workers, without refusing anybody."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.mp import MPServer

from praxis_chassis.machine import collect_rarely
from praxis_chassis.tls import certificates_of
from praxis_gateway.app import DRAIN_FILE
from praxis_gateway.composition import compose
from praxis_gateway.settings import Settings

LONGEST_DRAIN_SECONDS, LONGEST_START_SECONDS = 20, 60
_HEADER_TIMEOUT_MS = 10_000
_DIE_WITH_PARENT = 1
# Columns of /proc/net/tcp.
_LOCAL, _STATE, _INODE, _LISTENING = 1, 3, 9, "0A"


class DrainingServer(MPServer):
    """Granian that says “not ready” before it takes no more connections, and lets an old worker go when a new one does.

    By itself it gives a new worker a few seconds; where starting takes longer, there was nobody to take connections.
    """

    drain_seconds: float = 0.0
    renewing: bool = False

    def shutdown(self, exit_code: int = 0) -> None:
        """Fail readiness, wait until balancers have noticed, then let calls in flight finish."""
        Path(os.environ[DRAIN_FILE]).touch()
        time.sleep(self.drain_seconds)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]  # granian has no types

    def _reload(self, spawn_target: Any, target_loader: Any) -> None:
        self.renewing = True
        try:
            super()._reload(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        finally:
            self.renewing = False

    def _spawn_worker(self, *given: Any, **named: Any) -> Any:
        worker: Any = super()._spawn_worker(*given, **named)
        if self.renewing:
            worker.start = partial(self._start, worker, worker.start)
        return worker

    def _start(self, worker: Any, start: Callable[[], None]) -> None:
        """Start a worker and wait until it takes connections, unless it dies or all shall end."""
        start()
        latest = time.monotonic() + LONGEST_START_SECONDS
        while time.monotonic() < latest and worker.is_alive() and not self.interrupt_signal:
            if listens(worker.inner.pid, self.bind_port):
                return
            time.sleep(0.05)


def listens(process_id: int, port: int) -> bool:
    """Tell whether a process has a socket that listens at a port; without /proc, workers share one that always does."""
    place = Path(f"/proc/{process_id}")
    if not place.exists():
        return True
    try:  # the process may end at any moment, and a machine may know no IPv6
        tables = [table.read_text() for table in (place / "net").glob("tcp*")]
        links = [_target(path) for path in (place / "fd").iterdir()]
    except OSError:
        return False
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    wanted = {
        f"socket:[{row[_INODE]}]"
        for row in rows
        if row[_STATE] == _LISTENING and int(row[_LOCAL].rpartition(":")[2], 16) == port
    }
    return not wanted.isdisjoint(links)


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # closed a moment ago
        return ""


def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    host, port = settings.address
    certificates_of(settings, "gateway")  # refused here, before workers start again and again
    with tempfile.TemporaryDirectory(prefix="praxis-gateway-") as folder:
        os.environ[DRAIN_FILE] = str(Path(folder) / "draining")
        server = DrainingServer(
            "praxis_gateway.server:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            factory=True,
            workers=settings.gateway_workers,
            # As many again: refusals and probes must find a thread when every place is taken.
            blocking_threads=2 * settings.places,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS),
            websockets=False,
            respawn_failed_workers=True,
            workers_kill_timeout=LONGEST_DRAIN_SECONDS,
            log_enabled=False,
        )
        server.drain_seconds = settings.drain_seconds
        server.serve()


def application() -> Any:
    """Return the WSGI application of a worker; channels and pools are made here, after the fork."""
    _die_with_parent()
    from praxis_chassis import logs, telemetry

    settings = Settings.from_environment()
    logs.start_logging("gateway", settings.log_format, settings.log_level)
    telemetry.start("gateway", settings.trace_sample_ratio)
    gateway = compose(settings)
    collect_rarely()
    return gateway.app


def _die_with_parent() -> None:
    """Ask Linux to stop this worker when its parent is gone, so that no orphan keeps the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)

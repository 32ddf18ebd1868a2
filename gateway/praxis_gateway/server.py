"""The web server: granian with blocking threads; it stops only after traffic has been told to go elsewhere."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import time
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

LONGEST_DRAIN_SECONDS = 20
_HEADER_TIMEOUT_MS = 10_000
_DIE_WITH_PARENT = 1


class DrainingServer(MPServer):
    """Granian that answers “not ready” for a while before it stops taking connections."""

    drain_seconds: float = 0.0

    def shutdown(self, exit_code: int = 0) -> None:
        """Fail readiness, wait until balancers have noticed, then let calls in flight finish."""
        Path(os.environ[DRAIN_FILE]).touch()
        time.sleep(self.drain_seconds)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]  # granian has no types


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

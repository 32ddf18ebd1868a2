"""`run --trace`: the viewer comes up with the rest, is told about, gets every trace, and is kept running."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from tests.support.system import started

SECONDS = 60.0


def soon(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.3)
    return False


def process_of(port: str) -> int | None:
    """Return the viewer's process, told by its last argument."""
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"praxis_local.devtrace" in words and port.encode() in words:
            return int(folder.name)
    return None


@pytest.mark.slow
def test_every_call_is_seen_at_an_address_that_was_told() -> None:
    with (
        TemporaryDirectory(prefix="praxis-trace-") as folder,
        started(Path(folder), "--trace", "--only", "patients,gateway", clearing=False) as system,
    ):
        viewer = str(system.state["devtrace"])
        assert f"Traces      {viewer}" in (Path(folder) / "launcher.log").read_text()
        port = viewer.rpartition(":")[2]

        def seen() -> bool:
            answer = httpx.get(f"{system.url}/v1/patients", trust_env=False)
            time.sleep(1)
            found = httpx.get(f"{viewer}/api/traces/{answer.headers['x-trace-id']}", trust_env=False)
            return found.status_code == 200 and found.json()["services"] == ["gateway"]

        assert soon(seen)
        before = process_of(port)
        assert before is not None
        os.kill(before, signal.SIGKILL)
        assert soon(lambda: process_of(port) not in {None, before})
        assert httpx.get(f"{system.url}/readyz", trust_env=False).status_code == 200
    assert process_of(port) is None

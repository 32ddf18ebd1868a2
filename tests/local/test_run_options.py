"""`run` as options change it: a viewer, servers of others, some parts, no demo; and the command line beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from click.testing import Result
from tests.support.system import STOP_SECONDS, System, started
from typer.testing import CliRunner

from praxis_local.cli import app
from praxis_local.launcher import Launcher, Options
from praxis_local.nats import Nats
from praxis_local.postgres import Postgres
from praxis_local.processes import StartFailed, free_port, wait_until

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


def command(system: System, *arguments: str) -> Result:
    """Run the command line in this process, which is quicker than one of its own."""
    return CliRunner().invoke(app, [*arguments, "--home", str(system.home.folder)])


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="praxis-options-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def system(folder: Path) -> Iterator[System]:
    """Two parts with the viewer, on servers that somebody else has started."""
    (folder / "others").mkdir()
    with Postgres(folder / "others", fast=True) as postgres, Nats(folder / "others") as nats:
        others = {"PRAXIS_DATABASE_URL": postgres.admin_url, "PRAXIS_NATS_URL": nats.url}
        options = ("--trace", "--only", "patients,gateway")
        with started(folder, *options, environment=others, clearing=False) as running:
            assert (running.state["admin_url"], running.state["nats_url"]) == tuple(others.values())
            yield running
        assert postgres.ready()
        assert nats.ready()


@pytest.mark.slow
def test_servers_of_others_are_used_and_left_running(system: System, folder: Path) -> None:
    said = (folder / "launcher.log").read_text()
    assert "the server named by PRAXIS_DATABASE_URL" in said
    assert "the server named by PRAXIS_NATS_URL" in said
    assert {"postgres", "nats"}.isdisjoint(path.name for path in system.home.folder.iterdir())
    assert system.rows("identity", "SELECT count(*) FROM alembic_version") == [(2,)]


def test_a_bus_of_others_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRAXIS_NATS_URL", f"nats://127.0.0.1:{free_port()}")
    with pytest.raises(StartFailed, match="PRAXIS_NATS_URL does not answer"):
        Launcher(Options(tmp_path))._bus()


@pytest.mark.slow
def test_the_setup_token_that_is_told_creates_one_practice(system: System, folder: Path) -> None:
    ready = json.loads((folder / "ready.json").read_text())
    assert ready.keys() == {"url", "practices", "setup_token"}
    assert ready["practices"] == []
    token = ready["setup_token"]
    assert f"Setup token {token}" in (folder / "launcher.log").read_text()
    body = {
        "setup_token": token,
        "tenant": {"name": "Elm Court", "kind": "human", "mode": "test"},
        "owner": {"display_name": "Ada", "email": "ada@elm.example", "password": "a long enough password"},
    }
    asked = [httpx.post(f"{system.url}/v1/tenants", json=body, timeout=60, trust_env=False) for _ in range(2)]
    assert [answer.status_code for answer in asked] == [201, 403], [answer.text for answer in asked]


@pytest.mark.slow
def test_every_call_is_seen_at_an_address_that_was_told(system: System, folder: Path) -> None:
    viewer = str(system.state["devtrace"])
    assert f"Traces      {viewer}" in (folder / "launcher.log").read_text()
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


@pytest.mark.slow
def test_the_command_line_shows_what_runs(system: System) -> None:
    shown = command(system, "status").output
    assert system.url in shown
    assert {line.split()[0] for line in shown.splitlines() if "✓" in line} == system.state["probes"].keys()
    assert "patients" in system.state["probes"]
    listed = command(system, "logs", "patients", "gateway", "--lines", "2").output.splitlines()
    assert {line.partition("|")[0].strip() for line in listed} == {"patients", "gateway"}
    assert not any("{" in line for line in listed)
    assert "no log of nobody" in command(system, "logs", "nobody").output
    assert isinstance(command(system, "reset", "--yes").exception, StartFailed)
    whole = [sys.executable, "-m", "praxis_local", "psql", "patients", "--home", str(system.home.folder)]
    query = ["--", "-Atc", "SELECT current_database(), count(*) FROM alembic_version"]
    assert subprocess.run([*whole, *query], capture_output=True, text=True, check=True).stdout == "patients|2\n"


@pytest.mark.slow
def test_the_viewer_ends_with_the_rest_and_a_reset_deletes_it(system: System) -> None:
    """Ends the installation that the other tests of this file use, so it comes last."""
    os.kill(system.state["pid"], signal.SIGINT)
    assert wait_until(lambda: system.home.running() is None, STOP_SECONDS)
    assert process_of(system.state["devtrace"].rpartition(":")[2]) is None
    assert isinstance(command(system, "status").exception, StartFailed)
    assert command(system, "reset", "--yes").exit_code == 0
    assert not system.home.folder.exists()
    assert isinstance(command(system, "reset", "--yes").exception, StartFailed)

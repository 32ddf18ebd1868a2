"""`run` as the README tells people to: three practices that can be used at once, and again after a restart."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psycopg
import pytest
from tests.support.api import Api
from tests.support.system import STOP_SECONDS, System, started

from praxis_local.api_client import ApiClient, ApiProblem
from praxis_local.demo.directory import set_up_directory
from praxis_local.demo.load import SEED
from praxis_local.demo.practices import PRACTICES
from praxis_local.demo.register import register_patients
from praxis_local.postgres import Postgres
from praxis_local.processes import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROLES = {"owner", "front_desk", "biller", "provider"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="praxis-demo-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[System]:
    """A first start with the demo, on a port that somebody else has."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        taken = other.getsockname()[1]
        with started(folder, demo=True, clearing=False, port=taken) as system:
            said = (folder / "launcher.log").read_text()
            assert f"{taken} is taken" in said
            assert system.url != f"http://127.0.0.1:{taken}"
            yield system


def told(folder: Path) -> dict[str, Any]:
    """Return what the ready file tells scripts."""
    return dict(json.loads((folder / "ready.json").read_text()))


def agrees(reply: dict[str, Any]) -> bool:
    """Tell whether every report equals the ledger; the last events of the demo may still be under way."""
    return bool(reply["checks"]) and all(each["passed"] for each in reply["checks"])


def command(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line beside the installation, or on it when it is stopped."""
    whole = [sys.executable, "-m", "praxis_local", *arguments, "--home", str(system.home.folder)]
    return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=120)


def test_the_ready_file_opens_every_practice_to_scripts(demo: System, folder: Path) -> None:
    ready = told(folder)
    assert ready.keys() == {"url", "practices"}
    assert ready["url"] == demo.url
    assert {each["kind"] for each in ready["practices"]} == {"human", "animal", "mixed"}
    for practice in ready["practices"]:
        assert practice.keys() == {"name", "kind", "api_key", "users"}
        assert {user["role"] for user in practice["users"]} >= ROLES
        with closing(Api(demo.url, practice["api_key"])) as api:
            assert api.get("/v1/patients", page_size=1)["patients"]
            assert api.get("/v1/claims", page_size=1)["claims"] or practice["kind"] == "animal"
            api.until("/v1/reports/reconciliation", agrees)
        for user in practice["users"]:
            login = {"email": user["email"], "password": user["password"]}
            assert httpx.post(f"{demo.url}/v1/sessions", json=login, timeout=60).status_code == 201, user["role"]


def test_the_box_tells_people_the_same(demo: System, folder: Path) -> None:
    said = (folder / "launcher.log").read_text()
    for practice in told(folder)["practices"]:
        assert practice["api_key"] in said
        assert all(user["password"] in said for user in practice["users"])
    assert f"{demo.url}/docs" in said


def test_the_doctor_finds_a_healthy_installation_and_names_what_is_not(demo: System, folder: Path) -> None:
    well = command(demo, "doctor", "--json")
    findings = json.loads(well.stdout)
    assert well.returncode == 0, [each for each in findings if each["state"] == "wrong"]
    subjects = {each["subject"] for each in findings}
    assert subjects >= {"Python", "disk", "PostgreSQL", "NATS", "certificates", "patients", "gateway", "claims events"}
    exposed = demo.home.demo_file
    exposed.chmod(0o644)
    ill = command(demo, "doctor")
    assert ill.returncode == 1
    assert f"others can read {exposed.name}" in ill.stdout
    assert command(demo, "doctor", "--fix").returncode == 0
    assert exposed.stat().st_mode & 0o077 == 0
    bundle = folder / "support.zip"
    assert command(demo, "doctor", "--bundle", str(bundle)).returncode == 0
    assert b"password" not in bundle.read_bytes()


def test_the_same_seed_gives_the_same_data(demo: System, folder: Path) -> None:
    """Every write that is sent again is answered by what it made before, and another body would be refused."""
    spec = next(each for each in PRACTICES if each.kind == "animal")
    anchor = date.fromisoformat(json.loads(demo.home.demo_file.read_text())["anchor"])
    key = next(each["api_key"] for each in told(folder)["practices"] if each["kind"] == "animal")
    with closing(ApiClient(demo.url, key, series=f"demo-{spec.key}-{anchor}")) as api:

        def filled(seed: int) -> list[str]:
            random = Random(f"{seed}-{spec.key}")
            return [each.id for each in register_patients(api, spec, practice, random, anchor)]

        practice = set_up_directory(api, spec, anchor)
        made = filled(SEED)
        assert sorted(made) == sorted(each["id"] for each in api.every("/v1/patients", "patients"))
        with pytest.raises(ApiProblem, match="IDEMPOTENCY_KEY_REUSED"):
            filled(SEED + 1)


def test_a_second_start_finds_everything_there(demo: System, folder: Path) -> None:
    """Ends the installation that the other tests of this file use, so it comes last."""
    before = told(folder)["practices"]
    with closing(Api(demo.url, before[0]["api_key"])) as api:
        known = len(list(api.every("/v1/patients", "patients")))
    os.kill(demo.state["pid"], signal.SIGINT)
    assert wait_until(lambda: demo.home.running() is None, STOP_SECONDS)
    (folder / "ready.json").unlink()
    with Postgres(demo.home.folder) as server, psycopg.connect(server.admin_url, autocommit=True) as admin:
        admin.execute("COMMENT ON DATABASE claims IS NULL")
    assert "Migrated claims." in command(demo, "migrate").stdout
    with started(folder, demo=True, clearing=False) as again:
        said = (folder / "launcher.log").read_text()
        assert "there since the first start" in said
        assert "already at this level" in said
        assert told(folder)["practices"] == before
        with closing(Api(again.url, before[0]["api_key"])) as api:
            assert len(list(api.every("/v1/patients", "patients"))) == known

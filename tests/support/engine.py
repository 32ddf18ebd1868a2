"""The container engine of this machine: whether it answers, and what earlier test runs left on it."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

LABEL = "org.praxis.test"
# Leftovers are known by their label, so the helper container that testcontainers would pull is not needed.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")


@cache
def missing() -> str:
    """Return why containers cannot be used here; empty when they can."""
    try:
        done = docker("version", "--format", "{{.Server.Version}}", check=False)
    except OSError:
        return "no docker command is on the path"
    return (
        ""
        if done.returncode == 0
        else f"no container engine answers: {(done.stderr.strip() or 'it says nothing').splitlines()[-1]}"
    )


def needed() -> None:
    """Skip aloud when containers cannot be used here, or fail where `PRAXIS_REQUIRE_CONTAINERS=1` forbids a skip."""
    if reason := missing():
        if os.environ.get("PRAXIS_REQUIRE_CONTAINERS") == "1":
            pytest.fail(f"PRAXIS_REQUIRE_CONTAINERS=1, but {reason}", pytrace=False)
        pytest.skip(reason)


def docker(*arguments: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run one command of the engine; its output is the answer."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done


def labels() -> dict[str, str]:
    """Return the label of this process' containers."""
    return {LABEL: str(os.getpid())}


def remove_leftovers() -> None:
    """Remove containers of test processes that are gone."""
    listed = docker("ps", "--all", "--filter", f"label={LABEL}", "--format", "{{json .}}").stdout.splitlines()
    for line in listed:
        found = json.loads(line)
        marks = dict(item.split("=", 1) for item in found["Labels"].split(",") if "=" in item)
        if not Path("/proc", marks[LABEL]).exists():
            docker("rm", "--force", "--volumes", found["ID"])

"""`dev.py lint`: every check that needs no running system, one line each, failures in full."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from praxis_local.home import Home
from praxis_local.lint.house import HOUSE_RULES
from praxis_local.migrate import migrate
from praxis_local.postgres import Postgres
from praxis_local.processes import StartFailed, launch
from praxis_local.provision import DATABASES, provision
from praxis_local.topology import CHECKOUT, GATEWAY, SERVICES, Ports, Topology

TOOLS = Path(sys.executable).parent
DESCRIPTORS = CHECKOUT / "protos" / "build" / "generated" / "praxis" / "descriptors.binpb"
RELEASED = CHECKOUT / "protos" / "released.binpb"
CHANGES = CHECKOUT / "CHANGELOG.md"
GOLDEN = CHECKOUT / "tests" / "contracts" / "openapi.json"
PACKAGES = ("praxis_chassis", *(f"praxis_{name}" for name in SERVICES), "praxis_gateway", "praxis_local")
Check = Callable[[], list[str]]


def main(chosen: list[str]) -> int:
    """Run the checks that were named, or all; the exit code is the number that failed."""
    checks = all_checks()
    if unknown := sorted(set(chosen) - set(checks)):
        sys.exit(f"There is no check {', '.join(unknown)}; the checks are {', '.join(checks)}.")
    failed = 0
    for name in chosen or checks:
        began = time.monotonic()
        found = checks[name]()
        print(f"{'✗' if found else '✓'} {name:<16} {time.monotonic() - began:6.1f} s", flush=True)
        for line in found:
            print(f"  {line}", flush=True)
        failed += bool(found)
    return failed


def all_checks() -> dict[str, Check]:
    return {
        "ruff": partial(tool, "ruff", "check", "."),
        "format": partial(tool, "ruff", "format", "--check", "."),
        **{name: partial(_listed, rule) for name, rule in HOUSE_RULES.items()},
        "imports": partial(tool, "lint-imports"),
        "types": types,
        "dockerfile": partial(tool, "hadolint", "deploy/images/Dockerfile"),
        "buf lint": partial(tool, "buf", "lint", str(DESCRIPTORS), "--config", "protos/buf.yaml"),
        "buf breaking": breaking,
        "openapi": openapi,
        "migrations": migrations,
    }


def tool(name: str, *arguments: str) -> list[str]:
    """Run a tool of the environment; what it printed is the finding when it fails."""
    done = subprocess.run([TOOLS / name, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines() or [f"exit code {done.returncode}"] if done.returncode else []


def types() -> list[str]:
    return tool("mypy", *(part for package in PACKAGES for part in ("-p", package))) + tool("mypy", "dev.py")


def breaking() -> list[str]:
    """Compare the contracts with those of the last release; before 0.1.0 differences are only told."""
    if not RELEASED.exists():
        return []
    found = tool(
        "buf", "breaking", str(DESCRIPTORS), "--against", str(RELEASED), "--config", "protos/buf.yaml",
    )  # fmt: skip
    if found and not released_once():
        print(f"  {len(found)} changes since released.binpb; told, not refused, before 0.1.0")
        return []
    return found


def released_once() -> bool:
    """Tell whether the change log names a release."""
    lines = CHANGES.read_text(encoding="utf-8").splitlines()
    return any(line.startswith("## [") and not line.startswith("## [Unreleased]") for line in lines)


def openapi() -> list[str]:
    """Compare the description of the API with the golden one."""
    done = subprocess.run([sys.executable, "-m", "praxis_gateway", "openapi"], capture_output=True, check=False)
    if done.returncode:
        return done.stderr.decode(errors="replace").splitlines()
    if done.stdout == GOLDEN.read_bytes():
        return []
    renew = "python -m praxis_gateway openapi > tests/contracts/openapi.json"
    return [f"the API differs from {GOLDEN.relative_to(CHECKOUT)}. If that is meant: {renew}"]


def migrations() -> list[str]:
    """Migrate a fresh database of every service and compare it with the models."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.open()
        try:
            with Postgres(home.folder, fast=True) as server:
                databases = provision(server.admin_url, DATABASES, home.passwords)
                topology = Topology(home, Ports.choose(8080), databases, "nats://127.0.0.1:4222")
                migrate(topology, server.admin_url, (*SERVICES, GATEWAY))
                return [line for name in (*SERVICES, GATEWAY) for line in _differences(topology, name)]
        except StartFailed as failure:
            return str(failure).splitlines()
        finally:
            home.close()


def _differences(topology: Topology, name: str) -> list[str]:
    process = launch(topology.command(name, "check"), subprocess.PIPE)
    output, _ = process.communicate()
    return [f"{name}: {line}" for line in output.decode(errors="replace").splitlines()] if process.returncode else []


def _listed(rule: Callable[[], Iterator[str]]) -> list[str]:
    return list(rule())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

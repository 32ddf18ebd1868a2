"""Bring the databases to the level of this checkout, in parallel, and only when something changed."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from praxis_local.processes import StartFailed, launch
from praxis_local.topology import CHECKOUT, GATEWAY, Topology

TOLD_LINES = 20
CHASSIS = CHECKOUT / "services" / "chassis" / "praxis_chassis"


def migrate(topology: Topology, admin_url: str, names: Iterable[str]) -> list[str]:
    """Migrate every named service whose database is not at this level, and return their names."""
    levels = {name: level(name) for name in names}
    with psycopg.connect(admin_url, autocommit=True) as admin:
        query = "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database"
        noted = {row[0]: row[1] for row in admin.execute(query)}
        behind = [name for name, wanted in levels.items() if noted.get(database(name)) != wanted]
        _run_together(topology, behind)
        for name in behind:
            admin.execute(SQL("COMMENT ON DATABASE {} IS {}").format(Identifier(database(name)), Literal(levels[name])))
    return behind


def level(name: str) -> str:
    """Return a digest of everything that decides a database's shape; it is noted on the database itself."""
    package = CHECKOUT / (GATEWAY if name == GATEWAY else f"services/{name}") / f"praxis_{name}"
    owner = package / "identity" if name == GATEWAY else package
    sources: list[Path] = [CHASSIS / "migrations.py", CHASSIS / "tables.py"]
    for folder in ("migrations", "store"):
        sources += sorted((owner / folder).rglob("*.py"))
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return f"praxis:{digest.hexdigest()[:32]}"


def database(name: str) -> str:
    return "identity" if name == GATEWAY else name


def _run_together(topology: Topology, names: list[str]) -> None:
    running = {name: launch(topology.command(name, "migrate"), subprocess.PIPE) for name in names}
    told = {name: process.communicate()[0].decode(errors="replace") for name, process in running.items()}
    codes = {name: code for name, process in running.items() if (code := process.wait())}
    reasons = {
        name: told[name].strip().splitlines()[-TOLD_LINES:] or [f"It ended with {codes[name]}."] for name in codes
    }
    if reasons:
        parts = (f"{name} could not be migrated:\n" + "\n".join(lines) for name, lines in reasons.items())
        raise StartFailed("\n".join(parts))

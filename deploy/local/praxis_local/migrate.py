"""Bring the databases to the level of this checkout, in parallel, and only when something changed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from praxis_local.processes import Program, StartFailed, launch
from praxis_local.topology import CHECKOUT, GATEWAY, Topology

# Where `migrating` finds the settings of each service that it is to migrate, by its name.
GIVEN = "PRAXIS_MIGRATIONS"
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
    if not names:
        return
    given = json.dumps({name: topology.environment(name) for name in names})
    command = [sys.executable, "-m", "praxis_local.migrating"]
    process = launch(Program(name="migrate", arguments=command, environment={GIVEN: given}), subprocess.PIPE)
    lines = process.communicate()[0].decode(errors="replace").splitlines()
    if process.returncode or not lines:
        raise StartFailed("The databases could not be migrated:\n" + "\n".join(lines[-20:]))
    failures = json.loads(lines[-1])
    if failures:
        raise StartFailed("\n".join(f"{name} could not be migrated:\n{text}" for name, text in failures.items()))

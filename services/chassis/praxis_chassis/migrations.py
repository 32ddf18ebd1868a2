"""Bring a service's database to its newest shape: Alembic, then row-level security and grants for every table.

Alembic is loaded by what needs it: a process that serves only compares levels, and would start a tenth later.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, text
from sqlalchemy.exc import OperationalError

from praxis_chassis import merging
from praxis_chassis.database import driver_url
from praxis_chassis.tables import METADATA

if TYPE_CHECKING:
    from alembic.config import Config

TENANT = "nullif(current_setting('app.tenant', true), '')::uuid"
ENVIRONMENT = Path(__file__).parent / "alembic"
OWN = ENVIRONMENT / "versions"
PATIENCE_SECONDS = 60.0
IN_THE_WAY = (DeadlockDetected, LockNotAvailable)
# How each migration says which revision it makes, and which it follows.
MADE = re.compile(r"""^revision\b.*= ["'](.+)["']$""", re.MULTILINE)
FOLLOWED = re.compile(r"""^down_revision\b.*= ["'](.+)["']$""", re.MULTILINE)
# What was done to the tables beside Alembic is noted as a digest, with the level that it was done at.
DONE = "SELECT obj_description('alembic_version'::regclass, 'pg_class')"

# What the app role may do with the chassis' tables; everything else of a service it may select, insert, update, delete.
APP_GRANTS = {
    "events": "SELECT, INSERT, UPDATE (payload, erased)",
    "audit": "SELECT, INSERT",
    "epochs": "SELECT",
    "tenant_sequences": "SELECT",
}
# The relay sees these tables of all tenants.
RELAY_GRANTS = {
    "events": "SELECT, UPDATE (published_at, stream_seq, tenant_sequence, blanked_at)",
    "tenant_sequences": "SELECT, INSERT, UPDATE",
    "subject_keys": "SELECT",
    "tenants": "SELECT",
    "audit": "SELECT, UPDATE (sequence, previous_hash, hash)",
}


def configuration(scripts: Path, url: str, metadata: MetaData) -> Config:
    """Return Alembic's configuration for one service."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ENVIRONMENT))
    config.set_main_option("version_locations", f"{OWN}\n{scripts}")
    config.set_main_option("path_separator", "newline")
    config.set_main_option("sqlalchemy.url", driver_url(url).replace("%", "%%"))
    config.attributes["metadata"] = [METADATA, metadata]
    return config


def upgrade(scripts: Path, url: str, metadata: MetaData, role: str) -> None:
    """Apply all migrations, then make sure that every table is guarded; safe to repeat and to race."""
    from alembic import command

    engine = create_engine(driver_url(url))
    try:
        with engine.connect() as guard:
            guard.execute(text("SELECT pg_advisory_lock(7261001)"))
            _patiently(lambda: command.upgrade(configuration(scripts, url, metadata), "heads"))
            guard.commit()
            _keep(engine, [*_guarding(metadata, role), *merging.triggers(metadata.sorted_tables)])
    finally:
        engine.dispose()  # which gives the lock back, as it belongs to the connection


def _patiently(step: Callable[[], object]) -> None:
    """Take a step that needs tables which calls are using, again and again for a minute when they stand in its way."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            step()
            return
        except OperationalError as failure:
            if not isinstance(failure.orig, IN_THE_WAY) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@cache
def heads(scripts: Path) -> frozenset[str]:
    """Return the newest revisions that this code knows, the chassis' and the service's: those that none follows."""
    source = "\n".join(path.read_text(encoding="utf-8") for folder in (OWN, scripts) for path in folder.glob("*.py"))
    return frozenset(MADE.findall(source)) - frozenset(FOLLOWED.findall(source))


def current(connection: Connection) -> set[str]:
    """Return the revisions that a database is at; none when it is empty."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return set()
    return set(connection.scalars(text("SELECT version_num FROM alembic_version")))


def differences(connection: Connection, metadata: MetaData) -> list[Any]:
    """Return what the models declare and the database lacks, or the other way round."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _ours})
    return list(compare_metadata(context, [METADATA, metadata]))  # type: ignore[arg-type]


def _ours(_object: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    return not (kind == "table" and reflected and name == "alembic_version")


def _guarding(metadata: MetaData, role: str) -> list[list[str]]:
    """Return what forces row-level security on every tenant table and grants each role what it needs, no more."""
    rest = [
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}_app",
        f"GRANT SELECT ON alembic_version TO {role}_app, {role}_relay",
    ]
    return [*(_guards(table, role) for table in (*METADATA.tables.values(), *metadata.tables.values())), rest]


def _keep(engine: Engine, wanted: list[list[str]]) -> None:
    """Make tables what each list of statements says, a list at a time, unless all of it was done at this level.

    It happens while replicas serve: whoever waits for a table while holding others deadlocks with calls.
    """
    with engine.connect() as connection:
        state = hashlib.sha256(repr((wanted, sorted(current(connection)))).encode()).hexdigest()
        if connection.scalar(text(DONE)) == state:
            return
    for statements in wanted:
        _patiently(partial(_execute, engine, statements))
    _execute(engine, [f"COMMENT ON TABLE alembic_version IS '{state}'"])


def _execute(engine: Engine, statements: Iterable[str]) -> None:
    with engine.begin() as connection:
        # Calls queue behind a lock that waits, so it waits no longer than they can bear.
        connection.execute(text("SET LOCAL lock_timeout = '1s'"))
        for statement in statements:
            connection.execute(text(statement))


def _guards(table: Table, role: str) -> list[str]:
    if not re.fullmatch(r"[a-z_0-9]+", table.name):
        raise ValueError(table.name)
    policies = [] if table.info.get("global") else _policies(table.name, f"{role}_app", f"{role}_relay")
    return policies + _grants(table, f"{role}_app", f"{role}_relay")


def _policies(name: str, app: str, relay: str) -> list[str]:
    statements = [
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS tenant ON {name}",
        f"CREATE POLICY tenant ON {name} TO {app} USING (tenant_id = {TENANT}) WITH CHECK (tenant_id = {TENANT})",
        f"DROP POLICY IF EXISTS relay ON {name}",
    ]
    if name in RELAY_GRANTS:
        statements.append(f"CREATE POLICY relay ON {name} TO {relay} USING (true) WITH CHECK (true)")
    return statements


def _grants(table: Table, app: str, relay: str) -> list[str]:
    name = table.name
    default = "SELECT" if table.info.get("read_only") else "SELECT, INSERT, UPDATE, DELETE"
    rights = table.info.get("grants") or APP_GRANTS.get(name, default)
    statements = [f"REVOKE ALL ON {name} FROM {app}, {relay}", f"GRANT {rights} ON {name} TO {app}"]
    if name in RELAY_GRANTS:
        statements.append(f"GRANT {RELAY_GRANTS[name]} ON {name} TO {relay}")
    return statements

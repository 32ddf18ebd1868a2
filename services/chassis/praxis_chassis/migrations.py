"""Bring a service's database to its newest shape: Alembic, then row-level security and grants for every table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, create_engine, text

from praxis_chassis import merging
from praxis_chassis.database import driver_url
from praxis_chassis.tables import METADATA

TENANT = "nullif(current_setting('app.tenant', true), '')::uuid"
ENVIRONMENT = Path(__file__).parent / "alembic"
OWN = ENVIRONMENT / "versions"

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
    config = Config()
    config.set_main_option("script_location", str(ENVIRONMENT))
    config.set_main_option("version_locations", f"{OWN}\n{scripts}")
    config.set_main_option("path_separator", "newline")
    config.set_main_option("sqlalchemy.url", driver_url(url).replace("%", "%%"))
    config.attributes["metadata"] = [METADATA, metadata]
    return config


def upgrade(scripts: Path, url: str, metadata: MetaData, role: str) -> None:
    """Apply all migrations, then make sure that every table is guarded; safe to repeat and to race."""
    engine = create_engine(driver_url(url))
    with engine.connect() as guard:
        guard.execute(text("SELECT pg_advisory_lock(7261001)"))
        command.upgrade(configuration(scripts, url, metadata), "heads")
        guard.commit()
        with engine.begin() as connection:
            secure(connection, [*METADATA.tables.values(), *metadata.tables.values()], role)
            merging.install(connection, metadata.sorted_tables)
    engine.dispose()


def heads(scripts: Path) -> set[str]:
    """Return the newest revisions that this code knows: the chassis' and the service's."""
    return set(ScriptDirectory(str(ENVIRONMENT), version_locations=[str(OWN), str(scripts)]).get_heads())


def current(connection: Connection) -> set[str]:
    """Return the revisions that a database is at; none when it is empty."""
    return set(MigrationContext.configure(connection).get_current_heads())


def differences(connection: Connection, metadata: MetaData) -> list[Any]:
    """Return what the models declare and the database lacks, or the other way round."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _ours})
    return list(compare_metadata(context, [METADATA, metadata]))  # type: ignore[arg-type]


def _ours(_object: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    return not (kind == "table" and reflected and name == "alembic_version")


def secure(connection: Connection, tables: Iterable[Table], role: str) -> None:
    """Force row-level security on every tenant table and grant each role what it needs, no more."""
    app, relay = f"{role}_app", f"{role}_relay"
    for table in tables:
        if not re.fullmatch(r"[a-z_0-9]+", table.name):
            raise ValueError(table.name)
        if not table.info.get("global"):
            _force_policies(connection, table.name, app, relay)
        _grant(connection, table, app, relay)
    connection.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {app}"))
    connection.execute(text(f"GRANT SELECT ON alembic_version TO {app}, {relay}"))


def _force_policies(connection: Connection, name: str, app: str, relay: str) -> None:
    statements = [
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS tenant ON {name}",
        f"CREATE POLICY tenant ON {name} TO {app} USING (tenant_id = {TENANT}) WITH CHECK (tenant_id = {TENANT})",
        f"DROP POLICY IF EXISTS relay ON {name}",
    ]
    if name in RELAY_GRANTS:
        statements.append(f"CREATE POLICY relay ON {name} TO {relay} USING (true) WITH CHECK (true)")
    for statement in statements:
        connection.execute(text(statement))


def _grant(connection: Connection, table: Table, app: str, relay: str) -> None:
    name = table.name
    default = "SELECT" if table.info.get("read_only") else "SELECT, INSERT, UPDATE, DELETE"
    rights = table.info.get("grants") or APP_GRANTS.get(name, default)
    connection.execute(text(f"REVOKE ALL ON {name} FROM {app}, {relay}"))
    connection.execute(text(f"GRANT {rights} ON {name} TO {app}"))
    if name in RELAY_GRANTS:
        connection.execute(text(f"GRANT {RELAY_GRANTS[name]} ON {name} TO {relay}"))

"""The command line of every service: serve, work, migrate and what operators need now and then."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine, insert, select
from sqlalchemy import types as sqltypes
from sqlalchemy.exc import DBAPIError

from praxis_chassis import audit, epochs, inbox, logs, migrations, tables, telemetry
from praxis_chassis.boundary import Boundary, PolicyMissing
from praxis_chassis.context import system_context
from praxis_chassis.database import driver_url
from praxis_chassis.machine import collect_rarely
from praxis_chassis.rebuild import catch_up, rebuild
from praxis_chassis.restored import restored
from praxis_chassis.server import Probes, Server, readiness
from praxis_chassis.service import Runtime, Service
from praxis_chassis.settings import SettingsError

log = logging.getLogger(__name__)


def main(service: Service, arguments: list[str] | None = None) -> None:
    """Run one command of a service and exit with its code."""
    parser = argparse.ArgumentParser(prog=f"praxis_{service.name}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text_ in COMMANDS.items():
        sub = commands.add_parser(name, help=text_)
        if name == "revision":
            sub.add_argument("message")
            sub.add_argument("--id", default=None)
        if name in {"replay", "audit-verify"}:
            sub.add_argument("tenant", type=UUID)
        if name == "restored":
            sub.add_argument("--erased", type=Path, default=None)
        if name == "divergences":
            sub.add_argument("--settle", action="store_true")
    given = parser.parse_args(arguments)
    try:
        settings = service.settings.from_environment()
        logs.start_logging(service.name, settings.log_format, settings.log_level)
        telemetry.start(service.name, settings.trace_sample_ratio)
        sys.exit(_run(Runtime(service, settings, verbose=settings.log_level == "DEBUG"), given))
    except (SettingsError, PolicyMissing, MigrationRefused) as failure:
        sys.exit(f"{service.name}: {failure}")


COMMANDS = {
    "serve": "answer calls",
    "work": "publish and apply events, and run jobs",
    "all": "both, in one process",
    "migrate": "bring the database to its newest shape",
    "check": "compare the models with the database",
    "settings": "print the settings in force",
    "revision": "write a migration from the difference between models and database",
    "replay": "apply the dead letters of a tenant",
    "rebuild": "rebuild the projections from the owners' event logs",
    "catch-up": "apply what the owners' event logs hold and never arrived here",
    "audit-verify": "check the audit chain of a tenant",
    "restored": "after a restore and before the start: raise the epoch, and erase again who was erased since",
    "divergences": "list what a restored service does not know of what was applied here",
}


def _run(runtime: Runtime, given: argparse.Namespace) -> int:
    name = given.command
    if name in {"serve", "work", "all"}:
        return run_process(runtime, serve=name != "work", work=name != "serve")
    if name == "migrate":
        migrate(runtime)
    elif name == "check":
        return check(runtime)
    elif name == "settings":
        print(json.dumps(shown(asdict(runtime.settings)), indent=2))  # noqa: T201 - the command's answer
    elif name == "revision":
        revise(runtime, given.message, given.id)
    else:
        return _operate(runtime, given)
    return 0


def _operate(runtime: Runtime, given: argparse.Namespace) -> int:
    """Run a command that operators need now and then."""
    name = given.command
    if name == "audit-verify":
        return _verify_audit(runtime, given.tenant)
    if name == "divergences":
        return _show_divergences(runtime, settle=given.settle)
    if name == "replay":
        applied = inbox.replay(runtime, runtime.service.reaction_table, given.tenant)
        answer = f"{applied} events applied"
    elif name == "rebuild":
        answer = f"{rebuild(runtime)} events applied"
    elif name == "catch-up":
        answer = f"{catch_up(runtime)} events applied"
    else:
        epoch, again = restored(runtime, given.erased)
        answer = f"epoch {epoch}, {again} erased again"
    print(answer)  # noqa: T201 - the command's answer
    return 0


def shown(values: dict[str, Any]) -> dict[str, Any]:
    """Hide what a setting must not show: addresses of servers carry passwords."""
    return {name: "(set)" if value and name.endswith("_url") else value for name, value in values.items()}


def run_process(runtime: Runtime, *, serve: bool, work: bool) -> int:
    """Serve or work until a signal asks to stop; then drain."""
    # A signal may interrupt the very wait for it: an Event would then wait for its own lock, a SimpleQueue does not.
    asked: SimpleQueue[int] = SimpleQueue()
    draining = False

    def ask(number: int, _frame: FrameType | None) -> None:
        nonlocal draining
        draining = True
        asked.put(number)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    server = Server(runtime) if serve else None
    worker = _worker(runtime) if work else None
    collect_rarely()
    probes = Probes(runtime.settings.probe_listen, lambda: {"state": "draining"} if draining else readiness(runtime))
    probes.start()
    if server:
        server.start()
    if worker:
        worker.start()
    asked.get()
    if server:
        server.drain()
    if worker:
        worker.stop()
    probes.stop()
    runtime.close()
    return 0


def _worker(runtime: Runtime) -> Any:
    from praxis_chassis.messaging import Worker

    return Worker(runtime)


class MigrationRefused(Exception):
    """The database refused a migration; the message says why, without the values of any row."""


def migrate(runtime: Runtime) -> None:
    """Bring the database to its newest shape as the owner."""
    service, url = runtime.service, runtime.settings.database_owner_url
    Boundary(runtime)
    try:
        migrations.upgrade(service.migrations, url, service.metadata, service.name)
    except DBAPIError as failure:
        raise MigrationRefused(f"the database refused a migration: {_reason(failure.orig)}") from failure
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        if connection.execute(select(tables.epochs.c.epoch)).first() is None:
            connection.execute(insert(tables.epochs).values(only=1, epoch=1))
    engine.dispose()


def _reason(refusal: BaseException | None) -> str:
    """Return what PostgreSQL says; of data (SQLSTATE 22 and 23) only the place, because the words name values."""
    state, diagnosis = getattr(refusal, "sqlstate", None) or "", getattr(refusal, "diag", None)
    words = next(iter(str(refusal).splitlines()), "")
    if state[:2] in {"22", "23"}:
        places = (getattr(diagnosis, name, None) for name in ("table_name", "column_name", "constraint_name"))
        words = " ".join(filter(None, places))
    return f"{words} ({type(refusal).__name__} {state})".strip()


def check(runtime: Runtime) -> int:
    """Print what the models declare and the database lacks; the exit code is 1 when there is anything."""
    engine = create_engine(driver_url(runtime.settings.database_owner_url))
    with engine.connect() as connection:
        found = migrations.differences(connection, runtime.service.metadata)
    engine.dispose()
    for item in found:
        print(item)  # noqa: T201 - the command's answer
    return 1 if found else 0


def revise(runtime: Runtime, message: str, identifier: str | None) -> None:
    """Write a migration; custom types become the column types that they are stored as."""
    from alembic import command

    service, url = runtime.service, runtime.settings.database_owner_url
    config = migrations.configuration(service.migrations, url, service.metadata)
    config.attributes["render_item"] = _rendered
    command.upgrade(config, "heads")
    command.revision(
        config,
        message=message,
        rev_id=identifier,
        autogenerate=True,
        head="base" if not list(service.migrations.glob("*.py")) else f"{service.name}@head",
        branch_label=None if list(service.migrations.glob("*.py")) else service.name,
        version_path=str(service.migrations),
    )


def _rendered(kind: str, item: Any, context: Any) -> Any:
    if kind == "type" and isinstance(item, sqltypes.TypeDecorator):
        from sqlalchemy.dialects.postgresql import JSONB

        if isinstance(item.impl_instance, JSONB):
            context.imports.add("from sqlalchemy.dialects import postgresql")
            return "postgresql.JSONB()"
        return f"sa.{item.impl_instance!r}"
    return False


def _show_divergences(runtime: Runtime, *, settle: bool) -> int:
    lines = list(epochs.divergences(runtime, settle=settle))
    for line in lines:
        print(line)  # noqa: T201 - the command's answer
    return 1 if lines and not settle else 0


def _verify_audit(runtime: Runtime, tenant: UUID) -> int:
    with runtime.database.transaction(system_context(runtime, tenant, "audit-verify")) as session:
        faults = audit.verify(session)
    for fault in faults:
        print(fault)  # noqa: T201 - the command's answer
    return 1 if faults else 0

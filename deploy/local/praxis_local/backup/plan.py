"""What an installation has decided about its backups: where they go, and the keys that seal and open them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import psycopg

from praxis_local.backup.sealed import make_backup_key
from praxis_local.backup.store import Store
from praxis_local.home import Home, write_private
from praxis_local.postgres import Postgres
from praxis_local.processes import StartFailed

ARCHIVE_SECONDS = 60


@dataclass(frozen=True)
class Plan:
    """An installation and its folder of backups."""

    home: Home
    store: Store

    @property
    def public_key(self) -> Path:
        return self.home.secrets / "backup-public.pem"

    @property
    def private_key(self) -> Path:
        return self.home.secrets / "backup-key.pem"

    @property
    def spool(self) -> Path:
        return Postgres(self.home.folder).spool

    def open_spool(self) -> None:
        """Make the folder for finished segments; from now on the server leaves them there."""
        server = Postgres(self.home.folder)
        server.spool.mkdir(exist_ok=True)
        server.own(server.spool, 0o700)


def plan_of(home: Home) -> Plan | None:
    """Return the plan of an installation, or None when it has none."""
    path = home.folder / "backup.json"
    if not path.exists():
        return None
    content = json.loads(path.read_text())
    return Plan(home, Store(Path(content["folder"]), Path(content["keys"])))


def needed_plan(home: Home) -> Plan:
    plan = plan_of(home)
    if plan is None:
        raise StartFailed(
            f"{home.folder} has no backups yet. Name a folder, best on another disk: backup run --to FOLDER"
        )
    return plan


def decide(home: Home, folder: Path, keys: Path | None) -> Plan:
    """Make the folder, the backup key and the spool, and remember the folder for the next time."""
    plan = Plan(home, Store(folder, keys))
    _refuse_foreign(plan)
    plan.store.prepare()
    make_backup_key(plan.private_key, plan.public_key)
    owner = plan.store.folder / "installation.json"
    write_private(owner, {"home": str(home.folder)})
    if (Postgres(home.folder).data / "PG_VERSION").exists():
        plan.open_spool()
    write_private(home.folder / "backup.json", {"folder": str(plan.store.folder), "keys": str(plan.store.keys)})
    return plan


def _refuse_foreign(plan: Plan) -> None:
    """Two installations in one folder would write segments over each other's."""
    owner = plan.store.folder / "installation.json"
    if owner.exists() and json.loads(owner.read_text())["home"] != str(plan.home.folder):
        raise StartFailed(f"{plan.store.folder} holds the backups of another installation. Choose another folder.")
    if plan.home.folder in (plan.store.folder, *plan.store.folder.parents):
        raise StartFailed(f"{plan.store.folder} lies inside the installation and would be lost with it.")


def switch_often(admin_url: str) -> None:
    """Let the server finish a segment at least once a minute while something is written."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"ALTER SYSTEM SET archive_timeout = {ARCHIVE_SECONDS}")
        admin.execute("SELECT pg_reload_conf()")

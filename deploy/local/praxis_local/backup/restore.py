"""Restore an installation, or one service of it, to a moment; what was there before is kept aside, never deleted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from praxis_chassis import clock
from praxis_local.backup.plan import plan_of
from praxis_local.backup.recover import Source, recovered
from praxis_local.backup.ship import Shipper, erased_files, erased_in, file_keys, present
from praxis_local.backup.store import SEALED, Backup, durable
from praxis_local.home import Home, write_private
from praxis_local.migrate import migrate
from praxis_local.postgres import Postgres, binaries
from praxis_local.processes import StartFailed, launch
from praxis_local.provision import DATABASES, database_url, provision
from praxis_local.topology import GATEWAY, SERVICES, Ports, Topology

# Events that were on their way at the moment are sent again; whoever has applied them already passes them over.
ON_THEIR_WAY = timedelta(days=1)
BLOCK = 1 << 20


@dataclass
class Restore:
    """One restore into `home`, from the newest backup before `moment`, or to the end of the log."""

    home: Home
    source: Source
    moment: datetime | None
    only: str = ""
    backup: str = ""
    parts: Sequence[str] = (*SERVICES, GATEWAY)
    say: Callable[[str], None] = lambda _text: None
    stamp: str = field(default_factory=lambda: f"{clock.wall():%Y%m%dT%H%M%SZ}")

    def __post_init__(self) -> None:
        self.scratch = self.home.folder / f"restore-{self.stamp}"
        self.aside = self.home.folder / f"before-{self.stamp}"

    def run(self) -> None:
        """Restore; from the first replaced folder to the end the home refuses to start."""
        backup = self._chosen()
        self.home.hold()
        try:
            self._remove_leftovers()
            self._last_words()
            self.say(f"Restoring the backup {backup.id} of {backup.ended_at}")
            with recovered(self.source, backup, self.scratch, self.moment, alone=bool(self.backup)) as server:
                self._bring_files()
                self._merge_keys()
                self._one(server) if self.only else self._all(server)
            if not self.only:
                self._swap()
            self._put_aside(self.home.folder / "nats")
            self.home.restoring.unlink()
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)
            self.home.close()

    def _begin_replacing(self) -> None:
        """From here on the installation is neither the old nor the new one, until the restore has ended."""
        write_private(self.home.restoring, {"aside": str(self.aside)})

    def _chosen(self) -> Backup:
        store = self.source.store
        backup = store.read(self.backup) if self.backup else store.latest(self.moment)
        if backup is None and self.backup:
            raise StartFailed(f"{store.folder} holds no whole backup {self.backup}.")
        if backup is None:
            known = store.backups()
            reach = f"the oldest ended at {known[0].ended_at}" if known else "there is none"
            raise StartFailed(f"{store.folder} holds no backup from before that time; {reach}.")
        if self.moment and self.moment > clock.wall():
            raise StartFailed(f"{self.moment.isoformat()} is yet to come.")
        if self.only and not Postgres(self.home.folder).data.exists():
            raise StartFailed(f"{self.home.folder} holds no installation whose {self.only} could be replaced.")
        return backup

    def _remove_leftovers(self) -> None:
        for folder in self.home.folder.glob("restore-*"):
            shutil.rmtree(folder)

    def _last_words(self) -> None:
        """Save what the old cluster still has: its last segments, and who was erased since the list was written."""
        plan, old = plan_of(self.home), Postgres(self.home.folder)
        if plan is None or plan.store.folder != self.source.store.folder:
            return
        shipper = Shipper(plan)
        if (old.data / "PG_VERSION").exists():
            try:
                with old:
                    shipper.erased_subjects(old.admin_url)
            except (StartFailed, psycopg.Error):
                self.say("The old database does not start; what it wrote in its last minute may be missing")
        shipper.segments()
        shipper.stored_files()

    def _bring_files(self) -> None:
        """Put back stored files, but none that was erased here."""
        archive, gone = self.source.store.files, erased_files(self.home.files)
        self.home.files.mkdir(exist_ok=True, mode=0o700)
        for sealed in sorted(file_keys(archive)):
            key = sealed.removesuffix(SEALED)
            if key in gone or not sealed.endswith(SEALED):
                continue
            target = self.home.files / key
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self.source.open(archive / sealed, f"files/{key}") as plain, durable(target) as file:
                shutil.copyfileobj(plain, file, BLOCK)

    def _merge_keys(self) -> None:
        """Keep the keys of both, because files and rows may be sealed with a key that is younger than the backup."""
        place = Home(self.scratch)
        if self.home.keys_file.exists():
            now, then = (json.loads(path.read_text()) for path in (self.home.keys_file, place.keys_file))
            merged = {"current": max(now["current"], then["current"]), "keys": {**now["keys"], **then["keys"]}}
            write_private(place.keys_file, merged)
            if self.only:
                write_private(self.home.keys_file, merged)

    # ── everything ────────────────────────────────────────────────────────────────────────────────────

    def _all(self, server: Postgres) -> None:
        place = Home(self.scratch)
        place.files = self.home.files
        self._settle(place, server.admin_url, self.parts)
        self._keep_history(server)

    def _settle(self, place: Home, admin_url: str, names: Sequence[str]) -> None:
        """Bring databases to this version, let events be sent again, and let each service begin its new epoch."""
        topology = Topology(place, Ports.choose(8080), provision(admin_url, DATABASES, place.passwords), "")
        migrate(topology, admin_url, names)
        since = (self.moment or clock.wall()) - ON_THEIR_WAY
        for name in present(admin_url):
            publish_again(database_url(admin_url, name), since)
        people = self.scratch / "erased.jsonl"
        lines = [json.dumps({"tenant_id": t, "subject_id": s}) for t, s in sorted(erased_in(self.source.store))]
        people.write_text("".join(f"{line}\n" for line in lines))
        for name, answer in _run_together(topology, names, "restored", "--erased", str(people)):
            self.say(f"{name}: {answer}")

    def _keep_history(self, server: Postgres) -> None:
        """Let the archive know the new timeline, so that no later restore gives its number out again."""
        plan = plan_of(self.home)
        if plan is not None and plan.store.folder == self.source.store.folder:
            for path in sorted((server.data / "pg_wal").glob("*.history")):
                Shipper(plan).history(path)

    def _swap(self) -> None:
        """Move the old folders aside and the new ones to their place."""
        plan = plan_of(self.home)
        for path in self.home.secrets.glob("backup-*.pem"):
            shutil.copy2(path, self.scratch / "secrets" / path.name)
        self._begin_replacing()
        for name in ("postgres", "secrets"):
            self._put_aside(self.home.folder / name)
            (self.scratch / name).rename(self.home.folder / name)
        if plan is not None:
            plan.open_spool()

    def _put_aside(self, folder: Path) -> None:
        if folder.exists():
            self.aside.mkdir(exist_ok=True, mode=0o711)
            folder.rename(self.aside / folder.name)

    # ── one service ───────────────────────────────────────────────────────────────────────────────────

    def _one(self, scratch: Postgres) -> None:
        """Replace one database of the cluster; the old one stays beside it under another name."""
        name = database_of(self.only)
        with Postgres(self.home.folder) as server:
            kept = f"{name}_before_{self.stamp.lower()}"
            self._begin_replacing()
            with psycopg.connect(server.admin_url, autocommit=True) as admin:
                admin.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(name), Identifier(kept)))
            self.say(f"The old database is kept as {kept}")
            provision(server.admin_url, DATABASES, self.home.passwords)
            copy_database(database_url(scratch.admin_url, name), database_url(server.admin_url, name))
            self._settle(self.home, server.admin_url, [self.only])


def database_of(part: str) -> str:
    return "identity" if part == GATEWAY else part


def publish_again(url: str, since: datetime) -> None:
    """Take the marks off younger events, so that the relay sends them once more."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE events SET published_at = NULL, stream_seq = NULL"
            " WHERE published_at IS NOT NULL AND recorded_at >= %s",
            [since],
        )


def copy_database(source: str, target: str) -> None:
    """Copy the content of one database into an empty one, by PostgreSQL's own tools."""
    reader, writer = _client("pg_dump", source, "--format=custom"), _client("pg_restore", target, "--exit-on-error")
    with subprocess.Popen(reader[0], env=reader[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as dump:
        done = subprocess.run(writer[0], env=writer[1], stdin=dump.stdout, capture_output=True, check=False)
        said = dump.stderr.read() if dump.stderr else b""
    if dump.returncode or done.returncode:
        raise StartFailed(f"The database could not be copied:\n{(said + done.stderr).decode(errors='replace')}")


def _client(program: str, url: str, *options: str) -> tuple[list[str], dict[str, str]]:
    facts = conninfo_to_dict(url)
    environment = {**os.environ, "PGPASSWORD": str(facts.pop("password", None) or "")}
    command = [str(binaries() / program), "--no-password", "--dbname", make_conninfo("", **facts), *options]
    return command, environment


def _run_together(topology: Topology, names: Sequence[str], *arguments: str) -> Iterator[tuple[str, str]]:
    """Run a command of several services at once; yield the last line that each of them said."""
    running = [(name, launch(topology.command(name, *arguments), subprocess.PIPE)) for name in names]
    answers = [(name, process, process.communicate()[0].decode(errors="replace")) for name, process in running]
    for name, process, text in answers:
        if process.returncode:
            raise StartFailed(f"{name} {arguments[0]} failed:\n" + "\n".join(text.splitlines()[-20:]))
        yield name, text.strip().splitlines()[-1]

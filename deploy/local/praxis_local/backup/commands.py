"""The commands `praxis backup run`, `list`, `verify` and `restore`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from praxis_local.backup.keeper import back_up
from praxis_local.backup.plan import Plan, decide, needed_plan
from praxis_local.backup.recover import Source
from praxis_local.backup.restore import Restore
from praxis_local.backup.sealed import Unreadable, read_private
from praxis_local.backup.store import Store, parse_moment
from praxis_local.home import Home
from praxis_local.postgres import Postgres
from praxis_local.processes import StartFailed
from praxis_local.topology import CHECKOUT, COMMAND, GATEWAY, SERVICES

HomeOption = Annotated[Path, typer.Option("--home", help="Folder that holds the installation.")]
FromOption = Annotated[Path | None, typer.Option("--from", help="Folder of backups; the installation's if left out.")]
KeyOption = Annotated[Path | None, typer.Option("--key", help="The key that opens backups, if it lies elsewhere.")]
KeysOption = Annotated[Path | None, typer.Option("--keys-from", help="Folder of the keys, if it lies elsewhere.")]
DEFAULT_HOME = CHECKOUT / ".praxis"

app = typer.Typer(no_args_is_help=True, help="Back up, verify, restore to a moment.")
console = Console()


@app.command()
def run(
    home: HomeOption = DEFAULT_HOME,
    to: Annotated[Path | None, typer.Option("--to", help="Folder for the backups, best on another disk.")] = None,
    keys_to: Annotated[Path | None, typer.Option(help="Another folder for the key-encryption keys.")] = None,
) -> None:
    """Make a whole backup; `--to` is remembered, and from then on every change is archived within a minute."""
    place = Home(home)
    with _server(place) as admin_url:
        plan = decide(place, to, keys_to) if to else needed_plan(place)
        console.print(f"Made the backup {back_up(plan, admin_url)} in {plan.store.folder}.", soft_wrap=True)
    if to and plan.private_key.exists():
        console.print(f"Copy {plan.private_key} to a safe place: without it nobody can restore.", soft_wrap=True)


@app.command("list")
def list_(
    home: HomeOption = DEFAULT_HOME,
    from_: FromOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print for programs.")] = False,
) -> None:
    """List the whole backups."""
    backups = _store(Home(home), from_, None).backups()
    if as_json:
        print(json.dumps([asdict(backup) for backup in backups], indent=2))
        return
    table = Table("backup", "ended", "server", "to any later moment", box=None)
    for backup in backups:
        table.add_row(
            backup.id, f"{backup.end:%Y-%m-%d %H:%M:%S} UTC", backup.server, "yes" if backup.archived else "no"
        )
    console.print(table)


@app.command()
def verify(
    home: HomeOption = DEFAULT_HOME,
    from_: FromOption = None,
    key: KeyOption = None,
    keys_from: KeysOption = None,
    backup: Annotated[str, typer.Option(help="Backup to restore on trial; the newest if left out.")] = "",
    scratch: Annotated[Path | None, typer.Option(help="Folder for the trial; the temporary one if left out.")] = None,
) -> None:
    """Read every backup back and restore one on trial; the exit code is 1 when anything is wrong."""
    from praxis_local.backup import check

    source = _source(Home(home), from_, key, keys_from)
    chosen = source.store.read(backup) if backup else source.store.latest()
    good = True
    for outcome in check.verify(source, chosen, scratch):
        good = good and outcome.passed
        mark = "[green]✓[/]" if outcome.passed else "[red]✗[/]"
        console.print(f"{mark} {outcome.name:<18} {outcome.text}", highlight=False, soft_wrap=True)
    if good and chosen:
        check.note_verified(source, chosen)
    raise typer.Exit(0 if good else 1)


@app.command()
def restore(
    home: HomeOption = DEFAULT_HOME,
    to: Annotated[
        str, typer.Option("--to", help="Moment such as 2026-11-24T14:05:00+01:00; the end if left out.")
    ] = "",
    from_: FromOption = None,
    key: KeyOption = None,
    keys_from: KeysOption = None,
    backup: Annotated[
        str, typer.Option(help="Restore this backup as it was made, such as one of an older month.")
    ] = "",
    only: Annotated[str, typer.Option(help="Restore the database of this part only, such as `billing`.")] = "",
) -> None:
    """Restore a stopped installation, or a new one, to a moment; what was there before is kept aside."""
    if only and only not in {*SERVICES, GATEWAY}:
        raise typer.BadParameter(f"{only}; the parts are {', '.join((*SERVICES, GATEWAY))}")
    if to and backup:
        raise typer.BadParameter("--to and --backup exclude each other")
    place, moment = Home(home), parse_moment(to) if to else None
    work = Restore(place, _source(place, from_, key, keys_from), moment, only, backup, say=print)
    work.run()
    console.print(f"Restored {place.folder}. Start it with {COMMAND} run --home {place.folder}", soft_wrap=True)
    if work.aside.exists():
        console.print(f"What was there before lies in {work.aside}.", soft_wrap=True)


def _store(place: Home, folder: Path | None, keys: Path | None) -> Store:
    if folder is None:
        return needed_plan(place).store
    if not folder.is_dir():
        raise StartFailed(f"There is no folder {folder}.")
    return Store(folder, keys)


def _source(place: Home, folder: Path | None, key: Path | None, keys: Path | None) -> Source:
    store = _store(place, folder, keys)
    path = key or Plan(place, store).private_key
    if not path.exists():
        raise StartFailed(f"The key that opens the backups is not at {path}. Name it with --key.")
    try:
        return Source(store, read_private(path))
    except Unreadable as failure:
        raise StartFailed(f"{failure}.") from None


@contextmanager
def _server(place: Home) -> Iterator[str]:
    """Yield the address of the running server, or start it for as long as it is needed."""
    state = place.running()
    if state is not None:
        yield state["admin_url"]
        return
    place.hold()
    try:
        if given := os.environ.get("PRAXIS_DATABASE_URL"):
            yield given
            return
        if not (Postgres(place.folder).data / "PG_VERSION").exists():
            raise StartFailed(f"{place.folder} holds no installation.")
        with Postgres(place.folder) as server:
            yield server.admin_url
    finally:
        place.close()

"""The command line `praxis`: run, status, logs, psql, doctor, backup, import, and what developers need."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from praxis_local import containers
from praxis_local import doctor as examination
from praxis_local.authority import Authority
from praxis_local.backup import commands as backup
from praxis_local.fhir import importer
from praxis_local.home import Home
from praxis_local.launcher import Launcher, Options
from praxis_local.logs import follow
from praxis_local.migrate import migrate as migrate_databases
from praxis_local.postgres import Postgres, binaries
from praxis_local.processes import StartFailed, launch
from praxis_local.provision import DATABASES, database_url, provision
from praxis_local.topology import CHECKOUT, COMMAND, GATEWAY, SERVICES, Ports, Topology, answers

HomeOption = Annotated[Path, typer.Option("--home", help="Folder that holds the installation.")]
DEFAULT_HOME = CHECKOUT / ".praxis"
MOST_REPLICAS = 9

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
import_app = typer.Typer(no_args_is_help=True, help="Bring data in through the public API.")
app.add_typer(import_app, name="import")
app.add_typer(backup.app, name="backup")
console = Console()


@app.command()
def run(
    home: HomeOption = DEFAULT_HOME,
    port: Annotated[int, typer.Option(help="Port of the gateway; the next free one if taken.")] = 8080,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Load no demo; print a one-time setup token.")] = False,
    ready_file: Annotated[Path | None, typer.Option(help="Write address, keys and logins here once ready.")] = None,
    only: Annotated[str, typer.Option(help="Start only these parts, such as `patients,gateway`.")] = "",
    scale: Annotated[str, typer.Option(help="Replicas of services, such as `patients=2,scheduling=3`.")] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every log line, not only warnings.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Keep every trace and show them on a local page.")] = False,
) -> None:
    """Start everything, print where it is, and stop it in order on Ctrl-C."""
    parts = [part.strip() for part in only.split(",") if part.strip()]
    unknown = sorted(set(parts) - {*SERVICES, GATEWAY})
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; the parts are {', '.join((*SERVICES, GATEWAY))}")
    demo = not no_demo and not parts
    replicas = _replicas(scale)
    Launcher(Options(home, port, demo, ready_file, parts, replicas, verbose, trace)).run()


@app.command()
def status(home: HomeOption = DEFAULT_HOME) -> None:
    """Tell which parts answer."""
    state = _running(home)
    table = Table("part", "answers", box=None)
    for name, url in state["probes"].items():
        table.add_row(name, "[green]✓[/]" if answers(url) else "[red]✗[/]")
    console.print(f"{state['url']}   process {state['pid']}")
    console.print(table)


@app.command()
def logs(
    parts: Annotated[list[str] | None, typer.Argument(help="Parts to show; all when left out.")] = None,
    home: HomeOption = DEFAULT_HOME,
    keep_going: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines of each part to begin with.")] = 20,
) -> None:
    """Show the kept logs as text; the files themselves are JSON lines."""
    folder = Home(home).logs
    known = sorted(path.stem for path in folder.glob("*.log"))
    wanted = parts or known
    if missing := sorted(set(wanted) - set(known)):
        raise typer.BadParameter(f"no log of {', '.join(missing)} in {folder}; there are {', '.join(known) or 'none'}")
    try:
        for name, text in follow([folder / f"{name}.log" for name in wanted], keep_going=keep_going, lines=lines):
            print(f"{name:<14}| {text}", flush=True)
    except KeyboardInterrupt:
        return


@app.command()
def psql(
    database: Annotated[str, typer.Argument(help="Database, such as `patients`.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to psql after `--`.")] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Open a database of the running installation as its administrator."""
    if database not in DATABASES:
        raise typer.BadParameter(f"{database}; the databases are {', '.join(DATABASES)}")
    url = database_url(_running(home)["admin_url"], database)
    program = binaries() / "psql"
    client = str(program) if program.exists() else shutil.which("psql")
    if not client:
        raise StartFailed(f"There is no psql here. Connect another client to {url}")
    os.execv(client, [client, url, *(arguments or [])])  # noqa: S606 -- the user asked for this program


@app.command(context_settings={"ignore_unknown_options": True})
def part(
    name: Annotated[str, typer.Argument(help="Service, or gateway.")],
    arguments: Annotated[list[str], typer.Argument(help="Its command, such as `rebuild` or `divergences`.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Run a command of one part beside the running installation, with the settings that it has there."""
    if name not in {*SERVICES, GATEWAY}:
        raise typer.BadParameter(f"{name}; the parts are {', '.join((*SERVICES, GATEWAY))}")
    state, place = _running(home), Home(home)
    gateway = int(state["url"].rpartition(":")[2])
    ports = Ports(gateway, state["calls"], Ports.choose(gateway).probes)
    databases = provision(state["admin_url"], DATABASES, place.passwords)
    process = launch(Topology(place, ports, databases, state["nats_url"]).command(name, *arguments), None)
    raise typer.Exit(process.wait())


@app.command()
def reset(
    home: HomeOption = DEFAULT_HOME,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the installation with all its data."""
    place = Home(home)
    if place.running():
        raise StartFailed(f"Praxis runs on {place.folder}. Stop it first.")
    if not (place.folder / "lock").exists():
        raise StartFailed(f"{place.folder} is not an installation of Praxis; nothing was deleted.")
    if not yes:
        typer.confirm(f"Delete {place.folder} with all patients, money and keys in it?", abort=True)
    shutil.rmtree(place.folder)
    console.print(f"Deleted {place.folder}.")


@app.command()
def doctor(
    home: HomeOption = DEFAULT_HOME,
    fix: Annotated[bool, typer.Option("--fix", help="Repair what can be repaired safely.")] = False,
    bundle: Annotated[Path | None, typer.Option(help="Write a support archive without personal data.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print findings for programs.")] = False,
) -> None:
    """Examine this machine and the installation; the exit code is 1 when something is wrong."""
    findings = examination.examine(Home(home), repair=fix)
    if as_json:
        examination.print_json(findings)
    else:
        examination.print_findings(console, findings)
    if bundle:
        examination.write_bundle(Home(home), findings, bundle)
        console.print(f"Wrote {bundle}.")
    raise typer.Exit(1 if any(finding.state == "wrong" for finding in findings) else 0)


@import_app.command("fhir")
def import_fhir(
    files: Annotated[list[Path], typer.Argument(help="FHIR R4 ndjson(.gz) or bundle files, or a folder of them.")],
    key: Annotated[str, typer.Option(envvar="PRAXIS_API_KEY", help="API key; the first demo key if left out.")] = "",
    url: Annotated[str, typer.Option(help="Address of the gateway; the running one if left out.")] = "",
    home: HomeOption = DEFAULT_HOME,
    rejects: Annotated[
        Path | None, typer.Option(help="File for what was refused, with the reason; rejects.ndjson in the home folder.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the form of the files and send nothing; the gateway checks more.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts for programs.")] = False,
) -> None:
    """Import patients from FHIR R4; running it again adds nothing twice."""
    target = importer.target(Home(home), url, key) if not dry_run else None
    place = rejects or Home(home).folder / "rejects.ndjson"
    counts = importer.import_files(files, target, place)
    importer.print_counts(counts, place, as_json=as_json, sent=target is not None)
    raise typer.Exit(2 if counts.rejected else 0)


@app.command(rich_help_panel="Containers")
def secrets(
    folder: Annotated[Path, typer.Option(help="Folder with one folder per part below it.")] = Path("/secrets"),
    nats: Annotated[str, typer.Option(help="Host and port of NATS.")] = "nats:4222",
) -> None:
    """Make the secrets that are missing: keys, passwords and permissions on the bus, each part's in its own folder."""
    containers.prepare_secrets(folder, nats)


@app.command("provision", rich_help_panel="Containers")
def provision_part(
    part: Annotated[str, typer.Argument(help="Service, or gateway.")],
    server: Annotated[str, typer.Argument(help="Host and port of its PostgreSQL.")],
    folder: Annotated[Path, typer.Option(help="Folder that `secrets` filled.")] = Path("/secrets"),
) -> None:
    """Make the database, roles and extensions of one part; running it again changes nothing."""
    if part not in containers.PARTS:
        raise typer.BadParameter(f"{part}; the parts are {', '.join(containers.PARTS)}")
    containers.provision_database(part, folder, server)


@app.command(rich_help_panel="Containers")
def authority(
    folder: Annotated[Path, typer.Option(help="Folder with a folder for each part.")] = Path("/secrets"),
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and renew each certificate in time.")] = False,
) -> None:
    """Keep `<part>/{ca,cert,key}.pem` fresh for every part; the authority's own key stays in `authority/`."""
    # Files are replaced whole, so it may end at any moment; the first process of a container is not ended by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    keeper = Authority(folder)
    if due := keeper.renew():
        print(f"issued certificates for {', '.join(due)}", flush=True)
    if watch:
        keeper.watch(threading.Event(), partial(print, flush=True))


@app.command(rich_help_panel="Developers")
def migrate(home: HomeOption = DEFAULT_HOME) -> None:
    """Bring every database of an installation to the newest schema, without starting the rest."""
    place = Home(home)
    place.open()
    with _server(place) as admin_url:
        moved = migrate_databases(_offline(place, admin_url), admin_url, (*SERVICES, GATEWAY))
    place.close()
    console.print(f"Migrated {', '.join(moved)}." if moved else "Everything was at this level.")


@app.command(rich_help_panel="Developers")
def revision(
    service: Annotated[str, typer.Argument(help="Service, or gateway.")],
    message: Annotated[str, typer.Argument(help="What the migration does.")],
    identifier: Annotated[str, typer.Option("--id", help="Identifier, such as 0002_reminders.")] = "",
) -> None:
    """Write a migration from the difference between the models and a fresh database at the last level."""
    raise typer.Exit(_on_scratch(service, "revision", message, *(["--id", identifier] if identifier else [])))


@app.command(rich_help_panel="Developers")
def check(service: Annotated[str, typer.Argument(help="Service, or gateway.")]) -> None:
    """Compare the models with a freshly migrated database."""
    raise typer.Exit(_on_scratch(service, "check"))


def main() -> None:
    """Run one command; what people can mend is told without a traceback."""
    try:
        app(prog_name=COMMAND)
    except (StartFailed, importer.ImportRefused) as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)


def _replicas(text: str) -> dict[str, int]:
    """Read how many replicas of which service are wanted."""
    wanted = dict(part.strip().partition("=")[::2] for part in text.split(",") if part.strip())
    for name, count in wanted.items():
        if name not in SERVICES or not count.isdigit() or not 1 <= int(count) <= MOST_REPLICAS:
            message = f"{name}={count}; name services ({', '.join(SERVICES)}) and 1 to {MOST_REPLICAS} replicas"
            raise typer.BadParameter(message)
    return {name: int(count) for name, count in wanted.items()}


def _running(home: Path) -> dict[str, Any]:
    state = Home(home).running()
    if state is None:
        raise StartFailed(f"Praxis does not run on {home}. Start it with {COMMAND} run.")
    return state


@contextmanager
def _server(place: Home) -> Iterator[str]:
    """Yield the administrator's address of an installation that is stopped; its own server is started for a while."""
    if given := os.environ.get("PRAXIS_DATABASE_URL"):
        yield given
        return
    with Postgres(place.folder) as server:
        yield server.admin_url


def _offline(place: Home, admin_url: str) -> Topology:
    databases = provision(admin_url, DATABASES, place.passwords)
    return Topology(place, Ports.choose(8080), databases, "nats://127.0.0.1:4222")


def _on_scratch(service: str, *arguments: str) -> int:
    """Migrate one service on a throw-away server, then run its command there."""
    if service not in {*SERVICES, GATEWAY}:
        raise typer.BadParameter(f"{service}; the services are {', '.join((*SERVICES, GATEWAY))}")
    with tempfile.TemporaryDirectory() as folder:
        place = Home(Path(folder))
        place.open()
        with Postgres(place.folder, fast=True) as server:
            topology = _offline(place, server.admin_url)
            if arguments[0] != "revision":  # which migrates itself, without guarding tables that have no migration yet
                migrate_databases(topology, server.admin_url, [service])
            process = launch(topology.command(service, *arguments), subprocess.PIPE)
            output, _ = process.communicate()
        place.close()
    sys.stdout.write(output.decode(errors="replace"))
    return process.wait()

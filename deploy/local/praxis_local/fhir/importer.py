"""Import patients through the public API with a bar, a file of rejects and counts; safe to repeat and to resume."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from praxis_local.api_client import ApiClient, ApiProblem
from praxis_local.fhir.mapping import Unmappable, deceased_date, registration, source_id
from praxis_local.fhir.reader import Found, ImportRefused, files_of, read
from praxis_local.home import Home

__all__ = ["Counts", "ImportRefused", "import_files", "print_counts", "target"]

SERIES = "import-fhir"
# A key that was used before comes from the same patient, whom the source system has changed since.
PRESENT = {"EXTERNAL_REFERENCE_TAKEN", "IDEMPOTENCY_KEY_REUSED"}
NOT_LET_IN = (401, 403)
# What the client has waited for already, so that the next patient would only wait as long.
TOO_BUSY = (429, 503)
# What only somebody else answers to a registration.
NO_GATEWAY = (404, 405)


@dataclass
class Counts:
    """What became of the resources."""

    added: int = 0
    present: int = 0
    look_at: int = 0
    rejected: int = 0
    skipped: int = 0


def target(home: Home, url: str, key: str) -> ApiClient:
    """Return a client of the gateway that was named, or of the one that runs here with the first demo key."""
    if not url:
        running = home.running()
        if running is None:
            raise ImportRefused(f"Praxis does not run on {home.folder}. Start it, or name a gateway with --url.")
        url = str(running["url"])
    if not key:
        if not home.demo_file.exists():
            raise ImportRefused("No API key was given. Create one with POST /v1/apiKeys and pass it with --key.")
        practices = json.loads(home.demo_file.read_text())["practices"].values()
        key = next(practice["api_key"] for practice in practices if practice["kind"] != "animal")
    if not (key.isascii() and key.isprintable()):
        raise ImportRefused("The API key holds characters that no key has. Copy it once more.")
    try:
        return ApiClient(url, key, series=SERIES)
    except httpx.InvalidURL as failure:
        raise ImportRefused(f"{url} is no address ({failure}). Name one such as http://127.0.0.1:8080.") from None


def import_files(paths: Iterable[Path], api: ApiClient | None, rejects: Path) -> Counts:
    """Import every Patient of the files; without a client only read and check."""
    _make_room(rejects)
    found = [item for path in files_of(paths) for item in read(path)]
    counts = Counts()
    refused: list[dict[str, Any]] = []
    try:
        with _bar() as bar:
            task = bar.add_task("patients", total=len(found))
            for item in found:
                problem = _import_one(item, api, counts)
                if problem:
                    counts.rejected += 1
                    refused.append({"place": item.place, "problem": problem, "resource": item.resource or item.text})
                bar.advance(task)
    finally:
        if refused:
            _write_rejects(rejects, refused)
    return counts


def _make_room(rejects: Path) -> None:
    """Find out before anything is sent whether the rejects can be written."""
    try:
        rejects.parent.mkdir(parents=True, exist_ok=True)
        if rejects.is_dir() or not os.access(rejects if rejects.exists() else rejects.parent, os.W_OK):
            raise ImportRefused(f"{rejects} cannot be written. Name another file with --rejects.")
    except OSError as failure:
        raise ImportRefused(f"{rejects} cannot be written ({failure}). Name another file with --rejects.") from None


def _write_rejects(path: Path, refused: list[dict[str, Any]]) -> None:
    """Write what was refused for its owner's eyes only, because it is people's data."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with contextlib.suppress(PermissionError):  # such as /dev/null; a file that was there already becomes private
        os.fchmod(descriptor, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(json.dumps(entry, ensure_ascii=False) + "\n" for entry in refused)


def print_counts(counts: Counts, rejects: Path, *, as_json: bool, sent: bool) -> None:
    if as_json:
        print(json.dumps(asdict(counts)))
        return
    parts = [
        f"{counts.added:,} " + ("added" if sent else "would be sent; the gateway may still refuse some"),
        f"{counts.present:,} there already",
        f"{counts.look_at:,} look like duplicates",
    ]
    parts.append(f"{counts.skipped:,} of other types left out")
    parts.append(f"{counts.rejected:,} rejected" + (f" → {rejects}, each with its problem" if counts.rejected else ""))
    print(", ".join(parts))


def _import_one(item: Found, api: ApiClient | None, counts: Counts) -> str:
    """Import one resource and count it; return the problem when it is refused."""
    if item.resource is None:
        return item.problem
    if item.resource["resourceType"] != "Patient":
        counts.skipped += 1
        return ""
    try:
        body = registration(item.resource)
        if api is None:
            counts.added += 1
        else:
            _send(api, body, item.resource, counts)
    except Unmappable as failure:
        return str(failure)
    except UnicodeEncodeError:
        return "The patient holds a character that is none. Mend it in the source system."
    except (httpx.HTTPError, json.JSONDecodeError) as failure:
        raise _stopped(f"The address does not answer as a gateway does ({failure}).", counts) from None
    except ApiProblem as problem:
        if why := _stops(problem):
            raise _stopped(f"{why} {problem}", counts) from None
        if problem.code not in PRESENT:
            return str(problem)
        counts.present += 1
    return ""


def _stops(problem: ApiProblem) -> str:
    """Return why no patient would fare better than this one, or nothing."""
    if problem.status in NOT_LET_IN:
        return "The gateway does not let this key in."
    if problem.status in TOO_BUSY:
        return "The gateway is too busy."
    return "The address does not answer as a gateway does." if problem.status in NO_GATEWAY else ""


def _stopped(why: str, counts: Counts) -> ImportRefused:
    return ImportRefused(f"{why}\nNothing more is sent; {counts.added:,} were added. Run it again to go on.")


def _send(api: ApiClient, body: dict[str, Any], resource: dict[str, Any], counts: Counts) -> None:
    name = source_id(resource)
    reply = api.post("/v1/patients", body, name=name)
    if api.replayed:
        counts.present += 1
    else:
        counts.added += 1
        counts.look_at += bool(reply.get("possible_duplicates"))
    if day := deceased_date(resource):
        api.post(f"/v1/patients/{reply['patient']['id']}:markDeceased", {"deceased_date": day}, name=name)


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)

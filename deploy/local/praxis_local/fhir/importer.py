"""Import patients through the public API with a bar, a file of rejects and counts; safe to repeat and to resume."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from praxis_local.api_client import ApiClient, ApiProblem
from praxis_local.fhir.mapping import Unmappable, deceased_date, registration, source_id
from praxis_local.fhir.reader import Found, ImportRefused, files_of, read
from praxis_local.home import Home

__all__ = ["Counts", "ImportRefused", "import_files", "print_counts", "target"]

SERIES = "import-fhir"
PRESENT = {"EXTERNAL_REFERENCE_TAKEN"}
NOT_LET_IN = (401, 403)


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
    return ApiClient(url, key, series=SERIES)


def import_files(paths: Iterable[Path], api: ApiClient | None, rejects: Path) -> Counts:
    """Import every Patient of the files; without a client only read and check."""
    found = [item for path in files_of(paths) for item in read(path)]
    counts = Counts()
    refused: list[dict[str, Any]] = []
    with _bar() as bar:
        task = bar.add_task("patients", total=len(found))
        for item in found:
            problem = _import_one(item, api, counts)
            if problem:
                counts.rejected += 1
                refused.append({"place": item.place, "problem": problem, "resource": item.resource or item.text})
            bar.advance(task)
    if refused:
        _write_rejects(rejects, refused)
    return counts


def _write_rejects(path: Path, refused: list[dict[str, Any]]) -> None:
    """Write what was refused for its owner's eyes only, because it is people's data."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
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
    except ApiProblem as problem:
        if problem.status in NOT_LET_IN:
            raise ImportRefused(f"The gateway does not let this key in, so nothing more is sent. {problem}") from None
        if problem.code not in PRESENT:
            return str(problem)
        counts.present += 1
    return ""


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

"""Read FHIR R4 resources from ndjson, bundles and single resources, compressed or not."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENDINGS = (".ndjson", ".ndjson.gz", ".json", ".json.gz")


class ImportRefused(Exception):
    """A file or an argument cannot be used; the text says what to do."""


@dataclass(frozen=True)
class Found:
    """One line or entry of a file: a resource, or why it is none."""

    place: str
    text: str
    resource: dict[str, Any] | None
    problem: str = ""


def files_of(paths: Iterable[Path]) -> list[Path]:
    """Return the files to read; a folder stands for every FHIR file in it."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(inner for inner in path.iterdir() if inner.name.endswith(ENDINGS))
        elif path.is_file():
            files.append(path)
        else:
            raise ImportRefused(f"{path} does not exist. Name a file that ends with {', '.join(ENDINGS)}, or a folder.")
    if not files:
        raise ImportRefused(f"There is no file that ends with {', '.join(ENDINGS)} to read.")
    return files


def read(path: Path) -> Iterator[Found]:
    """Yield what a file holds, in its order; a broken line is yielded with its problem."""
    content = _text(path)
    if ".ndjson" in path.name:
        # Not splitlines(): JSON may hold other ends of lines as they are, such as U+2028 within a text.
        for number, line in enumerate(content.split("\n"), start=1):
            if line.strip():
                yield from _parsed(f"{path.name}:{number}", line)
    else:
        yield from _parsed(path.name, content)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except (UnicodeDecodeError, EOFError, OSError, zlib.error) as failure:
        raise ImportRefused(f"{path} is not readable as UTF-8 text ({failure}). Export it again as UTF-8.") from None


def _parsed(place: str, text: str) -> Iterator[Found]:
    try:
        resource = json.loads(text)
    except (ValueError, RecursionError) as failure:
        yield Found(place, text, None, f"This is not JSON: {failure}.")
        return
    if not isinstance(resource, dict) or "resourceType" not in resource:
        yield Found(place, text, None, "This is JSON but no FHIR resource: `resourceType` is missing.")
    elif resource["resourceType"] != "Bundle":
        yield Found(place, text, resource)
    elif not isinstance(entries := resource.get("entry", []), list):
        yield Found(place, text, None, "`entry` of this bundle is no list.")
    else:
        for number, entry in enumerate(entries, start=1):
            inner = entry.get("resource") if isinstance(entry, dict) else None
            known = isinstance(inner, dict) and "resourceType" in inner
            problem = "" if known else "This entry of the bundle holds no resource."
            yield Found(f"{place} entry {number}", json.dumps(entry), inner if known else None, problem)

"""The reference of calls that mostly ask the database: pgbench with the same statements, prepared."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql
from tests.bench.figures import Void

from praxis_local.postgres import binaries

LANES = 2


def statement(query: Executable) -> str:
    """Return a statement of the mapped classes as the text that pgbench sends."""
    compiled = query.compile(  # type: ignore[attr-defined]  # every statement has it; Executable does not say so
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    return " ".join(str(compiled).split()) + ";\n"


def rate(url: str, scripts: Sequence[str], folder: Path, *, tenant: UUID, seconds: float, clients: int = 32) -> float:
    """Return the transactions per second of the scripts in turn, as the service's role within its tenant."""
    options: list[str] = []
    for number, script in enumerate(scripts):
        path = folder / f"script-{number}.sql"
        path.write_text(script)
        options += ["-f", str(path)]
    command = [
        str(binaries() / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", str(LANES),
        "-T", str(max(1, round(seconds))), *options, url,
    ]  # fmt: skip
    settings = {"PGOPTIONS": f"-c app.tenant={tenant}"}
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    failed = re.search(r"^number of failed transactions: (\d+)", done.stdout, re.MULTILINE)
    if done.returncode or not found or (failed and int(failed[1])):
        raise Void(f"pgbench failed: {done.stderr[:600]}")
    return float(found[1])


def literal(value: Any) -> str:
    """Return a value as it stands in a statement."""
    return "'" + str(value).replace("'", "''") + "'"

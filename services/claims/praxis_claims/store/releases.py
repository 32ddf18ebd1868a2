"""Loads a release of diagnosis codes in bulk, with the rights of the owner of the database."""

from __future__ import annotations

import gzip
import hashlib
from datetime import date
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select

from praxis_claims.store.codes import DiagnosisRelease

SHIPPED = Path(__file__).parent.parent / "data" / "icd10cm-2026.tsv.gz"
SHIPPED_NAME, SHIPPED_VALID_FROM = "2026", date(2025, 10, 1)
COLUMNS = "release, code, billable, parent_code, description, terms"


def load_release(connection: Connection, path: Path, name: str, valid_from: date) -> bool:
    """Load a packed file of codes; returns whether it was new. The same content again changes nothing."""
    packed = path.read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    known = connection.scalar(select(DiagnosisRelease.sha256).where(DiagnosisRelease.name == name))
    if known == digest:
        return False
    connection.execute(delete(DiagnosisRelease).where(DiagnosisRelease.name == name))
    connection.execute(insert(DiagnosisRelease).values(name=name, valid_from=valid_from, sha256=digest))
    _copy(connection, name, gzip.decompress(packed).decode())
    return True


def _copy(connection: Connection, release: str, text: str) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    # Each line is what COPY reads, but for the release before it.
    start = f"{release}\t"
    with driver.cursor() as cursor, cursor.copy(f"COPY diagnosis_codes ({COLUMNS}) FROM STDIN") as copy:
        copy.write(start + text.rstrip("\n").replace("\\", r"\\").replace("\n", f"\n{start}") + "\n")
    connection.exec_driver_sql("ANALYZE diagnosis_codes")

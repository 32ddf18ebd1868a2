"""Row 25: what the wall between practices costs a statement: the same row with its policy and without."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any
from uuid import UUID

import psycopg
from tests.bench.calls import Calls
from tests.bench.figures import Figure, Promise

from praxis_local.provision import database_url

POLICIES = Promise("25 row-level security against none, p50", "µs per statement", "≤ reference + 100 µs")
MOST_MICROSECONDS = 100
STATEMENTS, QUICK_STATEMENTS = 2000, 200
ENTER = b"SELECT set_config('app.tenant', %s, true)"
ROW = b"SELECT * FROM patients WHERE tenant_id = %s AND id = %s"
Sides = list[tuple["psycopg.Connection[Any]", Callable[[], None]]]


def policies(calls: Calls) -> list[Figure]:
    """Read one patient in a transaction: as the service's role within its tenant, and as one whom no policy binds.

    The two take turns statement by statement; what is measured is the transaction's statements, prepared, without its
    commit. Entering the tenant is part of the price.
    """
    practice, stage = calls.practice, calls.stage
    patient, tenant = UUID(practice.patients[0]), practice.tenant_id
    count = STATEMENTS if calls.effort.rounds > 1 else QUICK_STATEMENTS
    with (
        psycopg.connect(stage.url("patients"), autocommit=True) as walled,
        psycopg.connect(database_url(stage.postgres.admin_url, "patients"), autocommit=True) as free,
    ):

        def within() -> None:
            walled.execute(ENTER, [str(tenant)])
            assert walled.execute(ROW, [tenant, patient]).fetchone()

        def outside() -> None:
            assert free.execute(ROW, [tenant, patient]).fetchone()

        sides: Sides = [(walled, within), (free, outside)]
        pairs = [_turns(sides, count) for _ in range(calls.effort.rounds + 1)][1:]
    added = median(on - off for on, off in pairs)
    note = f"{added:+.0f} µs with the statement that enters the tenant; {count} of each in a round"
    return [POLICIES.paired(pairs, lambda _ratio: added <= MOST_MICROSECONDS, note=note)]


def _turns(sides: Sides, count: int) -> tuple[float, float]:
    """Return the median microseconds of both sides."""
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(count):
        for side in (0, 1) if number % 2 else (1, 0):
            connection, read = sides[side]
            connection.execute("BEGIN")
            began = time.perf_counter()
            read()
            took[side].append((time.perf_counter() - began) * 1e6)
            connection.execute("ROLLBACK")
    return median(took[0]), median(took[1])

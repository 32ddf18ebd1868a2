"""The disks of PostgreSQL and of NATS fill up under load: nothing is lost, and both come back once there is room."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from tests.faults.conftest import UNLIMITED
from tests.faults.house import BACK_SECONDS, ROUTES, WRITE, House
from tests.support.load import failures
from tests.support.system import started

from praxis_local.processes import wait_until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        sys.platform != "linux" or os.getuid() != 0, reason="needs root on Linux, to mount small file systems"
    ),
]
ROOM = {"postgres": "700m", "nats": "48m"}
# The goal holds with `--long`; a machine that others use as well gets more before the test calls it a fault.
SETTLE_SECONDS, GOAL_SECONDS = 90.0, 30.0


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"this machine lets nobody mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def small() -> Iterator[House]:
    """An installation whose servers have little room."""
    with TemporaryDirectory(prefix="praxis-small-") as name:
        folder = Path(name)
        with (
            mounted(folder / "home" / "postgres", ROOM["postgres"]),
            mounted(folder / "home" / "nats", ROOM["nats"]),
            started(folder, environment=UNLIMITED, clearing=False) as system,
        ):
            house = House.move_in(system)
            yield house
            house.owner.close()


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Take all room that is left, and give it back at the end."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue
        yield
    finally:
        ballast.unlink()


def unpublished(house: House) -> int:
    return int(house.system.rows("patients", "SELECT count(*) FROM events WHERE published_at IS NULL")[0][0])


def copies(house: House) -> int:
    return int(house.system.rows("scheduling", "SELECT count(*) FROM patient_copies")[0][0])


def settled(house: House) -> bool:
    """Tell whether everything is published, and scheduling knows as many patients as there are."""
    try:
        return unpublished(house) == 0 and copies(house) == house.patients()
    except psycopg.Error:
        return False


def within(seconds: float, goal: bool) -> None:
    print(f"settled {seconds:.1f} s after there was room")
    assert seconds <= (GOAL_SECONDS if goal else SETTLE_SECONDS)


def test_a_full_disk_of_the_bus_loses_nothing(small: House, long: bool) -> None:
    folder, before = small.system.home.folder / "nats", small.patients()
    with small.load(WRITE, threads=3) as load:
        load.wait_for(20)
        with filled(folder):
            assert wait_until(lambda: unpublished(small) > 50, BACK_SECONDS), (
                "the bus has room, so the run shows nothing"
            )
            load.wait_for(20)
        room = time.monotonic()
    assert wait_until(lambda: settled(small), SETTLE_SECONDS), f"{unpublished(small)} events stay unpublished"
    within(time.monotonic() - room, long)
    print(f"bus full: {len(load.answers)} registrations")
    assert not failures(load.answers), "a charge never waits for the bus"
    assert small.patients() - before == len(load.answers)


def test_a_full_disk_of_the_database_loses_nothing(small: House, long: bool) -> None:
    folder, before = small.system.home.folder / "postgres", small.patients()
    with small.load(WRITE, ROUTES["patients"], threads=3) as load:
        load.wait_for(20)
        with filled(folder):
            goal = len(load.answers)
            assert wait_until(lambda: bool(failures(load.answers[goal:])), BACK_SECONDS), "there is room"
            switch_log(small)
            time.sleep(5)
        room = time.monotonic()
        back = small.await_answers("patients", "scheduling", seconds=SETTLE_SECONDS)
        load.wait_for(20)
    assert wait_until(lambda: settled(small), SETTLE_SECONDS), f"{unpublished(small)} events stay unpublished"
    within(time.monotonic() - room, long)
    print(f"database full: back {back:.1f} s after there was room")
    print(dict(failures(load.answers)))
    written = load.of(WRITE.name)
    good, added = sum(answer.ok for answer in written), small.patients() - before
    assert good <= added <= len(written), f"{good} were answered well, {added} are there"


def switch_log(house: House) -> None:
    """Make the server ask for a new file of its write-ahead log, which is where a full disk hurts most."""
    try:
        for _ in range(3):
            house.system.rows("patients", "SELECT pg_switch_wal() FROM pg_logical_emit_message(true, 'x', 'x')")
    except psycopg.Error:
        return

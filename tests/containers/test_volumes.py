"""A backup of the compose system is whole, damage to it is found, and databases elsewhere go on from it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.composed import DATABASES, Composed

from praxis_local.topology import GATEWAY, SERVICES

PARTS = (*SERVICES, GATEWAY)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where backups go; a folder of the machine, as a disk for backups is."""
    with TemporaryDirectory(prefix="praxis-backups-") as name:
        monkeypatch.setenv("PRAXIS_BACKUPS", name)
        yield Path(name)


@pytest.fixture
def stopped(system: Composed, folder: Path) -> Iterator[Composed]:
    """The system, stopped in order as before every backup, and started again for whoever comes next."""
    assert_refused("The databases run", system, "backup")
    assert list(folder.iterdir()) == []
    yield system
    system.up()


@pytest.fixture
def elsewhere(system: Composed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Composed]:
    """Another project, which has nothing in common with the first but the image."""
    with TemporaryDirectory(prefix="praxis-clearinghouse-") as name:
        monkeypatch.setenv("PRAXIS_TEST_CLEARINGHOUSE", name)
        # Numbered like the first, so that the next run finds it should this one be broken off.
        found = Composed(f"{system.project}-restored", system.compose)
        yield found
        found.call("down", "--volumes", "--timeout", "5")


def test_a_backup_is_verified_and_restored_elsewhere(stopped: Composed, folder: Path, elsewhere: Composed) -> None:
    before = {name: contents(stopped, name) for name in DATABASES}
    name = backed_up(stopped, folder)
    damage_is_found(stopped, folder, name)
    assert_refused("There is no praxis-none.tar.gz", elsewhere, "restore", "praxis-none.tar.gz")
    began = time.monotonic()
    volumes(elsewhere, "restore", name)
    print(f"restored in {time.monotonic() - began:.0f} s")
    assert_refused("The volumes of this project are not empty", elsewhere, "restore", name)
    elsewhere.call("up", "--detach", "--no-deps", *(f"{part}-database" for part in PARTS))
    elsewhere.until_well()
    for database, (tables, events) in before.items():
        found = contents(elsewhere, database)
        # Jobs may have recorded something more before they were stopped.
        assert found[0] == tables > 0, database
        assert found[1] >= events, database
    assert sum(events for _tables, events in before.values()) > 0


def contents(system: Composed, database: str) -> tuple[int, int]:
    """Return how many tables a database has, and how many events its service has ever recorded."""
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    [[found]] = system.rows(database, tables)
    [[events]] = system.rows(database, "SELECT count(*) FROM events")
    return int(found), int(events)


def backed_up(system: Composed, folder: Path) -> str:
    """Stop and save a system, and say how long that takes."""
    began = time.monotonic()
    system.call("stop")
    stopped = time.monotonic()
    name = volumes(system, "backup")
    size, saved = (folder / name).stat().st_size, time.monotonic()
    print(f"backup of {size / 1e6:.0f} MB: stopped in {stopped - began:.0f} s, saved in {saved - stopped:.0f} s")
    assert (folder / name).stat().st_mode & 0o077 == 0
    assert volumes(system, "verify", name) == f"{name} is whole."
    return name


def damage_is_found(system: Composed, folder: Path, name: str) -> None:
    """One bit in the middle, and a missing end; the same file is whole again after both."""
    path, whole = folder / name, (folder / name).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damaged in (bytes(flipped), whole[:-1]):
        path.write_bytes(damaged)
        assert_refused(f"{name} is damaged", system, "verify", name)
    path.write_bytes(whole)
    volumes(system, "verify", name)


def volumes(system: Composed, *command: str) -> str:
    """Run a command as the README tells it, and return what it said."""
    return system.call("run", "--rm", "-T", "volumes", *command).strip()


def assert_refused(reason: str, system: Composed, *command: str) -> None:
    """A command does nothing and says why."""
    with pytest.raises(AssertionError, match=re.escape(reason)):
        volumes(system, *command)

"""Backups are real: to the row, to the moment, to the bit; and what is missing or damaged is said, not guessed."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from praxis_chassis.files import FolderStore
from praxis_local import doctor
from praxis_local.backup.base import take
from praxis_local.backup.check import verify
from praxis_local.backup.keeper import back_up
from praxis_local.backup.plan import Plan, decide
from praxis_local.backup.recover import Source, manifest_faults, recovered, unpack
from praxis_local.backup.restore import Restore
from praxis_local.backup.sealed import Unreadable, make_backup_key, opened, read_private, read_public, seal
from praxis_local.backup.ship import Shipper, append_erased, damaged_lines, erased_in
from praxis_local.backup.store import (
    PARTIAL,
    SEALED,
    Backup,
    Store,
    daily_ids,
    following,
    kept_ids,
    missing_segment,
    parse_moment,
)
from praxis_local.home import Home
from praxis_local.postgres import Postgres
from praxis_local.processes import StartFailed

SEED = 20261124
FLIPS = 30


# ── sealed streams ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    pair = tmp_path / "private.pem", tmp_path / "public.pem"
    make_backup_key(*pair)
    return pair


def sealed(content: bytes, public: Path, label: str = "a") -> bytes:
    target = io.BytesIO()
    seal(io.BytesIO(content), target, read_public(public), label)
    return target.getvalue()


def unsealed(data: bytes, private: Path, label: str = "a") -> bytes:
    return opened(io.BytesIO(data), read_private(private), label).read()


@pytest.mark.parametrize("content", [b"", b"x", bytes(40_000_000), random.Random(SEED).randbytes(3_000_001)])
def test_what_was_sealed_comes_back(content: bytes, keys: tuple[Path, Path]) -> None:
    assert unsealed(sealed(content, keys[1]), keys[0]) == content


def test_every_flipped_bit_is_noticed(keys: tuple[Path, Path]) -> None:
    data = sealed(b"Quokkaberry" * 20, keys[1])
    for place in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(Unreadable):
            unsealed(bytes(damaged), keys[0])


def test_cut_prolonged_renamed_and_foreign_files_are_refused(keys: tuple[Path, Path], tmp_path: Path) -> None:
    data = sealed(random.Random(SEED).randbytes(2_500_000), keys[1])
    for cut in (0, 10, 47, 48, 60, 1_000_000, len(data) - 1):
        with pytest.raises(Unreadable):
            unsealed(data[:cut], keys[0])
    with pytest.raises(Unreadable):
        unsealed(data + b"x", keys[0])
    with pytest.raises(Unreadable):
        unsealed(data, keys[0], label="b")
    make_backup_key(tmp_path / "other.pem", tmp_path / "other-public.pem")
    with pytest.raises(Unreadable):
        unsealed(data, tmp_path / "other.pem")


# ── the folder ────────────────────────────────────────────────────────────────────────────────────────


def described(end: datetime) -> Backup:
    text = end.isoformat()
    segment = "000000010000000000000001"
    return Backup(f"{end:%Y%m%dT%H%M%SZ}", text, text, "1", 1, segment, segment, "18", archived=True)


def test_thirty_five_days_and_twelve_months_are_kept(tmp_path: Path) -> None:
    newest = datetime(2026, 11, 24, 3, tzinfo=UTC)
    backups = [described(newest - timedelta(hours=12 * step)) for step in range(2 * 500)]
    days = {f"{newest - timedelta(days=day):%Y%m%d}" for day in range(35)}
    assert {name[:8] for name in daily_ids(backups)} == days
    kept = kept_ids(backups)
    assert len({name[:6] for name in kept}) == 12
    assert len(kept) == 35 + 10 + 1, "of the twelve months, two are among the 35 days; two days are kept whole"
    restored = [replace(backup, timeline=2 if backup.id[-7:-5] == "15" else 1) for backup in backups]
    assert len(daily_ids(restored)) == 2 * 35 - 1, "each history keeps a backup of its own"
    assert kept_ids(backups[-1:]) == {backups[-1].id}, "an only backup stays however old it is"


def test_pruning_takes_old_backups_their_keys_and_their_segments(tmp_path: Path) -> None:
    store, newest = Store(tmp_path), datetime(2026, 11, 24, tzinfo=UTC)
    store.prepare()
    for day in range(45):
        segment = f"0000000100000000000000{99 - day:02X}"
        backup = replace(described(newest - timedelta(days=day)), first_segment=segment)
        (tmp_path / f"{backup.id}{PARTIAL}").mkdir()
        store.write(backup, tmp_path / f"{backup.id}{PARTIAL}")
        for path in (store.keys / f"{backup.id}{SEALED}", store.wal / f"{segment}{SEALED}"):
            path.touch()
    gone = store.prune()
    assert len(gone) == 10
    assert len(store.backups()) == len(list(store.keys.iterdir())) == len(list(store.wal.iterdir())) == 35
    assert store.prune() == []


def test_a_chain_of_segments_has_no_gap() -> None:
    first = "0000000100000000000000FE"
    chain = [first]
    for _ in range(4):
        chain.append(following(chain[-1]))
    assert chain[2] == "000000010000000100000000"
    assert missing_segment(chain, first) is None
    assert missing_segment(chain[:2] + chain[3:], first) == chain[2]
    assert missing_segment(chain[1:], first) == first


def test_a_moment_needs_a_zone() -> None:
    assert parse_moment("2026-11-24T14:05:00+01:00") == parse_moment("2026-11-24T13:05:00Z")
    for text in ("2026-11-24T14:05:00", "yesterday"):
        with pytest.raises(StartFailed, match=r"time"):
            parse_moment(text)


def test_the_list_of_the_erased_survives_a_cut_and_shows_damage(tmp_path: Path) -> None:
    store = Store(tmp_path)
    append_erased(store, [("t1", "s1"), ("t1", "s2")])
    whole = store.erased.read_text()
    store.erased.write_text(whole + whole[:20])
    append_erased(store, [("t2", "s3")])
    assert erased_in(store) == {("t1", "s1"), ("t1", "s2"), ("t2", "s3")}
    assert damaged_lines(store) == 1
    store.erased.write_text(whole.replace("s2", "s9"))
    assert (erased_in(store), damaged_lines(store)) == ({("t1", "s1")}, 1)


# ── an installation ───────────────────────────────────────────────────────────────────────────────────


@dataclass
class Lived:
    """An installation that was backed up, went on, and lost a table; it is stopped now."""

    home: Home
    plan: Plan
    backup: Backup
    moment: datetime
    place: Path

    @property
    def source(self) -> Source:
        return Source(self.plan.store, read_private(self.plan.private_key))

    def copied(self, name: str) -> Source:
        """Return a copy of the folder of backups that a test may damage."""
        folder = self.place / name
        shutil.copytree(self.plan.store.folder, folder)
        return Source(Store(folder), self.source.key)

    def rows(self, source: Source, name: str, moment: datetime | None) -> list[tuple[Any, ...]]:
        cluster = recovered(source, self.backup, self.place / name, moment)
        with cluster as server, psycopg.connect(server.admin_url) as admin:
            return admin.execute("SELECT id, word FROM kept ORDER BY id").fetchall()


@pytest.fixture(scope="module")
def lived() -> Iterator[Lived]:
    # A folder that other test runs leave alone: they close the common one to the account PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="praxis-") as folder:
        place = Path(folder)
        home = Home(place / "home")
        home.open()
        with Postgres(home.folder) as server, psycopg.connect(server.admin_url, autocommit=True) as admin:
            admin.execute("CREATE TABLE kept (id int PRIMARY KEY, word text)")
            admin.execute("INSERT INTO kept SELECT n, 'before' FROM generate_series(1, 100) n")
            plan = decide(home, place / "backups", None)
            FolderStore(home.files).put_object("tenant/aa/stays", b"sealed already")
            FolderStore(home.files).put_object("tenant/bb/goes", b"about somebody")
            identifier = back_up(plan, server.admin_url)
            admin.execute("INSERT INTO kept SELECT n, 'after' FROM generate_series(101, 300) n")
            row = admin.execute("SELECT clock_timestamp()").fetchone()
            assert row is not None
            time.sleep(0.05)
            admin.execute("DROP TABLE kept")
            FolderStore(home.files).delete_object("tenant/bb/goes")
            # Three segments, so that one can be lost in their midst.
            for _ in range(2):
                admin.execute("SELECT pg_switch_wal()")
                admin.execute("CREATE TABLE IF NOT EXISTS noise AS SELECT 1")
                admin.execute("DROP TABLE noise")
        home.close()
        Shipper(plan).segments()
        Shipper(plan).stored_files()
        backup = plan.store.read(identifier)
        assert backup is not None
        yield Lived(home, plan, backup, row[0], place)


EXPECTED = [(n, "before" if n <= 100 else "after") for n in range(1, 301)]


def test_a_dropped_table_is_back_to_the_row(lived: Lived) -> None:
    began = time.perf_counter()
    assert lived.rows(lived.source, "to-the-moment", lived.moment) == EXPECTED
    print(f"restored {len(EXPECTED)} rows in {time.perf_counter() - began:.1f} s")
    with pytest.raises(psycopg.errors.UndefinedTable):
        lived.rows(lived.source, "to-the-end", None)


def test_a_moment_after_the_last_change_is_the_end(lived: Lived) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        lived.rows(lived.source, "quiet", datetime.now(UTC))


def test_only_ciphertext_and_no_key_lie_in_the_folder(lived: Lived) -> None:
    key_text = json.loads(lived.home.keys_file.read_text())["keys"]["1"].encode()
    for path in lived.plan.store.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"PRIVATE KEY" not in content
            assert b"before" not in content
            assert key_text not in content
    unpack(lived.source, lived.backup, lived.place / "unpacked")
    assert (lived.place / "unpacked/secrets/keys.json").read_bytes() == lived.home.keys_file.read_bytes()
    assert not (lived.place / "unpacked/secrets/backup-key.pem").exists()
    secrets = lived.place / "unpacked/secrets"
    assert all(not path.stat().st_mode & 0o077 for path in [secrets, *secrets.rglob("*")] if path.is_dir())


def test_an_erased_file_leaves_the_backups_and_a_lost_one_stays(lived: Lived) -> None:
    shipped = lived.plan.store.files / "tenant"
    assert not (shipped / f"bb/goes{SEALED}").exists()
    (lived.home.files / "tenant/aa/stays").unlink()
    Shipper(lived.plan).stored_files()
    assert (shipped / f"aa/stays{SEALED}").exists()
    Restore(lived.home, lived.source, None)._bring_files()
    assert (lived.home.files / "tenant/aa/stays").read_bytes() == b"sealed already"
    assert not (lived.home.files / "tenant/bb/goes").exists()


def outcomes(source: Source, *, restore: bool = False) -> dict[str, bool]:
    chosen = source.store.latest() if restore else None
    return {outcome.name: outcome.passed for outcome in verify(source, chosen, None)}


def test_verify_passes_what_is_whole_and_finds_every_flipped_bit(lived: Lived) -> None:
    good = outcomes(lived.source, restore=True)
    assert all(good.values()), good
    chance, source = random.Random(SEED), lived.copied("flipped")
    files = sorted(
        path
        for path in source.store.folder.rglob("*")
        if path.suffix in {SEALED, ".json"} and path.parent != source.store.folder
    )
    missed = []
    for number in range(FLIPS):
        path = files[number % len(files)]
        content = path.read_bytes()
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
        found = outcomes(source)
        if all(passed for name, passed in found.items() if name != "restore"):
            missed.append((path.name, place, bit))
        path.write_bytes(content)
    assert missed == []
    assert all(passed for name, passed in outcomes(source).items() if name != "restore"), "undamaged, it passes again"


def test_a_flipped_bit_in_an_unpacked_cluster_is_found_by_its_manifest(lived: Lived) -> None:
    folder = lived.place / "manifest"
    unpack(lived.source, lived.backup, folder)
    data = Postgres(folder).data
    (data / "recovery.signal").unlink()
    assert manifest_faults(data) == []
    chance = random.Random(SEED)
    listed = [entry["Path"] for entry in json.loads((data / "backup_manifest").read_text())["Files"] if entry["Size"]]
    for name in [*chance.sample(listed, FLIPS), "backup_manifest"]:
        content = (data / name).read_bytes()
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        (data / name).write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
        assert manifest_faults(data), (name, place, bit)
        (data / name).write_bytes(content)
    (data / "PG_VERSION").unlink()
    (data / "stranger").touch()
    assert manifest_faults(data) == ["PG_VERSION is missing", "stranger is too many"]


def test_a_missing_segment_is_named(lived: Lived) -> None:
    source = lived.copied("gap")
    names = source.store.segments(1, lived.backup.first_segment)
    assert len(names) >= 3
    (source.store.wal / f"{names[1]}{SEALED}").unlink()
    assert outcomes(source)["log"] is False
    cluster = recovered(source, lived.backup, lived.place / "alone", None, alone=True)
    with cluster as server, psycopg.connect(server.admin_url) as admin:
        assert admin.execute("SELECT count(*) FROM kept").fetchone() == (100,), "the backup alone needs no segment"
    for name, moment in (("gap-end", None), ("gap-late", datetime.now(UTC))):
        with pytest.raises(StartFailed, match=names[1]):
            lived.rows(source, name, moment)


def test_another_key_opens_nothing(lived: Lived, keys: tuple[Path, Path]) -> None:
    wrong = replace(lived.source, key=read_private(keys[0]))
    with pytest.raises(StartFailed, match="sealed for another key"):
        lived.rows(wrong, "wrong-key", lived.moment)
    assert not (lived.home.folder / "restoring").exists()


def test_an_interrupted_backup_is_never_listed(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lived.plan.store.backups()
    lived.home.open()
    try:
        with Postgres(lived.home.folder) as server:
            with monkeypatch.context() as broken:
                broken.setattr("praxis_local.backup.base.binaries", lambda: Path("/nowhere"))
                with pytest.raises(FileNotFoundError):
                    take(lived.plan, server.admin_url)
            # A machine that stops in the midst cleans nothing up.
            leftover = lived.plan.store.folder / f"20260101T000000Z{PARTIAL}"
            leftover.mkdir()
            (leftover / f"cluster{SEALED}{PARTIAL}").write_bytes(b"half")
            assert lived.plan.store.backups() == before
            take(lived.plan, server.admin_url)
    finally:
        lived.home.close()
    assert not leftover.exists()
    assert len(lived.plan.store.backups()) == len(before) + 1
    shutil.rmtree(lived.plan.store.folder / lived.plan.store.backups()[-1].id)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "praxis_local", "backup", *arguments], capture_output=True, text=True, check=False
    )


def test_a_running_home_and_a_moment_without_a_backup_are_refused(lived: Lived) -> None:
    home = ["--home", str(lived.home.folder)]
    lived.home.open()
    try:
        refused = command("restore", *home, "--to", lived.moment.isoformat())
    finally:
        lived.home.close()
    assert refused.returncode == 1
    assert "already runs" in refused.stderr
    early = command("restore", *home, "--to", "2020-01-01T00:00:00Z")
    assert early.returncode == 1
    assert "no backup from before that time" in early.stderr
    assert lived.backup.ended_at in early.stderr
    assert (lived.home.folder / "postgres/data/PG_VERSION").exists()


def test_a_broken_off_restore_keeps_the_home_from_starting(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.open()
    home.close()
    home.restoring.touch()
    with pytest.raises(StartFailed, match="broken off"):
        home.open()
    home.close()


def test_the_doctor_tells_of_old_backups_only_where_there_are_any(lived: Lived, tmp_path: Path) -> None:
    assert [finding.state for finding in doctor._backups(lived.home)] == ["good"]
    folder = lived.plan.store.folder / lived.backup.id
    old = replace(lived.backup, ended_at=(lived.backup.end - timedelta(hours=27)).isoformat())
    text = (folder / "backup.json").read_text()
    aside = folder.with_name("aside")
    folder.rename(aside)
    lived.plan.store.write(old, aside)
    try:
        found = list(doctor._backups(lived.home))
    finally:
        (folder / "backup.json").write_text(text)
    assert [(finding.state, "backup run" in finding.mend) for finding in found] == [("look", True)]
    assert list(doctor._backups(Home(tmp_path))) == []


def test_two_installations_never_share_a_folder(lived: Lived, tmp_path: Path) -> None:
    other = Home(tmp_path / "home")
    other.open()
    other.close()
    with pytest.raises(StartFailed, match="another installation"):
        decide(other, lived.plan.store.folder, None)
    with pytest.raises(StartFailed, match="inside the installation"):
        decide(other, other.folder / "backups", None)

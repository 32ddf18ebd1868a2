"""The embedded servers are safe to start twice, private, and provisioned for roles that own nothing."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from support.platform import Platform

from praxis_local.home import Home
from praxis_local.nats import jetstream_answers
from praxis_local.postgres import SOCKET_PATH_LIMIT, socket_folder
from praxis_local.processes import StartFailed
from praxis_local.provision import DATABASES, database_url, provision
from praxis_local.topology import Ports

embedded_only = pytest.mark.skipif(
    os.environ.get("PRAXIS_TEST_BACKEND", "embedded") != "embedded", reason="looks into the embedded servers"
)


def test_provisioning_again_changes_nothing(platform: Platform) -> None:
    passwords = platform.home / "roles.json"
    before = passwords.read_text()
    assert provision(platform.servers.admin_url, DATABASES, passwords) == platform.databases
    assert passwords.read_text() == before
    assert passwords.stat().st_mode & 0o077 == 0


def test_a_role_enters_its_own_database_only(platform: Platform) -> None:
    mine = platform.databases["patients"].app
    with psycopg.connect(mine) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("patients",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(database_url(mine, "billing"))


def test_extensions_are_there_for_the_owner(platform: Platform) -> None:
    with psycopg.connect(platform.databases["scheduling"].owner) as connection:
        found = {row[0] for row in connection.execute("SELECT extname FROM pg_extension")}
    assert {"btree_gist", "pg_trgm", "unaccent", "citext"} <= found


@embedded_only
def test_the_log_repeats_no_values(platform: Platform) -> None:
    with psycopg.connect(platform.databases["patients"].owner) as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT 'canary-4711'::int")
    log = platform.home / "postgres" / "server.log"
    assert "canary-4711'::int" not in log.read_text()


@embedded_only
def test_jetstream_answers_to_the_token_only(platform: Platform) -> None:
    assert jetstream_answers(platform.nats_url)
    assert not jetstream_answers(platform.nats_url.replace("://", "://x"))


def test_a_long_home_still_gets_a_short_socket() -> None:
    folder = socket_folder(Path("/" + "long/" * 60))
    assert len(str(folder)) <= SOCKET_PATH_LIMIT
    assert folder == socket_folder(Path("/" + "long/" * 60))


def test_a_home_has_one_launcher(tmp_path: Path) -> None:
    first, second = Home(tmp_path), Home(tmp_path)
    first.open()
    with pytest.raises(StartFailed, match="already runs"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_a_scaled_service_is_called_at_all_its_replicas() -> None:
    ports = Ports.choose(8080, {"patients": 3})
    assert ports.replicas("patients") == ["patients", "patients-2", "patients-3"]
    target = ports.target("patients")
    assert target.startswith("ipv4:127.0.0.1:")
    assert target.count(",") == 2
    assert ports.target("billing") == f"127.0.0.1:{ports.calls['billing']}"
    assert len({*ports.calls.values(), *ports.probes.values()}) == len(ports.calls) + len(ports.probes)

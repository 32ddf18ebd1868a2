"""Databases that are migrated together: one that fails is named with its reason, and holds up no other."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from support.platform import Platform

from praxis_local.migrate import migrate
from praxis_local.processes import Program, StartFailed
from praxis_local.provision import database_url

# A database is at two levels: of the tables that every service has, and of its own.
LEVELS = b"SELECT count(*) FROM alembic_version"


def given(platform: Platform, name: str, owner_url: str) -> dict[str, str]:
    urls = platform.databases[name]
    return {
        "PRAXIS_DATABASE_URL": urls.app,
        "PRAXIS_DATABASE_OWNER_URL": owner_url,
        "PRAXIS_DATABASE_RELAY_URL": urls.relay,
        "PRAXIS_NATS_URL": platform.nats_url,
        "PRAXIS_TLS_DIR": str(platform.certificates(name).folder),
        "PRAXIS_TOKEN_PUBLIC_KEY_FILE": str(platform.home / "token.pub"),
        "PRAXIS_KEYS_FILE": str(platform.home / "keys.json"),
        "PRAXIS_FILES_DIR": str(platform.home / "files"),
    }


def test_one_that_fails_is_named_and_holds_up_no_other(platform: Platform) -> None:
    urls, admin = platform.databases, platform.servers.admin_url
    environments = {name: given(platform, name, urls[name].owner) for name in ("billing", "claims")}
    # Who serves may make no tables.
    environments["claims"]["PRAXIS_DATABASE_OWNER_URL"] = urls["claims"].app
    topology: Any = SimpleNamespace(
        command=lambda name, *words: Program(name, [sys.executable, "-m", f"praxis_{name}", *words], environments[name])
    )
    with pytest.raises(
        StartFailed, match=r"permission denied for schema public \(InsufficientPrivilege 42501\)"
    ) as failed:
        migrate(topology, admin, environments)
    told = str(failed.value)
    assert told.startswith("claims could not be migrated:")
    assert "billing could not" not in told
    with psycopg.connect(database_url(admin, "billing")) as connection:
        assert connection.execute(LEVELS).fetchone() == (2,)
    environments["claims"]["PRAXIS_DATABASE_OWNER_URL"] = urls["claims"].owner
    assert migrate(topology, admin, environments) == ["billing", "claims"]
    assert migrate(topology, admin, environments) == []

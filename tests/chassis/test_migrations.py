"""Migrating again disturbs nobody who works, and guarding tables for real waits for those who use them."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from support.platform import Platform

from praxis_chassis import migrations
from praxis_chassis.testing import ServiceUnderTest
from praxis_local.provision import database_url

HELD = "LOCK TABLE events, appointment_types, resources IN ROW EXCLUSIVE MODE"


def connect(platform: Platform) -> psycopg.Connection:
    return psycopg.connect(database_url(platform.servers.admin_url, "scheduling"))


def migrate(service: ServiceUnderTest, platform: Platform) -> None:
    owner = platform.databases["scheduling"].owner
    migrations.upgrade(service.service.migrations, owner, service.service.metadata, "scheduling")


def forget_that_it_was_done(platform: Platform) -> None:
    with connect(platform) as connection:
        connection.execute("COMMENT ON TABLE alembic_version IS NULL")
        connection.execute("DROP POLICY tenant ON appointment_types")


def guarded(platform: Platform) -> bool:
    with connect(platform) as connection:
        query = "SELECT count(*) FROM pg_policies WHERE tablename = 'appointment_types' AND policyname = 'tenant'"
        return connection.execute(query).fetchone() == (1,)


def test_migrating_again_passes_by_those_who_use_the_tables(scheduling: ServiceUnderTest, platform: Platform) -> None:
    with connect(platform) as busy:
        busy.execute(HELD)
        migrate(scheduling, platform)


def test_tables_are_guarded_when_their_users_are_done(scheduling: ServiceUnderTest, platform: Platform) -> None:
    forget_that_it_was_done(platform)
    assert not guarded(platform)
    with connect(platform) as busy:
        busy.execute(HELD)
        done = threading.Thread(target=migrate, args=(scheduling, platform))
        done.start()
        time.sleep(2.5)  # longer than it waits for a lock
        assert done.is_alive()
        busy.rollback()
        done.join(30)
    assert guarded(platform)


def test_who_stays_in_the_way_is_told_of(
    scheduling: ServiceUnderTest, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "PATIENCE_SECONDS", 0.0)
    forget_that_it_was_done(platform)
    with connect(platform) as busy:
        busy.execute(HELD)
        with pytest.raises(migrations.OperationalError, match="lock timeout"):
            migrate(scheduling, platform)
        busy.rollback()
    migrate(scheduling, platform)
    assert guarded(platform)

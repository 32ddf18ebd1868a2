"""A database that stays silent is given up in time, and one that answers is left alone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from google.rpc import code_pb2
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from support.platform import Platform

from praxis_chassis.boundary import LEAST_SECONDS
from praxis_chassis.context import Actor, Context
from praxis_chassis.database import Database
from praxis_chassis.errors import CallFailed
from praxis_chassis.testing import ServiceUnderTest
from praxis_chassis.types import new_id

pytestmark = [pytest.mark.faults, pytest.mark.alone]
# A server elsewhere names a process that here is nobody's, or somebody else's.
of_this_machine = pytest.mark.skipif(
    os.environ.get("PRAXIS_TEST_BACKEND", "embedded") != "embedded", reason="stops a process of the embedded server"
)


@contextmanager
def frozen(database: Database) -> Iterator[None]:
    """Stop the server's process behind one connection from answering; nothing closes it."""
    with database.engine.connect() as connection:
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def context(under: ServiceUnderTest, seconds: float) -> Context:
    return Context(None, Actor("system", "test"), under.runtime, deadline=time.monotonic() + seconds)


@of_this_machine
def test_a_frozen_server_holds_a_call_no_longer_than_its_deadline(
    platform: Platform, patients: ServiceUnderTest
) -> None:
    database = Database(platform.databases["patients"].app, size=1)
    with database.transaction(context(patients, 5.0)) as session:
        assert session.execute(text("SELECT 1")).scalar_one() == 1
    began = time.monotonic()
    with frozen(database), database.transaction(context(patients, 1.0)) as session:
        assert session.execute(text("SELECT 2")).scalar_one() == 2, "the pool replaces the silent connection"
    assert 0.5 < time.monotonic() - began < 10
    database.close()


def freeze_in_the_midst(database: Database, caller: Context) -> None:
    process = 0
    try:
        with database.transaction(caller) as session:
            process = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            os.kill(process, signal.SIGSTOP)
            session.execute(text("SELECT 3"))
    finally:
        os.kill(process, signal.SIGCONT)


@of_this_machine
def test_a_server_that_freezes_in_the_midst_of_a_call_is_cut_off(
    platform: Platform, patients: ServiceUnderTest
) -> None:
    database, began = Database(platform.databases["patients"].app, size=1), time.monotonic()
    with pytest.raises(OperationalError):
        freeze_in_the_midst(database, context(patients, 1.0))
    assert 1.0 < time.monotonic() - began < 10
    with database.transaction(context(patients, 5.0)) as session:
        assert session.execute(text("SELECT 4")).scalar_one() == 4
    database.close()


def test_slow_statements_end_by_the_server_and_say_why(platform: Platform, patients: ServiceUnderTest) -> None:
    database = Database(platform.databases["patients"].app, size=1)
    with (
        pytest.raises(OperationalError, match="QueryCanceled"),
        database.transaction(context(patients, 0.5)) as session,
    ):
        session.execute(text("SELECT pg_sleep(3)"))
    database.close()


def test_a_full_pool_refuses_within_half_a_second(platform: Platform, patients: ServiceUnderTest) -> None:
    database = Database(platform.databases["patients"].app, size=1)
    held = [database.engine.connect() for _ in range(5)]
    began = time.monotonic()
    with pytest.raises(PoolTimeout), database.transaction(context(patients, 5.0)):
        pass
    assert time.monotonic() - began < 3
    for connection in held:
        connection.close()
    database.close()


def test_work_is_not_begun_when_no_time_is_left(patients: ServiceUnderTest) -> None:
    method = patients.methods["ListPatients"]
    token = patients.minter.mint(
        tenant_id=new_id(), subject="test", kind="user", permissions=[method.policy.permission]
    )
    metadata, boundary = {"authorization": f"Bearer {token}"}, patients.server.boundary
    assert boundary.call(method.full_name, method.request(), metadata, 2.0, peers=None).message is not None
    with pytest.raises(CallFailed) as refused:
        boundary.call(method.full_name, method.request(), metadata, LEAST_SECONDS / 2, peers=None)
    assert refused.value.status.code == code_pb2.DEADLINE_EXCEEDED

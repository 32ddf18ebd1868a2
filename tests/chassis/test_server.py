"""A process takes as many calls at once as it can answer in time, and says when it cannot answer any."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import pytest

from praxis.patients.v1 import directory_service_pb2 as directory
from praxis_chassis.clients import channel
from praxis_chassis.server import Server, readiness
from praxis_chassis.service import Runtime
from praxis_chassis.testing import ServiceUnderTest
from praxis_chassis.tls import Certificates
from praxis_chassis.types import new_id

SECONDS = 20
LEVEL = '"""More than the database has."""\n\nrevision = "0099_more"\ndown_revision = None\n'


@pytest.fixture
def small(patients: ServiceUnderTest) -> Iterator[Server]:
    """The patients service once more, with a single thread."""
    settings = replace(patients.runtime.settings, threads=1, listen="127.0.0.1:0")
    server = Server(Runtime(patients.service, settings))
    server.start()
    yield server
    server.grpc.stop(0).wait()
    server.runtime.close()


@pytest.fixture
def line(small: Server, patients: ServiceUnderTest) -> Iterator[grpc.Channel]:
    certificates = Certificates(Path(patients.runtime.settings.tls_dir).with_name("gateway"))
    with channel(f"127.0.0.1:{small.port}", "patients", certificates) as opened:
        yield opened


def test_calls_beyond_the_limit_are_refused_at_once_and_those_within_are_answered(
    patients: ServiceUnderTest, small: Server, line: grpc.Channel
) -> None:
    """Four calls for each thread may be under way: one that is answered, and three that wait."""
    method, go_on = patients.methods["ListPractices"], threading.Event()
    answer = method.function

    def slow(*given: Any) -> Any:
        go_on.wait(SECONDS)
        return answer(*given)

    small.boundary.methods[method.full_name] = replace(method, function=slow)
    token = patients.minter.mint(
        tenant_id=new_id(), subject=str(new_id()), kind="user", permissions=[method.policy.permission]
    )
    invoke = line.unary_unary(f"/{method.full_name}", method.request.SerializeToString, method.reply.FromString)
    metadata = [("authorization", f"Bearer {token}")]

    def call() -> Any:
        return invoke.future(directory.ListPracticesRequest(), metadata=metadata, timeout=SECONDS)

    calls, ended = [call() for _ in range(6)], SimpleQueue[Any]()
    for each in calls:
        each.add_done_callback(ended.put)
    refused = [ended.get(timeout=SECONDS) for _ in range(2)]
    go_on.set()
    answered = [each for each in calls if each not in refused]
    assert {each.code() for each in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert {each.code() for each in answered} == {grpc.StatusCode.OK}
    assert call().code() == grpc.StatusCode.OK


def test_readiness_tells_which_level_of_the_database_is_missing(patients: ServiceUnderTest, tmp_path: Path) -> None:
    assert readiness(patients.runtime) == {}
    (tmp_path / "more.py").write_text(LEVEL)
    ahead = Runtime(replace(patients.service, migrations=tmp_path), patients.runtime.settings)
    assert readiness(ahead) == {"migrations": "lacks 0099_more"}
    ahead.close()


def test_readiness_tells_that_the_database_is_away(patients: ServiceUnderTest) -> None:
    settings = replace(patients.runtime.settings, database_url="postgresql://nobody@127.0.0.1:9/patients")
    away = Runtime(patients.service, settings)
    assert readiness(away) == {"database": "OperationalError"}
    away.close()

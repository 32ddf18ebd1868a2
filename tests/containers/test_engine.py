"""Where no engine answers, what needs containers is skipped with the reason, or fails where a skip is forbidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import engine
from support.servers import servers

REQUIRED = "PRAXIS_REQUIRE_CONTAINERS"


@pytest.fixture
def docker_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Put a docker command of our own in the place of the real one, or none at all."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(REQUIRED, raising=False)
    engine.missing.cache_clear()

    def put(script: str) -> None:
        (tmp_path / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "docker").chmod(0o755)
        engine.missing.cache_clear()

    yield put
    engine.missing.cache_clear()


def test_no_docker_command_is_a_skip(docker_that: Callable[[str], None]) -> None:
    with pytest.raises(pytest.skip.Exception, match="no docker command is on the path"):
        engine.needed()


def test_an_engine_that_is_down_is_a_skip_with_its_words(docker_that: Callable[[str], None]) -> None:
    docker_that("echo 'Cannot connect. Is it running?' >&2; exit 1")
    with pytest.raises(pytest.skip.Exception, match=r"no container engine answers: Cannot connect\. Is it running\?"):
        engine.needed()


def test_a_skip_is_a_failure_where_containers_are_required(
    docker_that: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match=f"{REQUIRED}=1, but no docker command"):
        engine.needed()


def test_an_engine_that_answers_is_enough(docker_that: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    docker_that("exit 0")
    engine.needed()
    monkeypatch.setenv(REQUIRED, "1")
    engine.needed()


def test_the_docker_backend_says_so_too(
    docker_that: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRAXIS_TEST_BACKEND", "docker")
    with pytest.raises(pytest.skip.Exception, match="no docker command"), servers(tmp_path):
        pass
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="no docker command"), servers(tmp_path):
        pass

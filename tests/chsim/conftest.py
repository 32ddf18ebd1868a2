"""Starts simulators for the tests and ends them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chsim_driver.process import Simulator


@pytest.fixture
def new_simulator(tmp_path: Path) -> Iterator[Callable[[str], Simulator]]:
    started: list[Simulator] = []

    def make(name: str) -> Simulator:
        started.append(Simulator(tmp_path / name))
        return started[-1]

    yield make
    for simulator in started:
        simulator.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One process for all tests of a file, because most of what a test would wait for is its start."""
    simulator = Simulator(tmp_path_factory.mktemp("house"))
    simulator.start()
    yield simulator
    simulator.kill()


@pytest.fixture
def simulator(shared: Simulator) -> Simulator:
    """A simulator that remembers nothing; `test_reset_forgets_everything` shows that it does not."""
    shared.call("POST", "/admin/reset", {})
    return shared

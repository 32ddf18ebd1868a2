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


@pytest.fixture
def simulator(new_simulator: Callable[[str], Simulator]) -> Simulator:
    simulator = new_simulator("house")
    simulator.start()
    return simulator

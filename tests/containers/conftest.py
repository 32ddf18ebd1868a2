"""The compose system, brought up once for all tests here; without a container engine they are skipped aloud."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from support import engine
from support.composed import Composed, composed
from tests.journeys.clinic import Clinic, open_clinic

SECONDS = 1800


@pytest.fixture(scope="session")
def system() -> Iterator[Composed]:
    """Every part of Praxis in containers."""
    engine.needed()
    with composed() as found:
        yield found


@pytest.fixture(scope="session")
def stranger(system: Composed) -> Iterator[Clinic]:
    """Somebody of another practice."""
    with closing(open_clinic(system, "willow")) as clinic:
        yield clinic


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a container engine; the first test to run waits for the image too, which may be built anew."""
    for item in items:
        if "containers" in item.path.parts:
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.timeout(SECONDS))

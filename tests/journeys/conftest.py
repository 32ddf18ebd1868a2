"""The whole system, started once for all journeys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.journeys.clinic import Clinic, open_clinic
from tests.support.collector import Collector, collecting
from tests.support.system import System, attached, existing_home, started

from praxis_local.topology import telemetry


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """What the system exports: every trace, every metric and every log line of all journeys."""
    if existing_home():
        pytest.skip("the installation named by PRAXIS_SYSTEM_HOME exports elsewhere")
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
def system(request: pytest.FixtureRequest) -> Iterator[System]:
    """Every part of Praxis over HTTP; PRAXIS_SYSTEM_HOME names an installation that runs already."""
    if home := existing_home():
        yield attached(home)
        return
    # Not below pytest's folder: each test run closes that to others, and PostgreSQL may run under another account.
    exports = telemetry(request.getfixturevalue("collector").url)
    with TemporaryDirectory(prefix="praxis-journeys-") as folder, started(Path(folder), environment=exports) as system:
        yield system


@pytest.fixture(scope="session")
def stranger(system: System) -> Iterator[Clinic]:
    """Somebody of another practice."""
    with closing(open_clinic(system, "willow")) as clinic:
        yield clinic

"""The whole system, started once for all journeys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.journeys.clinic import Clinic, open_clinic
from tests.support.system import System, attached, existing_home, started


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """Every part of Praxis over HTTP; PRAXIS_SYSTEM_HOME names an installation that runs already."""
    if home := existing_home():
        yield attached(home)
        return
    # Not below pytest's folder: each test run closes that to others, and PostgreSQL may run under another account.
    with TemporaryDirectory(prefix="praxis-journeys-") as folder, started(Path(folder)) as system:
        yield system


@pytest.fixture(scope="session")
def stranger(system: System) -> Iterator[Clinic]:
    """Somebody of another practice."""
    with closing(open_clinic(system, "willow")) as clinic:
        yield clinic

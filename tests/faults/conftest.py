"""One installation for all fault tests that need the whole, started once by the real launcher."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.faults.house import House
from tests.support.system import started

from praxis_local.topology import SERVICES

UNLIMITED = {"PRAXIS_RATE_LIMIT": "100000000", "PRAXIS_RATE_LIMIT_ANONYMOUS": "100000000"}


@pytest.fixture(scope="session")
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    """Every part of Praxis, patients twice; with `--long` each service twice."""
    doubled = SERVICES if request.config.getoption("--long") else SERVICES[:1]
    # Not below pytest's folder: each test run closes that to others, and PostgreSQL may run under another account.
    with (
        TemporaryDirectory(prefix="praxis-faults-") as folder,
        started(
            Path(folder), "--scale", ",".join(f"{name}=2" for name in doubled), environment=UNLIMITED, clearing=False
        ) as system,
    ):
        house = House.move_in(system)
        yield house
        house.owner.close()

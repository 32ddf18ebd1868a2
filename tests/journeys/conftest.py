"""The whole system, started once for all journeys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.journeys.clinic import COINED, Clinic, open_clinic
from tests.journeys.told import told
from tests.support.canary import hits
from tests.support.collector import Collector, collecting
from tests.support.mail_server import mail_server
from tests.support.system import System, attached, existing_home, started

from praxis_local.topology import telemetry


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """What the system exports: every trace, every metric and every log line of all journeys."""
    if existing_home():
        pytest.skip("the installation named by PRAXIS_SYSTEM_HOME exports elsewhere")
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="package")  # it works even when nobody calls, so it ends before others begin
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Every part of Praxis over HTTP; PRAXIS_SYSTEM_HOME names an installation that runs already."""
    if home := existing_home():
        yield attached(home)
        return
    collector: Collector = request.getfixturevalue("collector")
    with mail_server(tmp_path_factory.mktemp("mail")) as mail, TemporaryDirectory(prefix="praxis-journeys-") as folder:
        sending = {f"PRAXIS_{name.upper()}": str(value) for name, value in mail.settings.items()}
        environment = {**telemetry(collector.url), **sending, "PRAXIS_PUBLIC_URL": "https://front.example"}
        # Not below pytest's folder: each test run closes that to others, and PostgreSQL may run under another account.
        with started(Path(folder), environment=environment) as installed:
            system = replace(installed, collector=collector)
            yield system
            assert hits(COINED, told(system)) == [], "after all journeys, somebody's word is told"


@pytest.fixture(scope="package")
def stranger(system: System) -> Iterator[Clinic]:
    """Somebody of another practice."""
    with closing(open_clinic(system, "willow")) as clinic:
        yield clinic

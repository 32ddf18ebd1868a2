"""What every test may ask for: a real PostgreSQL, a real NATS, and each service running over real gRPC."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from praxis_chassis.keys import make_keys_file
from praxis_chassis.settings import Settings
from praxis_chassis.testing import ServiceUnderTest
from praxis_chassis.tokens import make_key_pair
from praxis_local.nats import Nats
from praxis_local.postgres import Postgres
from praxis_local.provision import DATABASES, DatabaseUrls, provision


@dataclass
class Platform:
    """The servers of this test run and the files that all services share."""

    home: Path
    databases: dict[str, DatabaseUrls]
    nats_url: str
    postgres: Postgres
    nats: Nats

    @property
    def private_key(self) -> Path:
        """The gateway's signing key."""
        return self.home / "token.pem"

    def settings(self, kind: type[Settings], name: str, **more: Any) -> Settings:
        """Return the settings of one service on this platform."""
        urls = self.databases[name]
        values: dict[str, Any] = {
            "database_url": urls.app,
            "database_owner_url": urls.owner,
            "database_relay_url": urls.relay,
            "nats_url": self.nats_url,
            "token_public_key_file": str(self.home / "token.pub"),
            "token_private_key_file": str(self.private_key),
            "keys_file": str(self.home / "keys.json"),
            "files_dir": str(self.home / "files"),
            "log_format": "text",
            "drain_seconds": 0.0,
        }
        return kind(**(values | more))


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A PostgreSQL and a NATS server for this test process, thrown away at the end."""
    home = tmp_path_factory.mktemp("platform")
    make_keys_file(home / "keys.json")
    make_key_pair(home / "token.pem", home / "token.pub")
    with Postgres(home, fast=True) as postgres, Nats(home) as nats:
        urls = provision(postgres.admin_url, DATABASES, home / "roles.json")
        yield Platform(home, urls, nats.url, postgres, nats)


@pytest.fixture(scope="session")
def running(platform: Platform) -> Iterator[Callable[..., ServiceUnderTest]]:
    """Start services by name, each once per test process."""
    started: dict[str, ServiceUnderTest] = {}

    def run(name: str, **more: Any) -> ServiceUnderTest:
        if name not in started:
            service = importlib.import_module(f"praxis_{name}.service").service
            settings = platform.settings(service.settings, name, **more)
            started[name] = ServiceUnderTest(service, settings, platform.private_key)
        return started[name]

    yield run
    for service in started.values():
        service.close()


@pytest.fixture(scope="session")
def patients(running: Callable[..., ServiceUnderTest]) -> ServiceUnderTest:
    """The patients service, running; `patients.tenant()` gives a fresh practice group."""
    return running("patients")


@pytest.fixture(scope="session")
def scheduling(running: Callable[..., ServiceUnderTest]) -> ServiceUnderTest:
    """The scheduling service, running."""
    return running("scheduling")


@pytest.fixture(scope="session")
def billing(running: Callable[..., ServiceUnderTest]) -> ServiceUnderTest:
    """The billing service, running."""
    return running("billing")


@pytest.fixture(scope="session")
def claims(running: Callable[..., ServiceUnderTest], platform: Platform) -> ServiceUnderTest:
    """The claims service, running, with an empty clearinghouse folder."""
    folder = platform.home / "clearinghouse"
    folder.mkdir(exist_ok=True)
    return running("claims", clearinghouse_dir=str(folder))


@pytest.fixture(scope="session")
def reporting(running: Callable[..., ServiceUnderTest]) -> ServiceUnderTest:
    """The reporting service, running."""
    return running("reporting")

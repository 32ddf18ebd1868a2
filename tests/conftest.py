"""What every test may ask for: a real PostgreSQL, a real NATS, and each service running over real gRPC."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

# Tests start programs while gRPC's threads run; its fork handlers would stop calls that are under way.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from hypothesis import HealthCheck, settings
from support.platform import Platform
from support.servers import servers
from xdist.scheduler import LoadFileScheduling

from praxis_chassis.keys import make_keys_file
from praxis_chassis.machine import collect_rarely
from praxis_chassis.testing import ServiceUnderTest
from praxis_chassis.tokens import make_key_pair
from praxis_local.provision import DATABASES, provision

if TYPE_CHECKING:
    from support.front_door import FrontDoor
    from support.practice_day import Lived

# How fast a machine draws examples says nothing about what is tested with them.
settings.register_profile("praxis", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("praxis")
# Folders whose tests share something that takes a minute to make, so that one worker gets them all.
TOGETHER = {"contracts": "gateway", "gateway": "gateway", "journeys": "journeys"}
# What takes longest comes last, and the longest of that first, so that both workers end at about the same time.
LATE = {name: place for place, name in enumerate(("gateway", "journeys", "faults", "local", "bench"), 1)}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--long`: the full counts of the fault tests and simulations, and everything that is timed."""
    parser.addoption("--long", action="store_true", help="run fault tests and simulations at their full counts")


def area_of(nodeid: str) -> str:
    """Return the part of the tests that a test belongs to."""
    folder = nodeid.split("/")[1]
    return sys.intern(TOGETHER.get(folder, folder))  # pytest tells parameters apart by what they are, not by their text


class Scheduler(LoadFileScheduling):
    """Gives whole files to the workers, and to one of them all that share something which takes long to make."""

    def _split_scope(self, nodeid: str) -> str:
        area = area_of(nodeid)
        return area if area in TOGETHER.values() else super()._split_scope(nodeid)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what is fast go first."""
    items.sort(key=lambda item: LATE.get(area_of(item.nodeid), 0))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tell every test its area, without a trace in its name."""
    areas = [area_of(metafunc.definition.nodeid)]
    metafunc.parametrize("area", areas, indirect=True, scope="session", ids=[pytest.HIDDEN_PARAM])


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    """Spread the tests over the workers."""
    return Scheduler(config, log)


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the full counts were asked for."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session", autouse=True)
def area(request: pytest.FixtureRequest) -> str:
    """The part of the tests that goes on; what is built on it ends when the next one begins.

    A service that nobody asks any more would still apply what others record, which made later tests several times as
    slow.
    """
    return str(request.param)


@pytest.fixture(scope="session")
def platform(area: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A PostgreSQL and a NATS server for this part of the tests, thrown away at its end."""
    collect_rarely()
    home = tmp_path_factory.mktemp(f"platform-{area}")
    make_keys_file(home / "keys.json")
    make_key_pair(home / "token.pem", home / "token.pub")
    with servers(home) as found:
        yield Platform(home, provision(found.admin_url, DATABASES, home / "roles.json"), found)


@pytest.fixture(scope="session")
def running(platform: Platform) -> Iterator[Callable[..., ServiceUnderTest]]:
    """Start services by name, each once per test process."""
    started: dict[str, ServiceUnderTest] = {}

    def run(name: str, **more: Any) -> ServiceUnderTest:
        if name not in started:
            if name == "scheduling":  # whose signed links and webhooks begin with it
                more = {"public_url": "https://front.example", **more}
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
def claims(running: Callable[..., ServiceUnderTest]) -> ServiceUnderTest:
    """The claims service, running; without a clearinghouse, so that a test moves the files itself."""
    return running("claims")


@pytest.fixture(scope="session")
def reporting(running: Callable[..., ServiceUnderTest]) -> ServiceUnderTest:
    """The reporting service, running."""
    return running("reporting")


@pytest.fixture(scope="session")
def front_door(platform: Platform, running: Callable[..., ServiceUnderTest]) -> Iterator[FrontDoor]:
    """The gateway, listening, in front of all five services."""
    from support.front_door import opened

    with opened(platform, running) as door:
        yield door


@pytest.fixture(scope="session")
def lived(front_door: FrontDoor) -> Iterator[Lived]:
    """A practice that has called every operation of the public API, and what was said."""
    from support.practice_day import Day, Lived, read_everything

    tenant_id, diary = front_door.newcomer()
    day = Day.begin(diary, "Quokkaberry")
    day.run()
    read_everything(diary, front_door.description())
    yield Lived(tenant_id, day.mark, diary, day)
    diary.close()

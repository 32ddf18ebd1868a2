"""The compose system is closed, takes a site's settings, and spreads calls over as many replicas as it is told."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from support.composed import DEPLOY, Composed
from support.engine import docker
from support.load import Call, Load, failures
from tests.journeys.clinic import Clinic, open_clinic

from praxis_chassis.messaging import OLDEST_NATS

SERVICES = ("patients", "scheduling", "billing", "claims", "reporting")
PARTS = (*SERVICES, "gateway")
PROCESSES = (*PARTS, *(f"{part}-work" for part in PARTS))
# Each of three replicas gets a third when calls are balanced; half of that is no accident, and one alone gets all.
LEAST_SHARE = 0.15
LIST, READ = "ListAppointmentTypes", Call("kinds", "/v1/appointmentTypes?page_size=5")
CONNECT = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def reached(place):
    host, _, port = place.partition(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
    except OSError:
        return False
    return True
with ThreadPoolExecutor(16) as pool:
    print(*(place for place, found in zip(sys.argv[1:], pool.map(reached, sys.argv[1:])) if found))
"""
# Calls one replica by its address, as a caller without balancing would.
PINNED = """
import sys
from pathlib import Path
from uuid import UUID
from praxis.scheduling.v1 import appointment_type_service_pb2 as messages, appointment_type_service_pb2_grpc as stubs
from praxis_chassis.clients import channel
from praxis_chassis.tls import Certificates
from praxis_chassis.tokens import Minter
address, tenant, count = sys.argv[1:]
minter = Minter(Path("/secrets/gateway/token-private.pem").read_bytes())
permissions = ["scheduling.appointment_types.read"]
token = minter.mint(tenant_id=UUID(tenant), subject="tests", kind="system", permissions=permissions)
with channel(address, "scheduling", Certificates(Path("/secrets/gateway"))) as opened:
    stub = stubs.AppointmentTypeServiceStub(opened)
    for _ in range(int(count)):
        metadata = (("authorization", f"Bearer {token}"),)
        stub.ListAppointmentTypes(messages.ListAppointmentTypesRequest(), metadata=metadata, timeout=5)
"""
PUBLISH = """
import asyncio, sys, nats
async def main():
    refused = []
    async def say(error):
        refused.append(str(error))
    address = open("/secrets/patients/nats-url").read()
    client = await nats.connect(address, error_cb=say, inbox_prefix="_INBOX_patients")
    await client.publish(sys.argv[1], b"")
    await client.flush()
    await asyncio.sleep(0.3)
    await client.close()
    sys.exit("refused" if refused else 0)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def clinic(system: Composed) -> Iterator[Clinic]:
    """A practice whose people keep the system busy."""
    with closing(open_clinic(system, "harbor")) as clinic:
        yield clinic


def test_a_process_reaches_its_own_database_and_no_other(system: Composed) -> None:
    places = {
        part: [f"{part}-database:5432", f"{system.address(system.containers(f'{part}-database')[0])}:5432"]
        for part in PARTS
    }
    everywhere = [place for pair in places.values() for place in pair]
    for process in PROCESSES:
        reached = system.run(process, "python", "-c", CONNECT, *everywhere).split()
        assert reached == places[process.removesuffix("-work")], process


def test_only_what_sends_messages_reaches_what_is_outside(system: Composed) -> None:
    """Every process reaches the collector where it is meant to; where it stands outside, only the one that may."""
    [collector] = system.containers("collector")
    beside, outside = "collector:4318", f"{system.address(collector, 'out')}:4318"
    for process in PROCESSES:
        reached = system.run(process, "python", "-c", CONNECT, beside, outside).split()
        assert reached == ([beside, outside] if process == "scheduling-work" else [beside]), process


def test_settings_of_the_site_reach_the_processes(system: Composed) -> None:
    """What is not set keeps the default of the program; addresses are shown as set and not told."""
    for process in ("scheduling", "scheduling-work"):
        found = json.loads(system.run(process, "python", "-m", "praxis_scheduling", "settings"))
        assert found["public_url"] == "(set)", process
        assert (found["smtp_host"], found["smtp_port"], found["sms_url"]) == ("", 587, ""), process
        assert (found["threads"], found["stream_replicas"], found["trace_sample_ratio"]) == (16, 1, 0.01), process


def test_every_setting_that_is_offered_is_passed_on() -> None:
    offered = set(re.findall(r"^#?([A-Z_]+)=", (DEPLOY / ".env").read_text(), re.MULTILINE))
    text = (DEPLOY / "compose.yaml").read_text()
    used = set(re.findall(r"\$\{([A-Z_]+)(?::-[^}]*)?\}", text)) | set(
        re.findall(r"^ +([A-Z_]+):$", text, re.MULTILINE)
    )
    assert offered == used


def test_a_service_publishes_its_own_events_and_no_others(system: Composed) -> None:
    def code(subject: str) -> int:
        return system.try_run("patients-work", "python", "-c", PUBLISH, subject)[0]

    # Of no tenant and no type: consumers pass it over.
    assert code("praxis.patients.probe.created.v1") == 0
    assert code("praxis.billing.probe.created.v1") == 1


def test_an_old_bus_is_warned_of_and_not_refused(system: Composed) -> None:
    version = system.run("nats", "nats-server", "--version").strip().rpartition("v")[2]
    old = tuple(int(part) for part in version.split(".")) < OLDEST_NATS
    for name in SERVICES:
        log = docker("logs", system.containers(f"{name}-work")[0])
        warned = [line for line in (log.stdout + log.stderr).splitlines() if "NATS is older" in line]
        assert bool(warned) == old, name
        assert all(version in line for line in warned), warned


def test_processes_have_no_rights_that_they_do_not_need(system: Composed) -> None:
    for service in (*SERVICES, "gateway", *(f"{name}-work" for name in SERVICES)):
        assert system.run(service, "id", "-u").strip() == "10001", service
        assert system.try_run(service, "touch", "/opt/praxis/mark")[0] != 0, service
        assert system.try_run(service, "touch", "/tmp/mark")[0] == 0, service
        status = system.run(service, "cat", "/proc/1/status")
        assert "CapEff:\t0000000000000000" in status, service


def test_a_service_sees_its_own_secrets_only(system: Composed) -> None:
    assert "cert.pem" in system.run("patients", "ls", "/secrets/patients")
    for folder in ("gateway", "billing", "authority", "patients-database"):
        assert system.run("patients", "ls", f"/secrets/{folder}").split() == [], folder


def test_only_the_gateway_is_published() -> None:
    described = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert [name for name, service in described.items() if "ports" in service] == ["gateway"]


def test_calls_are_spread_over_three_replicas(system: Composed, clinic: Clinic) -> None:
    system.up("--scale", "scheduling=3", "--no-recreate")
    assert len(system.containers("scheduling")) == 3
    deadline = time.monotonic() + 90
    served: Counter[str] = Counter()
    while not balanced(served) and time.monotonic() < deadline:
        served = served_during_load(system, clinic)
    print(f"answered by three replicas: {sorted(served.values())}")
    assert balanced(served), served


def test_calls_to_one_of_three_replicas_are_not_called_spread(system: Composed, clinic: Clinic) -> None:
    """The twin of the test above: replicas that are well, and that nobody calls, do not count."""
    system.up("--scale", "scheduling=3", "--no-recreate")
    [chosen, *idle] = system.containers("scheduling")
    before = system.answered("scheduling", LIST)
    place = f"{system.address(chosen, 'calls')}:7000"
    system.run("gateway", "python", "-c", PINNED, place, clinic.tenant_id, "60")
    served = counted(system, before, 60)
    system.up("--scale", "scheduling=1", "--no-recreate")
    assert served == {chosen: 60, **dict.fromkeys(idle, 0)}
    assert not balanced(served)


def balanced(served: Counter[str]) -> bool:
    """Tell whether three replicas have answered, each a good part."""
    return len(served) == 3 and min(served.values()) >= LEAST_SHARE * served.total() > 0


def served_during_load(system: Composed, clinic: Clinic) -> Counter[str]:
    """Read for some seconds, and return how many of the answers came from which container."""
    before = system.answered("scheduling", LIST)
    with Load(clinic.owner.url, clinic.owner.token, [READ], threads=6, per_second=25) as running:
        running.wait_for(150)
    assert not failures(running.answers)
    return counted(system, before, len(running.answers))


def counted(system: Composed, before: Counter[str], expected: int) -> Counter[str]:
    """Return what each container has answered since; every call must be found, so wait for the metrics."""
    deadline = time.monotonic() + 30
    while True:
        now = system.answered("scheduling", LIST)
        served = Counter({container: now[container] - before[container] for container in now})
        if served.total() >= expected:
            return served
        assert time.monotonic() < deadline, f"{served.total()} of {expected} calls were counted"
        time.sleep(0.5)


def test_databases_and_secrets_outlive_their_containers(system: Composed, clinic: Clinic) -> None:
    before = clinic.owner.get("/v1/tenants/current")
    system.up("--force-recreate", "gateway", "gateway-database", "patients", "patients-database")
    moved = type(clinic.owner)(system.url, clinic.owner.token)
    assert moved.get("/v1/tenants/current") == before
    moved.close()


def test_no_image_is_named_but_in_the_list_of_names() -> None:
    names = (DEPLOY / ".env").read_text()
    for path in (DEPLOY / "compose.yaml", DEPLOY / "images" / "Dockerfile"):
        for line in Path(path).read_text().splitlines():
            if line.lstrip().startswith(("image:", "FROM ")):
                assert "${" in line, line
    assert "PRAXIS_IMAGE=" in names

"""The compose system is closed, scales by one option, and survives the loss of its parts under load."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from support.composed import DEPLOY, Composed
from support.engine import docker
from tests.journeys.clinic import Clinic, open_clinic

from praxis_chassis.messaging import OLDEST_NATS

SERVICES = ("patients", "scheduling", "billing", "claims", "reporting")
CONNECT = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def reached(host):
    try:
        socket.create_connection((host, 5432), 2).close()
    except OSError:
        return False
    return True
with ThreadPoolExecutor(16) as pool:
    print(*(host for host, found in zip(sys.argv[1:], pool.map(reached, sys.argv[1:])) if found))
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


def test_a_service_reaches_its_own_database_and_no_other(system: Composed) -> None:
    hosts = {
        name: (f"{name}-database", system.address(system.containers(f"{name}-database")[0]))
        for name in (*SERVICES, "gateway")
    }
    everywhere = [host for pair in hosts.values() for host in pair]
    for service in SERVICES:
        assert system.run(service, "python", "-c", CONNECT, *everywhere).split() == list(hosts[service]), service


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
    while len(served) < 3 and time.monotonic() < deadline:
        with load(clinic, "/v1/appointmentTypes", threads=6, seconds=3):
            pass
        served = sessions(system)
    assert len(served) == 3, served


def test_the_loss_of_a_replica_is_not_seen(system: Composed, clinic: Clinic) -> None:
    system.up("--scale", "scheduling=3", "--no-recreate")
    with load(clinic, "/v1/appointmentTypes", threads=4, seconds=12) as answers:
        time.sleep(3)
        docker("kill", "--signal", "KILL", system.containers("scheduling")[0])
    failed = sum(count for status, count in answers.items() if status != 200)
    assert answers[200] > 100
    assert failed <= answers[200] * 0.02, answers
    system.up("--scale", "scheduling=1", "--no-recreate")


def test_databases_and_bus_may_be_killed(system: Composed, clinic: Clinic) -> None:
    for service in ("patients-database", "nats"):
        docker("kill", "--signal", "KILL", system.containers(service)[0])
        system.up()
    patient = clinic.register({"human": {"name": {"given": ["Una"], "family": "Aftermath"}}})["patient"]
    clinic.owner.until(f"/v1/patients/{patient['id']}", lambda reply: reply["id"] == patient["id"])
    system.until_published()


def test_databases_and_secrets_outlive_their_containers(system: Composed, clinic: Clinic) -> None:
    before = clinic.owner.get("/v1/tenants/current")
    system.up("--force-recreate", "gateway", "gateway-database", "patients", "patients-database")
    moved = type(clinic.owner)(system.url, clinic.owner.token)
    assert moved.get("/v1/tenants/current") == before
    moved.close()


def sessions(system: Composed) -> Counter[str]:
    """Return how many sessions each address holds in scheduling's database as the app role."""
    query = "SELECT host(client_addr), count(*) FROM pg_stat_activity WHERE usename = 'scheduling_app' GROUP BY 1"
    workers = {system.address(container) for container in system.containers("scheduling-work")}
    replicas = set()
    for container in system.containers("scheduling"):
        addresses = docker(
            "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", container
        ).stdout.split()
        replicas.update(addresses)
    rows = system.rows("scheduling", query)
    return Counter({address: count for address, count in rows if address in replicas - workers})


@contextmanager
def load(clinic: Clinic, path: str, *, threads: int, seconds: float) -> Iterator[Counter[int]]:
    """Read a path as the owner from some threads, for so long or as long as the body takes; count the answers."""
    answers: Counter[int] = Counter()
    until = time.monotonic() + seconds
    pool = [threading.Thread(target=_read, args=(clinic, path, until, answers)) for _ in range(threads)]
    for thread in pool:
        thread.start()
    try:
        yield answers
    finally:
        for thread in pool:
            thread.join(seconds + 30)


def _read(clinic: Clinic, path: str, until: float, answers: Counter[int]) -> None:
    place = urlsplit(clinic.owner.url)
    headers = {"Authorization": f"Bearer {clinic.owner.token}"}
    connection = HTTPConnection(str(place.hostname), place.port, timeout=30)
    while time.monotonic() < until:
        try:
            connection.request("GET", path, headers=headers)
            reply = connection.getresponse()
            reply.read()
            answers[reply.status] += 1
        except OSError:
            answers[0] += 1
            connection.close()
    connection.close()


def test_no_image_is_named_but_in_the_list_of_names() -> None:
    names = (DEPLOY / ".env").read_text()
    for path in (DEPLOY / "compose.yaml", DEPLOY / "images" / "Dockerfile"):
        for line in Path(path).read_text().splitlines():
            if line.lstrip().startswith(("image:", "FROM ")):
                assert "${" in line, line
    assert "PRAXIS_IMAGE=" in names

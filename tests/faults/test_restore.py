"""One service is restored to an earlier moment: the others notice every aggregate it forgot, and no erasure returns."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select

from praxis.patients.v1 import patient_pb2, patient_service_pb2
from praxis_chassis import tables
from praxis_chassis.testing import ServiceUnderTest
from praxis_chassis.types import new_id
from praxis_local.authority import Authority
from praxis_local.backup.keeper import back_up, due
from praxis_local.backup.plan import Plan, decide
from praxis_local.backup.recover import Source
from praxis_local.backup.restore import Restore
from praxis_local.backup.sealed import read_private
from praxis_local.backup.ship import Shipper
from praxis_local.home import Home
from praxis_local.migrate import migrate
from praxis_local.nats import Nats
from praxis_local.postgres import Postgres
from praxis_local.provision import DATABASES, DatabaseUrls, provision
from praxis_local.topology import Ports, Topology
from praxis_patients.service import service as patients_service
from praxis_scheduling.service import service as scheduling_service
from praxis_scheduling.store.models import PatientCopy

pytestmark = pytest.mark.faults

PARTS = ("patients", "scheduling")
SETTLE_SECONDS = 60.0


@dataclass
class Practice:
    """A practice on an installation of two services: patients owns, scheduling keeps copies."""

    admin_url: str
    patients: ServiceUnderTest
    scheduling: ServiceUnderTest
    tenant_id: UUID

    def register(self, family: str) -> UUID:
        patient = patient_pb2.Patient()
        patient.human.name.family = family
        patient.human.birth_date = "1980-02-03"
        request = patient_service_pb2.RegisterPatientRequest(patient=patient)
        return UUID(self.patients.tenant(self.tenant_id).call("RegisterPatient", request).patient.id)

    def rename(self, patient_id: UUID, family: str) -> None:
        patient = patient_pb2.Patient(id=str(patient_id))
        patient.human.name.family = family
        patient.human.birth_date = "1980-02-03"
        request = patient_service_pb2.UpdatePatientRequest(patient=patient)
        self.patients.tenant(self.tenant_id).call("UpdatePatient", request)

    def erase(self, patient_id: UUID) -> None:
        request = patient_service_pb2.ErasePatientRequest(id=str(patient_id), reason="The patient asked for it.")
        self.patients.tenant(self.tenant_id).call("ErasePatient", request, factor_time=time.time())

    def copies(self) -> dict[UUID, str]:
        with self.scheduling.tenant(self.tenant_id).session() as session:
            return {copy.id: copy.name for copy in session.scalars(select(PatientCopy))}

    def noted(self) -> set[UUID]:
        table = tables.divergences
        with self.scheduling.tenant(self.tenant_id).session() as session:
            return set(session.scalars(select(table.c.aggregate_id)))

    def now(self) -> datetime:
        with psycopg.connect(self.admin_url) as admin:
            row = admin.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        return row[0]


@contextmanager
def provided(home: Home) -> Iterator[tuple[Postgres, dict[str, DatabaseUrls]]]:
    """Run the durable server of an installation whose databases are at this level."""
    home.open()
    Authority(home.certificates).renew()
    try:
        with Postgres(home.folder) as postgres:
            urls = provision(postgres.admin_url, DATABASES, home.passwords)
            migrate(Topology(home, Ports.choose(8080), urls, ""), postgres.admin_url, PARTS)
            yield postgres, urls
    finally:
        home.close()


@contextmanager
def running(home: Home, tenant_id: UUID) -> Iterator[Practice]:
    """Run the installation for a while, on durable servers."""
    with provided(home) as (postgres, urls), Nats(home.folder) as nats:
        services = []
        for service in (patients_service, scheduling_service):
            settings = service.settings(
                database_url=urls[service.name].app,
                database_owner_url=urls[service.name].owner,
                database_relay_url=urls[service.name].relay,
                nats_url=nats.url,
                token_public_key_file=str(home.public_key),
                tls_dir=str(home.certificates / service.name),
                keys_file=str(home.keys_file),
                files_dir=str(home.files),
                drain_seconds=0.0,
            )
            services.append(ServiceUnderTest(service, settings, home.private_key))
        try:
            yield Practice(postgres.admin_url, *services, tenant_id)
        finally:
            for under_test in services:
                under_test.close()


def soon(check: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other test runs leave alone: they close the common one to the account PostgreSQL runs as."""
    with tempfile.TemporaryDirectory(prefix="praxis-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def fresh() -> Iterator[Path]:
    """An installation in which nothing has happened yet; made once, because its databases take long."""
    with tempfile.TemporaryDirectory(prefix="praxis-") as folder:
        with provided(Home(Path(folder) / "home")):
            pass
        yield Path(folder) / "home"


@pytest.fixture
def home(place: Path, fresh: Path) -> Home:
    """A copy of it, with the owners that its files have, and with a bus of its own."""
    subprocess.run(["cp", "-a", str(fresh), str(place / "home")], check=True)
    return Home(place / "home")


def source_of(plan: Plan) -> Source:
    return Source(plan.store, read_private(plan.private_key))


def test_others_note_exactly_what_a_restored_service_forgot(home: Home, place: Path) -> None:
    tenant_id = new_id()
    with running(home, tenant_id) as practice:
        before = [practice.register(f"Before{number}") for number in range(4)]
        plan = decide(home, place / "backups", None)
        back_up(plan, practice.admin_url)
        before.append(practice.register("BeforeTheMoment"))
        moment = practice.now()
        lost = {practice.register(f"Lost{number}") for number in range(3)}
        for patient_id in before[:2]:
            practice.rename(patient_id, "Renamed")
            lost.add(patient_id)
        assert soon(lambda: len(practice.copies()) == 8 and "Renamed" in practice.copies()[before[1]])
        assert practice.noted() == set()
    Restore(home, source_of(plan), moment, only="patients").run()
    with running(home, tenant_id) as practice:
        assert soon(lambda: practice.noted() != set())
        practice.rename(before[0], "AfterTheRestore")
        fresh = practice.register("Fresh")
        practice.rename(before[2], "Undivided")
        assert soon(lambda: "AfterTheRestore" in practice.copies()[before[0]])
        assert soon(lambda: fresh in practice.copies() and "Undivided" in practice.copies()[before[2]])
        assert practice.noted() - parties(practice) == lost
        assert practice.scheduling.tenant(tenant_id).dead_letters() == 0
        with psycopg.connect(practice.admin_url) as admin:
            kept = admin.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'patients_before_%'").fetchone()
        assert kept == (1,), "the database that was replaced is still there"


def parties(practice: Practice) -> set[UUID]:
    """Return the other aggregates that a registration makes."""
    table = tables.divergences
    with practice.scheduling.tenant(practice.tenant_id).session() as session:
        return set(session.scalars(select(table.c.aggregate_id).where(table.c.aggregate != "patient")))


def test_a_whole_restore_divides_nobody_and_undoes_no_erasure(home: Home, place: Path) -> None:
    tenant_id = new_id()
    with running(home, tenant_id) as practice:
        stays, erased = practice.register("Stays"), practice.register("Quokkaberry")
        assert soon(lambda: len(practice.copies()) == 2)
        plan = decide(home, place / "backups", None)
        back_up(plan, practice.admin_url)
        moment = practice.now()
        practice.erase(erased)
        later = practice.register("Later")
        assert soon(lambda: later in practice.copies() and practice.copies()[erased] == "")
        assert not due(plan, practice.admin_url)
    Restore(home, source_of(plan), moment, parts=PARTS).run()
    with running(home, tenant_id) as practice:
        assert soon(lambda: set(practice.copies()) == {stays, erased} and practice.copies()[erased] == "")
        assert "Stays" in practice.copies()[stays]
        fresh = practice.register("Fresh")
        assert soon(lambda: fresh in practice.copies())
        assert practice.noted() == set()
        with psycopg.connect(practice.admin_url.replace("/postgres?", "/patients?")) as admin:
            state = admin.execute("SELECT state FROM patients WHERE id = %s", [erased]).fetchone()
            keys = admin.execute("SELECT sealed_key FROM subject_keys WHERE subject_id = %s", [erased]).fetchone()
        assert (state, keys) == (("erased",), (None,))
        assert due(plan, practice.admin_url), "the new history needs a backup of its own"
        back_up(plan, practice.admin_url)
        second = practice.now()
        practice.register("LostAgain")
    assert Shipper(plan).segments() > 0
    Restore(home, source_of(plan), second, parts=PARTS).run()
    with running(home, tenant_id) as practice:
        assert soon(lambda: set(practice.copies()) == {stays, erased, fresh})
        assert practice.noted() == set()
    assert len(list(home.folder.glob("before-*"))) == 2, "what was replaced is kept aside"

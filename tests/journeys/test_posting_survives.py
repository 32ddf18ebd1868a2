"""Billing is killed in the middle of posting a remittance, and the same file comes three times: nothing changes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal

import psycopg
import pytest
from tests.journeys import claims, money
from tests.journeys.clinic import Clinic, coined, human, open_clinic
from tests.journeys.invariants import hold
from tests.journeys.search import content
from tests.support.system import System

from praxis_local.provision import database_url

CLAIMS, PATIENCE_SECONDS = 6, 90.0
PAID, ADJUSTED = Decimal("94.40"), Decimal("23.60")


@pytest.fixture
def clinic(system: System) -> Iterator[Clinic]:
    """A medical practice of its own."""
    with closing(open_clinic(system, "harbor")) as clinic:
        yield clinic


@pytest.mark.slow
def test_a_killed_posting_and_a_repeated_file_change_nothing(clinic: Clinic, stranger: Clinic) -> None:
    encounters = [charged(clinic) for _ in range(CLAIMS)]
    waiting = [claims.ready(clinic, encounter) for encounter in encounters]
    killed = clinic.system.process_of("billing")
    with locked_charges(clinic) as holder:
        clinic.biller.post("/v1/claims:submit", {"claim_ids": [claim["id"] for claim in waiting]}, name="submit")
        until_posting_waits(clinic, holder)
        os.kill(killed, signal.SIGKILL)
    for claim in waiting:
        claims.until_state(clinic, claim["id"], "posted")
    assert clinic.system.process_of("billing") != killed
    each_is_posted_once(clinic, encounters)
    before = figures(clinic)
    file = remittance_file(clinic)
    for _ in range(3):
        assert clinic.biller.upload("/v1/remittanceFiles", file, "application/edi-x12")["duplicate_of"]
    assert figures(clinic) == before
    hold(clinic, stranger)


def charged(clinic: Clinic) -> str:
    """Register an insured person with one charge and return the encounter."""
    family = coined("Posted")
    clinic.keep_private(family)
    patient = clinic.register(human(family))["patient"]
    clinic.cover(patient["id"], 1, f"PAID-{coined('m')}")
    charge = clinic.item("G0463", diagnosis_pointers=[1])
    return str(clinic.encounter(patient["id"], clinic.first_desk, [charge], diagnoses=["I10"])["id"])


@contextmanager
def locked_charges(clinic: Clinic) -> Iterator[int]:
    """Hold what a posting must change, so that it stops in the middle of its transaction; tell who holds it."""
    with psycopg.connect(database_url(clinic.system.state["admin_url"], "billing")) as connection:
        for table in ("encounters", "charges", "shares"):
            connection.execute(f"SELECT 1 FROM {table} WHERE tenant_id = %s FOR UPDATE".encode(), [clinic.tenant_id])
        yield connection.info.backend_pid
        connection.rollback()


def until_posting_waits(clinic: Clinic, holder: int) -> None:
    """Wait until a transaction of billing stands before the held rows."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = 'billing' AND %s = ANY (pg_blocking_pids(pid))"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not clinic.system.rows("billing", query, [holder]):
        assert time.monotonic() < deadline, "no posting began"
        time.sleep(0.02)


def each_is_posted_once(clinic: Clinic, encounters: list[str]) -> None:
    """Every claim has one posting, and every share what the insurer decided."""
    for encounter in encounters:
        sums = money.by_rank(clinic.biller.get(f"/v1/encounters/{encounter}"))
        assert sums == {1: {"paid": PAID, "adjusted": ADJUSTED, "open": Decimal(0)}}
    postings = list(clinic.biller.every("/v1/remittancePostings", "remittance_postings"))
    posted = sorted(each["encounter_id"] for each in postings if each.get("claim_id"))
    assert posted == sorted(encounters)
    assert {each["state"] for each in postings} == {"applied"}


def figures(clinic: Clinic) -> dict[str, object]:
    journals = clinic.biller.every("/v1/ledger/journals", "journals")
    return {"ledger": money.ledger(clinic), "agings": money.agings(clinic), "journals": [j["id"] for j in journals]}


def remittance_file(clinic: Clinic) -> bytes:
    """Return the 835 that came, as it was stored."""
    folder = clinic.system.home.files / clinic.tenant_id
    stored = [content(clinic.system, path) for path in sorted(folder.rglob("*")) if path.is_file()]
    [file] = [data for data in stored if b"ST*835*" in data]
    return file

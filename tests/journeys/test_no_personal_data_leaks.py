"""No log, trace, metric, subject, header or dead letter knows a canary that went through every door.

Some refuse it, one event about it is poisoned, one job fails at it; and the search finds what was told on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from secrets import randbelow
from typing import Any

import httpx
import psycopg
import pytest
from tests.journeys import claims
from tests.journeys.clinic import Clinic, Json, animal, answers_for, coined, digits, microchip, open_clinic
from tests.journeys.told import forbidden, told, until
from tests.support.canary import dead_letters, hits, texts_of
from tests.support.collector import Collector
from tests.support.system import System

from praxis_local.provision import database_url

NEXT_NUMBER = b"""
    INSERT INTO numbers (tenant_id, name, last) VALUES (%s, 'chart_number', %s)
    ON CONFLICT (tenant_id, name) DO UPDATE SET last = excluded.last
"""
PROBLEMS = {400, 401, 404, 405, 409, 412, 413, 415, 422}


class Canary:
    """A person whose every word occurs nowhere else."""

    def __init__(self) -> None:
        self.family, self.given, self.street = coined("Canaria"), coined("Wren"), f"{coined('Nightjar')} Lane"
        self.email, self.phone = f"{coined('finch')}@example.org", f"+1207555{digits(4)}"
        self.birth_date = f"19{randbelow(9) + 10}-0{randbelow(9) + 1}-{randbelow(17) + 11}"  # nobody else is so old
        self.ssn, self.member = f"9{digits(2)}-{digits(2)}-{digits(4)}", f"COINS-{coined('member')}"
        self.chart, self.chip, self.note = coined("MRN"), microchip(), coined("whispered")
        self.number = f"7{digits(10)}"  # of the chart here; the usual ones are too short to be nobody else's

    @property
    def words(self) -> list[str]:
        """Return what must never be told, also in the forms that other layers write it in."""
        own = [value for value in vars(self).values() if isinstance(value, str)]
        bare = [self.birth_date.replace("-", ""), self.ssn.replace("-", ""), self.phone.removeprefix("+1")]
        return [*own, *bare, self.street.split()[0]]

    @property
    def profile(self) -> Json:
        return {
            "human": {
                "name": {"use": "official", "given": [self.given], "family": self.family},
                "birth_date": self.birth_date, "sex": "female", "government_id": self.ssn,
                "telecoms": [{"system": "mobile", "value": self.phone}, {"system": "email", "value": self.email}],
                "addresses": [{
                    "use": "home", "lines": [self.street], "city": "Portland", "state": "ME", "postal_code": "04101",
                    "country_code": "US",
                }],
            },
            "external_refs": [{"system": "https://emr.example", "value": self.chart}],
        }  # fmt: skip


@pytest.fixture(scope="module")
def clinic(collector: Collector, system: System) -> Iterator[Clinic]:
    """A medical practice of its own."""
    with closing(open_clinic(system, "harbor")) as clinic:
        yield clinic


@pytest.mark.slow
def test_nothing_personal_is_told_and_what_is_told_is_found(clinic: Clinic, collector: Collector) -> None:
    canary, marker = Canary(), f"told-on-purpose-{digits(12)}"
    with poisoned(clinic, canary):
        patient = accepted(clinic, canary)
        told_on_purpose(clinic, marker)
        refused(clinic, canary)
        until("a dead letter", lambda: bool(dead_letters(clinic.system, clinic.tenant_id)))
        letters = dead_letters(clinic.system, clinic.tenant_id)
    assert "events applied" in clinic.system.command("reporting", "replay", clinic.tenant_id)
    assert dead_letters(clinic.system, clinic.tenant_id) == []
    failing_job(clinic, canary, patient["id"])
    until("the newest log line at the collector", lambda: bool(collector.mentions(marker)))
    searched = {**told(clinic.system), "dead letters": texts_of("\n".join(letters).encode())}
    assert hits(canary.words, searched) == []
    the_search_finds_what_is_there(clinic, searched, marker)


def accepted(clinic: Clinic, canary: Canary) -> Json:
    """Let the canary into every service: person, payer's member, animal, owner, booking with notes, a search."""
    owner = clinic.party(canary.given, canary.family)
    with psycopg.connect(database_url(clinic.system.state["admin_url"], "patients")) as connection:
        connection.execute(NEXT_NUMBER, [clinic.tenant_id, int(canary.number) - 1])
    patient: Json = clinic.register(canary.profile, [answers_for(owner, "guarantor")])["patient"]
    assert patient["chart_number"] == canary.number
    clinic.register(animal(canary.family, canary.chip), [answers_for(owner, "owner")])
    clinic.cover(patient["id"], 1, canary.member)
    desk = clinic.first_desk
    more = {"reason": f"{canary.family} {canary.note}", "notes": canary.note}
    booked = clinic.book(clinic.appointment(patient["id"], desk, clinic.moment(desk, 11), **more))
    reason = {"by": "practice", "reason": f"{canary.family} {canary.note}"}
    clinic.front_desk.post(f"/v1/appointments/{booked['id']}:cancel", reason, name="cancel")
    for query in (
        canary.family,
        canary.phone,
        canary.birth_date,
        canary.chip,
        canary.chart,
        canary.number,
        canary.email,
    ):
        clinic.front_desk.get("/v1/patients", query=query)
    return patient


def refused(clinic: Clinic, canary: Canary) -> None:
    """Put the canary where it does not belong, at every place of a request, and be refused each time."""
    http = httpx.Client(base_url=clinic.system.url, timeout=60, trust_env=False)
    bearer = {"Authorization": f"Bearer {clinic.front_desk.token}"}
    name, json = canary.family, {"Content-Type": "application/json", **bearer}
    attempts: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/patients", {"content": f'{{"human": {{"name": "{name}"'.encode(), "headers": json}),
        ("POST", "/v1/patients", {"content": name.encode(), "headers": {"Content-Type": "text/plain", **bearer}}),
        ("POST", "/v1/patients", {"json": {"human": {name: canary.ssn}}, "headers": bearer}),
        ("POST", "/v1/patients", {"json": {"human": {"birth_date": canary.family}}, "headers": bearer}),
        ("POST", "/v1/patients", {"json": {name: [canary.ssn]}, "headers": bearer}),
        ("GET", f"/v1/patients/{name}", {"headers": bearer}),
        ("GET", f"/v1/{name}", {"headers": bearer}),
        ("GET", "/v1/patients", {"params": {name: canary.ssn}, "headers": bearer}),
        ("GET", "/v1/patients", {"params": {"page_token": canary.ssn}, "headers": bearer}),
        (name.upper(), "/v1/patients", {"headers": bearer}),
        ("GET", "/v1/patients", {"headers": {"Authorization": f"Bearer {name}"}}),
        ("POST", "/v1/sessions", {"json": {"email": canary.email, "password": canary.ssn}}),
        ("POST", "/v1/coverages", {"json": {"patient_id": name, "member_id": canary.member}, "headers": bearer}),
        ("POST", "/v1/appointments", {"json": {"patient_id": clinic.patient_ids[0], "notes": name}, "headers": bearer}),
        ("PATCH", f"/v1/patients/{clinic.patient_ids[0]}",
         {"json": {"human": {"name": {"family": name}, "birth_date": name}}, "headers": bearer | {"If-Match": name}}),
        ("GET", "/v1/patients/019ad2b5-7c00-7000-8000-000000000001",
         {"headers": bearer | {"User-Agent": name, "traceparent": name, "Idempotency-Key": name, "Referer": name}}),
    ]  # fmt: skip
    for method, path, options in attempts:
        reply = http.request(method, path, **options)
        assert reply.status_code in PROBLEMS, (method, path, reply.status_code, reply.text)
    http.close()


def told_on_purpose(clinic: Clinic, marker: str) -> None:
    """Tell one word: the id that a caller gives its request is logged, here and at the collector."""
    headers = {"Authorization": f"Bearer {clinic.front_desk.token}", "X-Request-Id": marker}
    httpx.get(f"{clinic.system.url}/v1/patients", headers=headers, trust_env=False).raise_for_status()


def failing_job(clinic: Clinic, canary: Canary, patient_id: str) -> None:
    """Let the job fail that stores the insurer's answer about the canary, then let it go on."""
    desk = clinic.first_desk
    charge = clinic.item("G0463", diagnosis_pointers=[1])
    encounter = clinic.encounter(patient_id, desk, [charge], diagnoses=["J06.9"])
    claim = claims.ready(clinic, encounter["id"])
    with forbidden(clinic.system, "claims", "inbound_files", f"tenant_id <> '{clinic.tenant_id}'"):
        claims.submit(clinic, claim)
        until("a failed job", lambda: any(
            "a file could not be taken in" in line and clinic.tenant_id in line
            for line in clinic.system.logs().splitlines()
        ))  # fmt: skip
    claims.until_state(clinic, claim["id"], claims.SETTLED)


@contextmanager
def poisoned(clinic: Clinic, canary: Canary) -> Iterator[None]:
    """Make reporting fail at the canary's name, with a database error whose detail quotes the row."""
    with forbidden(clinic.system, "reporting", "patient_names", f"display_name NOT LIKE '%{canary.family}%'"):
        yield


def the_search_finds_what_is_there(clinic: Clinic, searched: dict[str, set[bytes]], marker: str) -> None:
    """Show that each place was searched where such words would stand."""
    expected = {
        marker: {"logs", "/v1/logs"},
        "event failed": {"logs", "/v1/logs"},
        "/v1/patients/{id}": {"/v1/traces", "/v1/metrics"},
        "INSERT INTO patients": {"/v1/traces"},
        "IntegrityError": {"/v1/traces", "dead letters"},
        clinic.tenant_id: {"subjects and headers", "dead letters"},
    }
    for word, places in expected.items():
        assert {place for place, _ in hits([word], searched)} >= places, word


def test_the_words_are_all_searched() -> None:
    canary = Canary()
    words: Sequence[str] = canary.words
    for value in (canary.profile, canary.member, canary.chip, canary.number, canary.note):
        assert any(word in str(value) for word in words)
    assert len(set(words)) == len(words)

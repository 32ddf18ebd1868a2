"""Ask restored databases whether they agree: money, copies against their owners, keys against what they open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
from cryptography.exceptions import InvalidTag
from sqlalchemy.orm import Session

from praxis_billing.service import service as billing
from praxis_billing.usecases.reconciliation import checks as billing_checks
from praxis_chassis.context import system_context
from praxis_chassis.keys import FileKeys, KeyRing
from praxis_chassis.service import Runtime, Service
from praxis_chassis.subjects import PURPOSE
from praxis_local.backup.ship import present
from praxis_local.home import Home
from praxis_local.provision import database_url
from praxis_reporting.service import service as reporting
from praxis_reporting.usecases.reconciliation import reconcile as reporting_checks

# A moment in the midst of work: what was under way between two services then is no fault.
UNDER_WAY = {"EVENTS"}
UNBALANCED = """
SELECT count(*) FROM (
    SELECT 1 FROM entries GROUP BY tenant_id, journal_id, currency_code HAVING sum(amount_minor) <> 0 OR count(*) < 2
) AS unbalanced"""
KNOWN = "SELECT tenant_id, aggregate, aggregate_id, max(version) FROM events GROUP BY 1, 2, 3"
APPLIED = """
SELECT tenant_id, source, aggregate, aggregate_id, version FROM consumed WHERE aggregate <> 'epoch' AND version > 0"""
KEYS = "SELECT tenant_id, subject_id, sealed_key FROM subject_keys WHERE sealed_key IS NOT NULL LIMIT 100"


@dataclass(frozen=True)
class Outcome:
    """One comparison; the text holds counts and codes only."""

    name: str
    passed: bool
    text: str


def outcomes(home: Home, admin_url: str) -> Iterator[Outcome]:
    """Compare everything that a restored cluster allows; a database that is not there is left out."""
    names = present(admin_url)
    if "billing" in names:
        yield _journals(admin_url)
        yield from _checked(home, admin_url, billing)
    if "reporting" in names:
        yield from _checked(home, admin_url, reporting)
    yield from _copies(admin_url, names)
    for name in names:
        yield _keys(home, admin_url, name)


def _journals(admin_url: str) -> Outcome:
    with psycopg.connect(database_url(admin_url, "billing")) as connection:
        row = connection.execute(UNBALANCED).fetchone()
    count = row[0] if row else 0
    return Outcome("ledger", not count, f"{count} unbalanced journals")


def _checked(home: Home, admin_url: str, service: Service) -> Iterator[Outcome]:
    """Let a service reconcile each tenant, as its own role."""
    role = f"{service.name}_app"
    password = json.loads(home.passwords.read_text())[role]
    url = database_url(admin_url, service.name, role, password)
    settings = service.settings(database_url=url, keys_file=str(home.keys_file), files_dir=str(home.files))
    runtime = Runtime(service, settings)
    with psycopg.connect(database_url(admin_url, service.name)) as connection:
        tenants = [row[0] for row in connection.execute("SELECT tenant_id FROM tenants")]
    failed: list[str] = []
    for tenant in tenants:
        with runtime.database.transaction(system_context(runtime, tenant, "verify")) as session:
            failed += [f"{code} of {tenant}" for code in _failed(service, session)]
    runtime.close()
    text = ", ".join(failed) or f"{len(tenants)} practices agree"
    yield Outcome(f"{service.name} figures", not failed, text)


def _failed(service: Service, session: Session) -> list[str]:
    found = billing_checks(session) if service is billing else reporting_checks(session).checks
    return [check.code for check in found if not check.passed and check.code not in UNDER_WAY]


def _copies(admin_url: str, names: list[str]) -> Iterator[Outcome]:
    """Look for events that somebody applied and their owner does not know."""
    known: dict[str, dict[tuple[UUID, str, UUID], int]] = {}
    for name in names:
        with psycopg.connect(database_url(admin_url, name)) as connection:
            known[name] = {(row[0], row[1], row[2]): row[3] for row in connection.execute(KNOWN)}
    for name in names:
        with psycopg.connect(database_url(admin_url, name)) as connection:
            rows = [row for row in connection.execute(APPLIED) if row[1] in known]
        ahead = sum(version > known[source].get((tenant, kind, key), 0) for tenant, source, kind, key, version in rows)
        yield Outcome(f"{name} copies", not ahead, f"{ahead} of {len(rows)} copies are ahead of their owner")


def _keys(home: Home, admin_url: str, name: str) -> Outcome:
    """Open some of the keys of persons: data and keys must be of one installation."""
    ring, wrong = KeyRing(FileKeys(home.keys_file)), 0
    with psycopg.connect(database_url(admin_url, name)) as connection:
        rows = connection.execute(KEYS).fetchall()
    for tenant, subject, sealed in rows:
        try:
            ring.open(tenant, PURPOSE, sealed, subject.bytes)
        except (InvalidTag, KeyError):
            wrong += 1
    return Outcome(f"{name} keys", not wrong, f"{len(rows) - wrong} of {len(rows)} keys open")

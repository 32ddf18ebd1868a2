"""What must hold after every journey: the invariants I1-I4, I6, I8, I10, I11 and I13 of a practice."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

from tests.journeys import money
from tests.journeys.clinic import Clinic, amount, coined
from tests.support.canary import hits

DATABASES = ("patients", "scheduling", "billing", "claims", "reporting", "identity")
OUTBOX_SECONDS = 30.0


def hold(clinic: Clinic, stranger: Clinic) -> None:
    """Check every invariant on one practice; the stranger is somebody of another one."""
    journals_add_to_nothing(clinic)
    charges_are_accounted_for(clinic)
    receivables_agree(clinic)
    nothing_private_is_told(clinic)
    front_office_holds(clinic, stranger)


def front_office_holds(clinic: Clinic, stranger: Clinic) -> None:
    """Check what must hold after a day of the desk, with or without money."""
    reservations_never_overlap(clinic)
    events_are_complete(clinic)
    shares_add_to_the_whole(clinic)
    repeating_changes_nothing(clinic)
    every_look_is_noted(clinic)
    others_see_nothing(clinic, stranger)


def journals_add_to_nothing(clinic: Clinic) -> None:
    """I1."""
    journals = list(clinic.biller.every("/v1/ledger/journals", "journals"))
    assert journals
    for journal in journals:
        assert sum(amount(entry["amount"]) for entry in journal["entries"]) == 0, journal


def charges_are_accounted_for(clinic: Clinic) -> None:
    """I2."""
    for encounter in clinic.biller.every("/v1/encounters", "encounters"):
        for charge in encounter["charges"]:
            parts = [amount(share.get(part)) for share in charge["shares"] for part in ("paid", "adjusted", "open")]
            assert sum(parts) == amount(charge["total"]), charge


def reservations_never_overlap(clinic: Clinic) -> None:
    """I3."""
    query = """
        SELECT a.id FROM reservations a JOIN reservations b
        ON (a.tenant_id, a.resource_id, a.lane) = (b.tenant_id, b.resource_id, b.lane)
        AND a.id < b.id AND a.during && b.during WHERE a.live AND b.live AND a.tenant_id = %s
    """
    assert clinic.system.rows("scheduling", query, [clinic.tenant_id]) == []


def receivables_agree(clinic: Clinic) -> None:
    """I4."""
    books, reported = money.ledger(clinic), money.agings(clinic)
    accounts = [each["id"] for each in clinic.biller.every("/v1/accounts", "accounts")]
    balances = [clinic.biller.get(f"/v1/accounts/{identifier}/balance") for identifier in accounts]
    owed = sum(sum(amount(bucket["amount"]) for bucket in each.get("buckets", [])) for each in balances)
    assert reported["ar_patient"] == books.get("ar_patient", Decimal(0)) == owed
    assert reported["ar_payer"] == books.get("ar_payer", Decimal(0))


def events_are_complete(clinic: Clinic) -> None:
    """I6."""
    assert money.caught_up(clinic)["freshness"].get("unapplied_event_count", 0) == 0
    for database in DATABASES:
        _published(clinic, database)
        _gapless(clinic, database)
        assert clinic.system.rows(database, "SELECT 1 FROM dead_letters WHERE tenant_id = %s", [clinic.tenant_id]) == []


def _published(clinic: Clinic, database: str) -> None:
    query = "SELECT id FROM events WHERE tenant_id = %s AND published_at IS NULL"
    deadline = time.monotonic() + OUTBOX_SECONDS
    while clinic.system.rows(database, query, [clinic.tenant_id]):
        assert time.monotonic() < deadline, f"the outbox of {database} does not drain"
        time.sleep(0.2)


def _gapless(clinic: Clinic, database: str) -> None:
    query = "SELECT tenant_sequence, aggregate, aggregate_id, version FROM events WHERE tenant_id = %s"
    rows = clinic.system.rows(database, query, [clinic.tenant_id])
    assert sorted(row[0] for row in rows) == list(range(1, len(rows) + 1)), database
    versions: dict[object, list[int]] = defaultdict(list)
    for _, aggregate, identifier, version in rows:
        versions[aggregate, identifier].append(version)
    assert all(sorted(each) == list(range(1, len(each) + 1)) for each in versions.values()), database


def nothing_private_is_told(clinic: Clinic) -> None:
    """I8."""
    assert clinic.private
    told = clinic.system.told()
    assert hits(["/v1/patients", "RegisterPatient"], told), "the journey is not in the logs at all"
    assert hits(clinic.private, told) == []
    for database in DATABASES:
        columns = "concat_ws(' ', subject, actor, origin, correlation_id, causation_id, type)"
        subjects = clinic.system.rows(
            database, f"SELECT {columns} FROM events WHERE tenant_id = %s", [clinic.tenant_id]
        )
        assert not [row for row in subjects for word in clinic.private if word in row[0]]


def shares_add_to_the_whole(clinic: Clinic) -> None:
    """I10."""
    for identifier in clinic.patient_ids:
        rows = clinic.owner.get(f"/v1/patients/{identifier}")["responsibilities"]
        days = {date.fromisoformat(row[end]) for row in rows for end in ("from_date", "to_date") if row.get(end)}
        days |= {max(days, default=clinic.today) + timedelta(days=1), clinic.today}
        for day in {day.isoformat() for day in days if day >= _first(rows, clinic.today)}:
            counted = [row for row in rows if row.get("from_date", "") <= day < (row.get("to_date") or "9999")]
            assert sum(row.get("share_basis_points", 0) for row in counted) == 10000, (day, rows)


def _first(rows: list[dict[str, str]], today: date) -> date:
    starts = [date.fromisoformat(row["from_date"]) for row in rows if row.get("from_date")]
    return min(starts, default=today)


def repeating_changes_nothing(clinic: Clinic) -> None:
    """I11."""
    body, key = {"person": {"name": {"given": ["Ida"], "family": coined("Repeat")}}}, coined("key")
    answers, replayed = [], []
    for _ in range(2):
        answers.append(clinic.front_desk.post("/v1/parties", body, name=key))
        replayed.append(clinic.front_desk.replayed)
    assert replayed == [False, True]
    assert answers[0] == answers[1]
    other = {"person": {"name": {"given": ["Eve"], "family": "Other"}}}
    problem = clinic.front_desk.refusal(lambda: clinic.front_desk.post("/v1/parties", other, name=key))
    assert problem.status == 422


def every_look_is_noted(clinic: Clinic) -> None:
    """I12."""
    patient, noted = clinic.patient_ids[0], "SELECT count(*) FROM audit WHERE tenant_id = %s AND %s = ANY(patient_ids)"
    before = clinic.system.rows("patients", noted, [clinic.tenant_id, patient])[0][0]
    clinic.front_desk.get(f"/v1/patients/{patient}")
    assert clinic.system.rows("patients", noted, [clinic.tenant_id, patient])[0][0] == before + 1


def others_see_nothing(clinic: Clinic, stranger: Clinic) -> None:
    """I13."""
    assert len(clinic.paths) > 2
    for path in clinic.paths:
        assert clinic.owner.get(path)["id"]
        assert stranger.owner.refusal(partial(stranger.owner.get, path)).status == 404
    assert not stranger.owner.get("/v1/patients", query=clinic.private[0]).get("patients")

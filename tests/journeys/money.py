"""The money's part of a journey: what shares, ledger and reports say, read from their own places."""

from __future__ import annotations

import csv
import io
import time
from collections import defaultdict
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Any

from openpyxl import load_workbook
from tests.journeys.clinic import Clinic, Json, amount

RECEIVABLES = ("ar_patient", "ar_payer")
TOTAL = "Total"
LAG_SECONDS = 30.0
NAMED = {
    "daySheet": "patient_name",
    "appointmentsList": "patient_name",
    "patientAging": "account_name",
}


def by_rank(encounter: Json) -> dict[int, dict[str, Decimal]]:
    """Return what is paid, adjusted and open of an encounter for each insurer; 0 is who answers himself."""
    sums: dict[int, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(("paid", "adjusted", "open"), Decimal(0)))
    for charge in encounter["charges"]:
        for share in charge["shares"]:
            for part in ("paid", "adjusted", "open"):
                sums[share.get("rank", 0)][part] += amount(share.get(part))
    return dict(sums)


def by_account(encounter: Json) -> dict[str, Decimal]:
    """Return what is open of an encounter for each account."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for charge in encounter["charges"]:
        for share in charge["shares"]:
            if not share.get("payer_id"):
                sums[share["account_id"]] += amount(share["open"])
    return dict(sums)


def ledger(clinic: Clinic) -> dict[str, Decimal]:
    """Return the balance of each account of the ledger."""
    reply = clinic.biller.get("/v1/ledger/trialBalance")
    assert reply["balanced"]
    return {line["ledger_account"]: amount(line["balance"]) for line in reply.get("lines", [])}


def agings(clinic: Clinic) -> dict[str, Decimal]:
    """Return the totals of both agings, once everything that happened is in them."""
    caught_up(clinic)
    totals = {}
    for name, report in (("ar_patient", "patientAging"), ("ar_payer", "payerAging")):
        reply = clinic.biller.get(f"/v1/reports/{report}")
        totals[name] = sum((amount(each["buckets"]["total"]) for each in reply.get("totals", [])), Decimal(0))
    return totals


def caught_up(clinic: Clinic) -> Json:
    """Wait until the reports have applied everything, and return their own reconciliation."""
    return clinic.biller.until("/v1/reports/reconciliation", lambda reply: bool(reply.get("passed")))


def reports_equal_the_ledger(clinic: Clinic, *, nameless: bool = False) -> None:
    """Every report agrees with the ledger, and its files with the report; `nameless` where everybody was erased."""
    reconciled = clinic.biller.get("/v1/ledger/reconciliation")
    assert reconciled["passed"], [check for check in reconciled["checks"] if not check.get("passed")]
    books = _agreed_books(clinic)
    _day_sheet(clinic, books)
    _exported(clinic)
    if not nameless:
        _names_people(clinic)


def _agreed_books(clinic: Clinic) -> dict[str, Decimal]:
    """Return the ledger once the reports have applied what it holds; they must agree within some seconds."""
    deadline = time.monotonic() + LAG_SECONDS
    while True:
        books, reported = ledger(clinic), agings(clinic)
        if all(reported[name] == books.get(name, Decimal(0)) for name in RECEIVABLES):
            return books
        assert time.monotonic() < deadline, (reported, books)
        time.sleep(0.3)


def _day_sheet(clinic: Clinic, books: dict[str, Decimal]) -> None:
    """What the receivables grew by today is what the ledger holds, because the practice opened today."""
    day = clinic.today.isoformat()
    totals = clinic.biller.get("/v1/reports/daySheet", from_date=day, to_date=day)["totals"]
    unapplied = books.get("unapplied_credits", Decimal(0)) + books.get("remittance_suspense", Decimal(0))
    owed = sum((books.get(name, Decimal(0)) for name in RECEIVABLES), unapplied)
    assert [amount(each["net_change"]) for each in totals] == [owed]


def _exported(clinic: Clinic) -> None:
    """The aging as a file says the same in both formats, with numbers that can be added."""
    expected = agings(clinic)["ar_patient"]
    body = {"report": "patient_aging", "format": "csv"}
    rows = list(csv.DictReader(io.StringIO(clinic.biller.export(body).decode("utf-8-sig"))))
    sheet = load_workbook(io.BytesIO(clinic.biller.export({**body, "format": "xlsx"}))).worksheets[0]
    lines: list[Any] = list(sheet.iter_rows(values_only=True))
    column = list(lines[0]).index(TOTAL)
    assert sum(Decimal(row[TOTAL]) for row in rows) == expected
    numbers = [line[column] for line in lines[1 : len(rows) + 1]]
    assert all(isinstance(number, int | float) for number in numbers)
    assert round(sum(Decimal(str(number)) for number in numbers), 2) == expected


def _names_people(clinic: Clinic) -> None:
    """Who may read patients sees their names in reports; an analyst sees the same figures without them."""
    with closing(clinic.newcomer("report_analyst")) as analyst:
        for report, name in NAMED.items():
            told = clinic.biller.get(f"/v1/reports/{report}", **_days(clinic, report))["rows"]
            untold = analyst.get(f"/v1/reports/{report}", **_days(clinic, report))["rows"]
            assert any(row.get(name) for row in told), report
            assert len(untold) == len(told)
            assert not any(row.get(name) for row in untold), report


def _days(clinic: Clinic, report: str) -> dict[str, str]:
    """Return the days of a report that goes by days: all that a journey fills."""
    if report not in ("daySheet", "appointmentsList"):
        return {}
    return {"from_date": clinic.today.isoformat(), "to_date": (clinic.today + timedelta(days=10)).isoformat()}

"""Reporting and the real billing over the bus: reports agree with the ledger, and a rebuild changes nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from sqlalchemy import func, select, update
from tests.billing.practice import TODAY, Practice, decided

from praxis.billing.v1 import encounter_service_pb2, ledger_service_pb2, payment_service_pb2
from praxis.patients.v1.events_pb2 import PatientErased
from praxis.reporting.v1 import report_pb2
from praxis.reporting.v1 import report_service_pb2 as pb
from praxis_billing.usecases import control_totals
from praxis_chassis import events, tables
from praxis_chassis.rebuild import rebuild
from praxis_chassis.service import Runtime
from praxis_chassis.testing import ServiceUnderTest, TenantUnderTest
from praxis_reporting.store.models import Entry, Payment
from praxis_reporting.usecases import control_totals as control_figures

REPORTS: dict[str, Any] = {
    "GetDaySheet": pb.GetDaySheetRequest(
        from_date=TODAY.isoformat(), date_basis=report_pb2.DATE_BASIS_SERVICE, page_size=500
    ),
    "GetPatientAging": pb.GetPatientAgingRequest(page_size=500),
    "GetPayerAging": pb.GetPayerAgingRequest(page_size=500),
}


@pytest.fixture
def practice(billing: ServiceUnderTest) -> Practice:
    return Practice.open(billing)


@pytest.fixture
def reports(reporting: ServiceUnderTest, practice: Practice) -> TenantUnderTest:
    return reporting.tenant(practice.tenant.id)


def busy_day(practice: Practice) -> str:
    """Insured and uninsured charges, payments, a remittance, a charge and a payment taken back; returns the insured."""
    insured = practice.human()
    coverage = practice.cover(insured, copay="30.00")
    visit = practice.post(insured, "99213", "85025")
    account = practice.account_of(insured).id
    practice.pay(account, "50.00")
    paid = ("40.00", {"CO": "15.00", "PR": "10.00"}), ("15.50", {"CO": "5.50", "PR": "4.50"})
    practice.remit(decided(visit, coverage, *paid), payment="55.50")
    animal = practice.animal(6000, 4000)
    practice.pay(practice.account_of(animal).id, "10.00")
    practice.post(animal, "RABIES", "85025")
    wrong = practice.post(insured, "85025", self_pay=True)
    practice.tenant.call(
        "ReverseEncounter",
        encounter_service_pb2.ReverseEncounterRequest(id=wrong.id, etag=wrong.etag, reason="Entered twice"),
    )
    bounced = practice.pay(account, "7.00")
    practice.tenant.call(
        "ReversePayment",
        payment_service_pb2.ReversePaymentRequest(id=bounced.id, etag=bounced.etag, reason="Bounced"),
    )
    return insured


def wait_until_applied(practice: Practice, reports: TenantUnderTest, seconds: float = 90) -> None:
    """Wait until reporting has applied every event of billing that it reacts to."""
    known = reports.under_test.service.reaction_table.aggregates["billing"]
    log, inbox = tables.events, tables.inbox
    with practice.tenant.session() as session:
        told = session.scalar(select(func.count()).select_from(log).where(log.c.aggregate.in_(known)))
    deadline = time.monotonic() + seconds
    applied = 0
    while time.monotonic() < deadline:
        with reports.session() as session:
            ours = inbox.c.type.startswith("praxis.billing.")
            applied = session.scalar(select(func.count()).select_from(inbox).where(ours)) or 0
        if applied >= (told or 0):
            return
        time.sleep(0.1)
    raise AssertionError(f"reporting applied {applied} of {told} events in time")


def shown(reports: TenantUnderTest) -> dict[str, Any]:
    found = {}
    for name, request in REPORTS.items():
        reply = reports.call(name, request)
        reply.ClearField("freshness")
        found[name] = MessageToDict(reply)
    return found


def test_reports_agree_with_the_ledger(practice: Practice, reports: TenantUnderTest) -> None:
    busy_day(practice)
    wait_until_applied(practice, reports)
    practice.prove()
    ledger = practice.tenant.call("GetTrialBalance", ledger_service_pb2.GetTrialBalanceRequest())
    balances = {line.ledger_account: line.balance.amount for line in ledger.lines}
    patient = reports.call("GetPatientAging", REPORTS["GetPatientAging"])
    insurer = reports.call("GetPayerAging", REPORTS["GetPayerAging"])
    assert patient.totals[0].buckets.total.amount == balances["ar_patient"] != "0.00"
    assert insurer.totals[0].buckets.total.amount == balances["ar_payer"]
    checks = reports.call("GetReconciliation", pb.GetReconciliationRequest())
    assert checks.passed, [check for check in checks.checks if not check.passed]


def compared(practice: Practice, reports: TenantUnderTest) -> dict[str, tuple[str, str]]:
    """Let billing sum its ledger up and return what reporting made of it: each code with both figures."""
    wait_until_applied(practice, reports)
    with practice.tenant.session() as session:
        control_totals.take(session)
        events.store_recorded(session)
    wait_until_applied(practice, reports)
    checks = reports.call("GetReconciliation", pb.GetReconciliationRequest()).checks
    return {check.code: (check.expected, check.actual) for check in checks}


def test_reports_are_compared_with_the_sums_of_billing_and_a_seeded_mismatch_is_found(
    practice: Practice, reports: TenantUnderTest
) -> None:
    patient = busy_day(practice)
    figures = compared(practice, reports)
    assert {code: both for code, both in figures.items() if both[0] != both[1]} == {}
    assert figures["LEDGER_MONEY_IN"] == ("115.50", "115.50")
    assert set(control_figures.ACCOUNTS) <= set(figures)
    with reports.session() as session:
        insurers = select(Payment.payment_id).where(Payment.payer_id.is_not(None))
        session.execute(update(Entry).where(Entry.payment_id.in_(insurers)).values(amount_minor=Entry.amount_minor + 1))
    practice.pay(practice.account_of(patient).id, "1.00")
    figures = compared(practice, reports)
    differing = {code: both for code, both in figures.items() if both[0] != both[1]}
    assert differing == {"LEDGER_MONEY_IN": ("116.50", "116.51")}


@pytest.fixture
def all_owners(
    patients: ServiceUnderTest, scheduling: ServiceUnderTest, billing: ServiceUnderTest, claims: ServiceUnderTest
) -> dict[str, ServiceUnderTest]:
    return {"patients": patients, "scheduling": scheduling, "billing": billing, "claims": claims}


def rebuild_all(reporting: ServiceUnderTest, owners: dict[str, ServiceUnderTest]) -> None:
    targets = {f"{name}_target": f"127.0.0.1:{owner.server.port}" for name, owner in owners.items()}
    runtime = Runtime(reporting.service, replace(reporting.runtime.settings, **targets), verbose=True)
    assert rebuild(runtime) > 0
    runtime.close()


def test_a_rebuild_out_of_the_owners_logs_gives_the_same_reports(
    practice: Practice, reports: TenantUnderTest, all_owners: dict[str, ServiceUnderTest]
) -> None:
    insured = busy_day(practice)
    wait_until_applied(practice, reports)
    before = shown(reports)
    rebuild_all(reports.under_test, all_owners)
    assert shown(reports) == before
    practice.tenant.receive(PatientErased(patient_id=insured), insured)
    reports.receive(PatientErased(patient_id=insured), insured)
    rebuild_all(reports.under_test, all_owners)
    after = shown(reports)
    assert [row.pop("description", "") for row in after["GetDaySheet"]["rows"]].count("") > 3
    for row in before["GetDaySheet"]["rows"]:
        row.pop("description", "")
    assert after == before
    assert reports.call("GetReconciliation", pb.GetReconciliationRequest()).passed


def test_money_of_an_erased_person_still_moves(practice: Practice, reports: TenantUnderTest) -> None:
    patient = practice.human()
    practice.post(patient, "99213")
    account = practice.account_of(patient).id
    practice.tenant.receive(PatientErased(patient_id=patient), patient)
    later = practice.post(practice.human("Somebody Else"), "85025")
    practice.pay(account, "60.00")
    practice.tenant.call(
        "ReverseEncounter",
        encounter_service_pb2.ReverseEncounterRequest(id=later.id, etag=later.etag, reason="Entered twice"),
    )
    wait_until_applied(practice, reports)
    aging = reports.call("GetPatientAging", REPORTS["GetPatientAging"])
    assert aging.totals[0].buckets.total.amount == "40.00"
    assert reports.call("GetReconciliation", pb.GetReconciliationRequest()).passed

"""The built-in reports show what the other services told, to the cent, and agree with each other."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from sqlalchemy import text
from tests.reporting.story import Charge, Practice, Told, day_of, money

from praxis.billing.v1 import events_pb2 as billing
from praxis.billing.v1 import payment_pb2
from praxis.claims.v1 import claim_pb2
from praxis.patients.v1 import events_pb2 as patients
from praxis.reporting.v1 import report_pb2
from praxis.reporting.v1 import report_service_pb2 as pb
from praxis.scheduling.v1 import appointment_pb2
from praxis_chassis.testing import Refused, ServiceUnderTest, TenantUnderTest
from praxis_reporting.service import service

NAMES = "patients.patients.read"
DAYS: Any = {"from_date": "2026-03-01", "to_date": "2026-03-03"}


def tell(tenant: TenantUnderTest, story: list[Told]) -> None:
    for aggregate_id, event in story:
        tenant.receive(event, aggregate_id)


def ask(tenant: TenantUnderTest, name: str, request: Any, *, names: bool = False) -> Any:
    """Ask with all that the contract lets a token carry; without names, with all but the reading of patients."""
    granted = tenant.under_test.permissions - (set() if names else {NAMES})
    return tenant.call(name, request, permissions=granted)


@pytest.fixture
def practice() -> Practice:
    return Practice()


@pytest.fixture
def tenant(reporting: ServiceUnderTest, practice: Practice) -> TenantUnderTest:
    tenant = reporting.tenant()
    tell(tenant, day_of(practice))
    return tenant


def test_day_sheet_adds_charges_payments_and_adjustments_up(tenant: TenantUnderTest) -> None:
    sheet = ask(tenant, "GetDaySheet", pb.GetDaySheetRequest(**DAYS))
    (totals,) = sheet.totals
    assert totals.charges == money(20000)
    assert totals.payments == money(17000)
    assert totals.adjustments == money(2500)
    assert totals.net_change == money(500)
    assert len(sheet.rows) == 7
    assert sum(part.count for part in totals.parts) == 7


def test_a_charge_counts_on_the_local_day_of_its_posting(tenant: TenantUnderTest) -> None:
    posted = ask(tenant, "GetDaySheet", pb.GetDaySheetRequest(from_date="2026-03-02"))
    assert posted.totals[0].charges == money(25000)
    taken_back = ask(tenant, "GetDaySheet", pb.GetDaySheetRequest(from_date="2026-03-03"))
    assert taken_back.totals[0].charges == money(-5000)
    assert [row.kind for row in taken_back.rows] == [report_pb2.ENTRY_KIND_CHARGE_REVERSAL]


def test_a_day_sheet_may_go_by_the_day_of_service(tenant: TenantUnderTest) -> None:
    basis = report_pb2.DATE_BASIS_SERVICE
    sheet = ask(tenant, "GetDaySheet", pb.GetDaySheetRequest(from_date="2026-03-02", date_basis=basis))
    assert (sheet.totals[0].charges, len(sheet.rows)) == (money(20000), 7)
    later = pb.GetDaySheetRequest(from_date="2026-03-03", date_basis=basis)
    assert not ask(tenant, "GetDaySheet", later).rows


def test_rows_lead_to_what_they_are_about(tenant: TenantUnderTest, practice: Practice) -> None:
    rows = ask(tenant, "GetDaySheet", pb.GetDaySheetRequest(**DAYS), names=True).rows
    charge = next(row for row in rows if row.kind == report_pb2.ENTRY_KIND_CHARGE)
    assert (charge.patient_name, charge.location_name) == (practice.patient_name, "Main Street")
    assert (charge.practitioner_name, charge.service_date) == ("Dr. Anna Lee", "2026-03-02")
    assert charge.encounter_id
    assert charge.charge_id
    off = next(row for row in rows if row.kind == report_pb2.ENTRY_KIND_ADJUSTMENT)
    assert (off.reason, off.practitioner_id) == (payment_pb2.ADJUSTMENT_REASON_CONTRACTUAL, practice.practitioner)
    assert off.payer_name == "Blue Shield of Nowhere"


def test_filters_narrow_rows_and_totals(tenant: TenantUnderTest, practice: Practice) -> None:
    other = pb.GetDaySheetRequest(**DAYS, practitioner_id=practice.patient)
    assert not ask(tenant, "GetDaySheet", other).rows
    mine = ask(tenant, "GetDaySheet", pb.GetDaySheetRequest(**DAYS, practitioner_id=practice.practitioner))
    assert (len(mine.rows), mine.totals[0].payments) == (5, money(0))


def test_pages_hold_every_row_once_and_the_totals_of_all(tenant: TenantUnderTest) -> None:
    seen, token = [], ""
    while True:
        page = ask(tenant, "GetDaySheet", pb.GetDaySheetRequest(**DAYS, page_size=2, page_token=token))
        seen += [row.id for row in page.rows]
        assert page.totals[0].charges == money(20000)
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 7


def test_names_are_for_those_who_may_read_patients(tenant: TenantUnderTest, practice: Practice) -> None:
    for name, request in REPORTS.items():
        assert practice.patient_name not in str(ask(tenant, name, request))
    for name in NAMED:
        assert practice.patient_name in str(ask(tenant, name, REPORTS[name], names=True)), name


def test_appointments_list_tells_what_became_of_them(tenant: TenantUnderTest) -> None:
    report = ask(tenant, "GetAppointmentsList", pb.GetAppointmentsListRequest(from_date="2026-03-02"))
    seen, missed = sorted(report.rows, key=lambda row: row.state)
    assert (seen.move_count, seen.wait_minutes, list(seen.practitioner_names)) == (1, 12, ["Dr. Anna Lee"])
    assert (missed.move_count, missed.HasField("wait_minutes"), missed.visit_id) == (0, False, "")
    assert [(line.state, line.count, line.minutes) for line in report.totals] == [
        (appointment_pb2.APPOINTMENT_STATE_BOOKED, 1, 30),
        (appointment_pb2.APPOINTMENT_STATE_NO_SHOW, 1, 30),
    ]
    states = [appointment_pb2.APPOINTMENT_STATE_NO_SHOW]
    only = pb.GetAppointmentsListRequest(from_date="2026-03-02", states=states)
    assert len(ask(tenant, "GetAppointmentsList", only).rows) == 1


@pytest.mark.parametrize(
    ("aging_date", "bucket"),
    [("2026-04-01", "days_0_to_30"), ("2026-04-02", "days_31_to_60"), ("2026-06-01", "days_over_90")],
)
def test_agings_sort_what_is_open_by_the_age_of_the_service(
    tenant: TenantUnderTest, practice: Practice, aging_date: str, bucket: str
) -> None:
    aging = ask(tenant, "GetPatientAging", pb.GetPatientAgingRequest(aging_date=aging_date))
    (row,) = aging.rows
    assert (row.account_id, row.account_number) == (practice.account, "A-1")
    assert getattr(row.buckets, bucket) == row.buckets.total == money(3000)  # 20.00 + 10.00 transferred
    assert (row.unapplied, row.balance, row.last_payment_date) == (money(3000), money(0), "2026-03-02")
    assert len(row.encounter_ids) == 1
    assert aging.totals[0].buckets == row.buckets
    insurers = ask(tenant, "GetPayerAging", pb.GetPayerAgingRequest(aging_date=aging_date))
    (owed,) = insurers.rows
    assert getattr(owed.buckets, bucket) == money(500)
    assert (owed.payer_name, owed.open_encounter_count) == ("Blue Shield of Nowhere", 1)


def test_claims_by_state_follow_their_events(tenant: TenantUnderTest) -> None:
    report = ask(tenant, "GetClaimsByState", pb.GetClaimsByStateRequest())
    (row,) = report.rows
    assert (row.state, row.charge, row.payer_name) == (
        claim_pb2.CLAIM_STATE_READY,
        money(15000),
        "Blue Shield of Nowhere",
    )
    assert row.state_time.ToJsonString() == "2026-03-02T19:00:00Z"
    assert (report.totals[0].count, report.totals[0].charge) == (1, money(15000))
    draft = pb.GetClaimsByStateRequest(states=[claim_pb2.CLAIM_STATE_DRAFT])
    assert not ask(tenant, "GetClaimsByState", draft).rows


def test_every_reconciliation_passes_and_a_seeded_mismatch_does_not(tenant: TenantUnderTest) -> None:
    report = ask(tenant, "GetReconciliation", pb.GetReconciliationRequest())
    assert report.passed, report
    assert {check.code for check in report.checks} >= {
        "PATIENT_AGING",
        "PAYER_AGING",
        "DAY_SHEET_CHARGES",
        "DAY_SHEET_PAYMENTS",
        "DAY_SHEET_ADJUSTMENTS",
        "CLAIMS",
        "EVENTS",
    }
    assert all(check.text.endswith(".") for check in report.checks)
    with tenant.session() as session:
        session.execute(text("UPDATE receivables SET paid_minor = paid_minor + 1 WHERE payer_id IS NOT NULL"))
    broken = ask(tenant, "GetReconciliation", pb.GetReconciliationRequest())
    (check,) = [check for check in broken.checks if not check.passed]
    assert (check.code, check.expected, check.actual, len(check.object_ids)) == ("PAYER_AGING", "5.00", "4.99", 1)


def test_reports_say_how_fresh_they_are(reporting: ServiceUnderTest, tenant: TenantUnderTest) -> None:
    fresh = ask(tenant, "GetDaySheet", pb.GetDaySheetRequest(**DAYS)).freshness
    assert fresh.event_id
    assert fresh.event_time.seconds <= fresh.apply_time.seconds
    assert fresh.unapplied_event_count == 0
    assert ask(reporting.tenant(), "GetDaySheet", pb.GetDaySheetRequest()).freshness.event_id == ""


REPORTS: dict[str, Any] = {
    "GetDaySheet": pb.GetDaySheetRequest(**DAYS),
    "GetAppointmentsList": pb.GetAppointmentsListRequest(**DAYS),
    "GetPatientAging": pb.GetPatientAgingRequest(aging_date="2026-05-01"),
    "GetPayerAging": pb.GetPayerAgingRequest(aging_date="2026-05-01"),
    "GetClaimsByState": pb.GetClaimsByStateRequest(),
    "GetReconciliation": pb.GetReconciliationRequest(),
}
NAMED = ("GetDaySheet", "GetAppointmentsList", "GetPatientAging", "GetClaimsByState")


def shown(tenant: TenantUnderTest) -> dict[str, Any]:
    """Every report without what depends on the moment it was asked for."""
    reports = {}
    for name, request in REPORTS.items():
        reply = ask(tenant, name, request, names=True)
        reply.ClearField("freshness")
        reports[name] = MessageToDict(reply)
    return reports


def kept(tenant: TenantUnderTest) -> dict[str, list[str]]:
    """Every row of each projection, also what no report shows, without what is made for each delivery."""
    names = "'{tenant_id,id,event_id}'::text[]"
    with tenant.session() as session:
        return {
            name: sorted(session.scalars(text(f"SELECT (to_jsonb(t) - {names})::text FROM {name} t")))
            for name in service.projections
        }


def interleaved(story: list[Told], dice: Random) -> list[Told]:
    """The same events in another order, in which only those of one aggregate keep theirs."""
    places = list(range(len(story)))
    dice.shuffle(places)
    by_aggregate: dict[str, list[Told]] = {}
    for told in story:
        by_aggregate.setdefault(told[0], []).append(told)
    return [by_aggregate[story[place][0]].pop(0) for place in places]


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_arrival_gives_the_same_reports(reporting: ServiceUnderTest, seed: int) -> None:
    story = day_of(Practice())
    first, second = reporting.tenant(), reporting.tenant()
    tell(first, story)
    tell(second, interleaved(story, Random(seed)))
    assert shown(first) == shown(second)
    assert kept(first) == kept(second)


def test_a_rebuild_from_nothing_gives_the_same_reports(reporting: ServiceUnderTest) -> None:
    story, tenant = day_of(Practice()), reporting.tenant()
    tell(tenant, story)
    before = shown(tenant)
    with tenant.session() as session:
        for name in (*service.projections, "inbox", "consumed"):
            session.execute(text(f"DELETE FROM {name}"))
    assert not ask(tenant, "GetDaySheet", REPORTS["GetDaySheet"]).rows
    tenant.versions.clear()
    tell(tenant, interleaved(story, Random(5)))
    assert shown(tenant) == before


def test_all_tables_of_reporting_are_rebuilt(reporting: ServiceUnderTest) -> None:
    assert set(service.projections) == set(service.metadata.tables)


def test_erasure_removes_names_and_keeps_money(tenant: TenantUnderTest, practice: Practice) -> None:
    before = ask(tenant, "GetReconciliation", pb.GetReconciliationRequest())
    tenant.receive(patients.PatientErased(patient_id=practice.patient), practice.patient)
    tenant.receive(patients.PartyErased(party_id=practice.party), practice.party)
    for name, request in REPORTS.items():
        assert practice.patient_name not in str(ask(tenant, name, request, names=True))
    with tenant.session() as session:
        for name in service.projections:
            rows = session.execute(text(f"SELECT {name}::text FROM {name}")).scalars()
            assert not [row for row in rows if "Featherstone" in row], name
    after = ask(tenant, "GetReconciliation", pb.GetReconciliationRequest())
    assert list(after.checks) == list(before.checks)


def test_another_tenant_sees_nothing(reporting: ServiceUnderTest, tenant: TenantUnderTest) -> None:
    stranger = reporting.tenant()
    for name, request in REPORTS.items():
        if name != "GetReconciliation":
            assert ask(tenant, name, request).rows
            assert not ask(stranger, name, request).rows


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        ({"from_date": "2026-03-02", "to_date": "2026-03-01"}, "RANGE_REVERSED"),
        ({"from_date": "2024-03-02", "to_date": "2026-03-01"}, "RANGE_TOO_LONG"),
        ({"from_date": "2026-02-30"}, "NOT_A_DATE"),
    ],
)
def test_days_that_make_no_sense_are_refused(reporting: ServiceUnderTest, days: Any, reason: str) -> None:
    with pytest.raises(Refused) as refusal:
        ask(reporting.tenant(), "GetDaySheet", pb.GetDaySheetRequest(**days))
    assert [violation[1] for violation in refusal.value.violations] == [reason]


def test_a_use_that_is_taken_back_opens_the_share_again(reporting: ServiceUnderTest) -> None:
    tenant, practice = reporting.tenant(), Practice()
    encounter, payment = practice.encounter([Charge(0, 5000)]), practice.payment(5000)
    (share,) = encounter.charges[0].shares
    told: list[Told] = [
        (encounter.id, billing.EncounterPosted(encounter=encounter)),
        (payment.id, billing.PaymentReceived(payment=payment)),
        (payment.id, practice.use(payment, share, 5000)),
        (payment.id, practice.use(payment, share, -5000)),
    ]
    payment.state = payment_pb2.PAYMENT_STATE_REVERSED
    payment.unapplied.CopyFrom(money(0))
    payment.reversed_time.CopyFrom(payment.create_time)
    told.append((payment.id, billing.PaymentReversed(payment=payment, effective_date="2026-03-04")))
    opens = []
    tell(tenant, practice.setup())
    for aggregate_id, event in told:
        tenant.receive(event, aggregate_id)
        rows = ask(tenant, "GetPatientAging", pb.GetPatientAgingRequest()).rows
        opens.append(rows[0].balance.amount if rows else "0.00")
    assert opens == ["50.00", "0.00", "0.00", "0.00", "50.00"]
    assert ask(tenant, "GetReconciliation", pb.GetReconciliationRequest()).passed

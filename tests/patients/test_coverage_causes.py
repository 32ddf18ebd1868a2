"""Causes, cards and verifications of coverages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from support.patients_house import House

from praxis.patients.v1 import coverage_pb2, events_pb2, patient_pb2, related_cause_pb2
from praxis.patients.v1 import coverage_service_pb2 as pb
from praxis.patients.v1 import patient_service_pb2 as patients
from praxis.patients.v1 import related_cause_service_pb2 as causes
from praxis.type.v1 import type_pb2
from praxis_chassis.files import UPLOADS, TenantFiles
from praxis_chassis.testing import Refused
from praxis_patients.rules.verification import Limits, Reason, picture_type, reasons

PNG = b"\x89PNG\r\n\x1a\nXylophanes"
WORKERS = coverage_pb2.COVERAGE_KIND_WORKERS_COMPENSATION
ACTIVE, INACTIVE = coverage_pb2.VERIFICATION_RESULT_ACTIVE, coverage_pb2.VERIFICATION_RESULT_INACTIVE
NEVER, STALE, FAILED, EXPIRING, EXPIRED = (
    coverage_pb2.VerificationReason.Value(f"VERIFICATION_REASON_{reason.name}") for reason in Reason
)
TODAY = datetime.now(UTC).date()


def day(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


def dollars(amount: str) -> type_pb2.Money:
    return type_pb2.Money(currency_code="USD", amount=amount)


def cause(house: House, patient: patient_pb2.Patient, **fields: Any) -> related_cause_pb2.RelatedCause:
    values = {
        "patient_id": patient.id,
        "kind": related_cause_pb2.CAUSE_KIND_EMPLOYMENT,
        "accident_date": "2026-03-02",
        "claim_number": "WC-7781",
        "adjuster_name": "Xylophanes Adams",
        "adjuster_phone": "512 555 0177",
    }
    wanted = related_cause_pb2.RelatedCause(**(values | fields))
    return house.call("CreateRelatedCause", causes.CreateRelatedCauseRequest(related_cause=wanted))


def verify(house: House, coverage: coverage_pb2.Coverage, result: int = ACTIVE, **more: Any) -> coverage_pb2.Coverage:
    return house.call("VerifyCoverage", pb.VerifyCoverageRequest(id=coverage.id, result=result, **more))


def worklist(house: House, **filters: Any) -> dict[str, list[int]]:
    reply = house.call("ListCoverageVerifications", pb.ListCoverageVerificationsRequest(**filters))
    return {item.coverage.id: list(item.reasons) for item in reply.coverage_verifications}


def uploaded(house: House, data: bytes) -> type_pb2.FileReference:
    runtime = house.tenant.under_test.runtime
    return TenantFiles(runtime.objects, runtime.keys, house.tenant.id, UPLOADS).put(data, "image/png")


def aged(house: House, coverage: coverage_pb2.Coverage, days: int) -> None:
    with house.tenant.session() as session:
        statement = "UPDATE coverages SET verify_time = verify_time - make_interval(days => :days) WHERE id = :id"
        session.execute(text(statement), {"days": days, "id": coverage.id})


def test_what_pays_for_an_accident_at_work_has_a_rank_of_its_own(house: House) -> None:
    patient = house.human("Miller", "Anna").patient
    accident = cause(house, patient)
    assert accident.adjuster_phone == "+15125550177"
    health = house.cover(patient)
    works = house.cover(patient, related_cause_id=accident.id, kind=WORKERS)
    assert (health.rank, works.rank, works.related_cause_id) == (1, 1, accident.id)
    for wrong in ({}, {"related_cause_id": accident.id}):
        with pytest.raises(Refused) as refused:
            house.cover(patient, **wrong)
        assert refused.value.reason == "COVERAGE_RANK_TAKEN"
    assert house.cover(patient, related_cause_id=cause(house, patient).id).rank == 1
    assert house.tenant.events(events_pb2.RelatedCauseRecorded)[0].related_cause == accident


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"accident_date": ""}, "related_cause.accident_date", "STRING_PATTERN"),
        ({"accident_date": "2026-02-30"}, "accident_date", "NOT_A_DATE"),
        ({"accident_date": day(3)}, "related_cause.accident_date", "ACCIDENT_IN_FUTURE"),
        (
            {"kind": related_cause_pb2.CAUSE_KIND_AUTO_ACCIDENT},
            "related_cause.accident_state_code",
            "ACCIDENT_STATE_REQUIRED",
        ),
        ({"adjuster_phone": "12"}, "related_cause.adjuster_phone", "PHONE_INVALID"),
    ],
)
def test_a_wrong_cause_is_refused_by_field(house: House, fields: Any, path: str, reason: str) -> None:
    patient = house.human("Miller", "Anna").patient
    with pytest.raises(Refused) as refused:
        cause(house, patient, **fields)
    assert [item[:2] for item in refused.value.violations] == [(path, reason)]


def test_a_closed_cause_and_one_of_another_patient_are_refused(house: House) -> None:
    anna, ben = house.human("Miller", "Anna").patient, house.human("Stone", "Ben").patient
    accident = cause(house, anna)
    with pytest.raises(Refused) as refused:
        house.cover(ben, related_cause_id=accident.id)
    assert [item[:2] for item in refused.value.violations] == [("coverage.related_cause_id", "CAUSE_OF_ANOTHER")]
    closed = house.call("CloseRelatedCause", causes.CloseRelatedCauseRequest(id=accident.id, etag=accident.etag))
    assert closed.state == related_cause_pb2.CAUSE_STATE_CLOSED
    with pytest.raises(Refused, match="CAUSE_CLOSED"):
        house.call("CloseRelatedCause", causes.CloseRelatedCauseRequest(id=accident.id))
    listed = house.call("ListRelatedCauses", causes.ListRelatedCausesRequest(patient_id=anna.id))
    assert list(listed.related_causes) == [closed]


def test_what_the_policy_says_is_kept_and_amounts_are_checked(house: House) -> None:
    patient = house.human("Miller", "Anna").patient
    terms = {"deductible": dollars("500.00"), "annual_limit": dollars("10000.00"), "waiting_until_date": "2026-05-01"}
    kept = house.cover(patient, **terms)
    assert (kept.deductible.amount, kept.annual_limit.amount) == ("500.00", "10000.00")
    assert (kept.waiting_until_date, kept.HasField("copay")) == ("2026-05-01", False)
    for name, amount, reason in (("deductible", "-1.00", "AMOUNT_NEGATIVE"), ("annual_limit", "-1", "AMOUNT_NEGATIVE")):
        with pytest.raises(Refused) as refused:
            house.cover(patient, rank=2, **{name: dollars(amount)})
        assert [item[1] for item in refused.value.violations] == [reason]
    with pytest.raises(Refused) as refused:
        house.cover(patient, rank=2, deductible=type_pb2.Money(currency_code="EUR", amount="5.00"))
    assert [item[:2] for item in refused.value.violations] == [("coverage.deductible.currency_code", "AMOUNT_CURRENCY")]


def test_a_card_is_kept_shown_and_erased_with_its_patient(house: House) -> None:
    patient = house.human("Miller", "Anna").patient
    coverage = house.cover(patient)
    front = uploaded(house, PNG)
    after = house.call("AttachCard", pb.AttachCardRequest(id=coverage.id, file=front, etag=coverage.etag))
    assert (after.card_front.media_type, after.HasField("card_back")) == ("image/png", False)
    shown = house.call("GetCardImage", pb.GetCardImageRequest(id=coverage.id))
    assert shown == after.card_front
    with pytest.raises(Refused, match="NOT_FOUND"):
        house.call("GetCardImage", pb.GetCardImageRequest(id=coverage.id, back=True))
    house.call("ErasePatient", patients.ErasePatientRequest(id=patient.id, reason="asked for it"))
    with pytest.raises(Refused, match="NOT_FOUND"):
        house.call("GetCardImage", pb.GetCardImageRequest(id=coverage.id))
    with house.tenant.session() as session:
        assert session.execute(text("SELECT count(*) FROM files WHERE deleted")).scalar() == 1


@pytest.mark.parametrize(
    ("data", "reason"), [(b"GIF89a", "CARD_NOT_A_PICTURE"), (PNG + bytes(10_000_000), "CARD_TOO_LARGE")]
)
def test_what_is_no_picture_is_refused(house: House, data: bytes, reason: str) -> None:
    coverage = house.cover(house.human("Miller", "Anna").patient)
    with pytest.raises(Refused) as refused:
        house.call("AttachCard", pb.AttachCardRequest(id=coverage.id, file=uploaded(house, data)))
    assert [item[:2] for item in refused.value.violations] == [("file", reason)]


def test_the_worklist_names_what_to_look_at_and_why(house: House) -> None:
    patient = house.human("Miller", "Anna").patient
    never, good = house.cover(patient, 1), house.cover(patient, 2)
    stale, failed = house.cover(patient, 3), house.cover(patient, 4)
    ending, over = house.cover(patient, 5, to_date=day(10)), house.cover(patient, 6, to_date=day(-10))
    for item in (good, stale, ending, over):
        told = verify(house, item, note="ref 5")
    assert (told.verification_result, told.verification_note, told.verified_by[:5]) == (ACTIVE, "ref 5", "user:")
    verify(house, failed, INACTIVE)
    aged(house, stale, 40)
    assert worklist(house) == {
        never.id: [NEVER],
        stale.id: [STALE],
        failed.id: [FAILED],
        ending.id: [EXPIRING],
        over.id: [EXPIRED],
    }
    assert set(worklist(house, reasons=[EXPIRED, FAILED])) == {failed.id, over.id}
    assert set(worklist(house, reasons=[STALE], stale_days=60)) == set()
    assert set(worklist(house, reasons=[EXPIRING], expiring_days=5)) == set()
    assert set(worklist(house, payer_id=never.payer_id)) == {never.id}
    page = pb.ListCoverageVerificationsRequest(page_size=2)
    first = house.call("ListCoverageVerifications", page)
    page.page_token = first.next_page_token
    assert [item.coverage.id for item in house.call("ListCoverageVerifications", page).coverage_verifications] == [
        failed.id,
        ending.id,
    ]
    assert len(house.tenant.events(events_pb2.CoverageVerified)) == 5


def test_nobody_verifies_for_who_has_died_or_what_has_ended(house: House) -> None:
    dead, alive = house.human("Miller", "Anna").patient, house.human("Stone", "Ben").patient
    house.cover(dead)
    ended, kept = house.cover(alive), house.cover(alive, 2)
    house.call("EndCoverage", pb.EndCoverageRequest(id=ended.id))
    house.call("MarkPatientDeceased", patients.MarkPatientDeceasedRequest(id=dead.id))
    assert set(worklist(house)) == {kept.id}
    with pytest.raises(Refused, match="COVERAGE_CLOSED"):
        verify(house, ended)


def test_an_erased_patient_leaves_no_word_of_the_case(house: House) -> None:
    patient = house.human("Miller", "Anna").patient
    accident = cause(house, patient)
    verify(house, house.cover(patient, related_cause_id=accident.id), note="Xylophanes said so")
    house.call("ErasePatient", patients.ErasePatientRequest(id=patient.id, reason="asked for it"))
    with house.tenant.session() as session:
        for table in ("coverages", "related_causes"):
            rows = session.execute(text(f"SELECT {table}::text FROM {table}")).scalars().all()
            assert rows
            assert "Xylophanes" not in "".join(rows)
    assert "Xylophanes" not in str(house.tenant.events())


ends = st.none() | st.integers(-60, 60).map(lambda days: date(2026, 6, 1) + timedelta(days=days))


@given(st.sampled_from(["unspecified", "active", "inactive", "not_found", "unanswered"]), ends, ends)
def test_each_reason_holds_exactly_when_it_is_named(result: str, verified: date | None, end: date | None) -> None:
    today = date(2026, 6, 1)
    found = reasons(Limits(today), result, verified, end)
    assert (Reason.NEVER in found) == (verified is None)
    assert (Reason.STALE in found) == (verified is not None and (today - verified).days > 30)
    assert (Reason.FAILED in found) == (result in {"inactive", "not_found", "unanswered"})
    assert (Reason.EXPIRED in found) == (end is not None and end <= today)
    assert (Reason.EXPIRING in found) == (end is not None and 0 < (end - today).days <= 30)


def test_pictures_are_known_by_their_beginning() -> None:
    heads = {
        b"\xff\xd8\xff\xe0": "image/jpeg",
        PNG: "image/png",
        b"RIFF....WEBPVP8": "image/webp",
        b"%PDF-1.7": "application/pdf",
    }
    assert {head: picture_type(head) for head in heads} == heads
    assert picture_type(b"<svg onload=x>") == picture_type(b"") == ""

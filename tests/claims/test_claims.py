"""Claims from the charges to the moment they are ready: made by event, completed, checked, corrected, kept back."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from google.protobuf import field_mask_pb2
from sqlalchemy import update
from tests.claims.builders import SERVICE_DATE, SERVICE_DAY, Practice, address

from praxis.billing.v1 import encounter_pb2
from praxis.billing.v1 import events_pb2 as billing
from praxis.claims.v1 import claim_pb2, events_pb2, payer_pb2
from praxis.claims.v1 import claim_service_pb2 as pb
from praxis.patients.v1 import coverage_pb2, party_pb2
from praxis.patients.v1 import events_pb2 as patients
from praxis_chassis import events
from praxis_chassis.testing import Refused
from praxis_claims.store.models import Claim
from praxis_claims.usecases import encounters


def only_claim(practice: Practice) -> claim_pb2.Claim:
    found = practice.tenant.call("ListClaims", pb.ListClaimsRequest()).claims
    assert len(found) == 1
    claim: claim_pb2.Claim = found[0]
    return claim


def codes(claim: claim_pb2.Claim) -> list[str]:
    return [finding.code for finding in claim.findings]


def test_charges_become_a_ready_claim(practice: Practice) -> None:
    practice.tell_all()
    encounter = practice.post()
    claim = only_claim(practice)
    assert claim.state == claim_pb2.CLAIM_STATE_READY, claim.findings
    assert (claim.encounter_id, claim.coverage_id) == (encounter.id, practice.coverage_id)
    assert (claim.charge_amount.amount, len(claim.lines), claim.place_of_service_code) == ("140.50", 2, "11")
    assert [line.charge_id for line in claim.lines] == [charge.id for charge in encounter.charges]
    assert claim.filing_deadline_date == (SERVICE_DAY + timedelta(days=180)).isoformat()
    assert claim.billing_provider.organization_name == "Elm Street Clinic"
    assert claim.etag
    kinds = [type(event).__name__ for event in practice.tenant.events() if "Claim" in type(event).__name__]
    assert kinds == ["ClaimCreated", "ClaimReady"]


def test_the_same_encounter_again_makes_no_second_claim(practice: Practice) -> None:
    practice.tell_all()
    encounter = practice.post()
    practice.tenant.receive(billing.EncounterPosted(encounter=encounter), UUID(encounter.id))
    only_claim(practice)


def test_a_claim_waits_for_copies_and_completes_itself(practice: Practice) -> None:
    practice.post()
    claim = only_claim(practice)
    assert claim.state == claim_pb2.CLAIM_STATE_DRAFT
    assert set(codes(claim)) == {"FACTS_MISSING"}
    assert {finding.field for finding in claim.findings} == {
        "patient",
        "coverage",
        "location",
        "rendering_practitioner",
    }
    for tell in (practice.tell_coverage, practice.tell_location, practice.tell_patient, practice.tell_practitioner):
        assert only_claim(practice).state == claim_pb2.CLAIM_STATE_DRAFT
        tell()
    assert {finding.field for finding in only_claim(practice).findings} == {"practice"}
    practice.tell_practice()
    assert only_claim(practice).state == claim_pb2.CLAIM_STATE_READY


def test_a_copy_that_arrived_in_the_same_moment_is_noticed_later(practice: Practice) -> None:
    practice.tell_all()
    practice.post()
    claim = only_claim(practice)
    with practice.tenant.session() as session:
        late = [f"patient:{practice.patient_id}"]
        draft = update(Claim).values(state=claim_pb2.CLAIM_STATE_DRAFT, missing=late)
        session.execute(draft.where(Claim.id == UUID(claim.id)))
    with practice.tenant.session() as session:
        encounters.wake_overlooked(session)
        events.store_recorded(session)
    assert only_claim(practice).state == claim_pb2.CLAIM_STATE_READY


def test_a_dependent_is_billed_under_the_subscriber(practice: Practice) -> None:
    practice.tell_all()
    holder = "0190a6d0-7b1c-7c3e-9d7e-2f4b5a6c7d8e"
    practice.tell_coverage(
        subscriber_relationship=coverage_pb2.SUBSCRIBER_RELATIONSHIP_CHILD, subscriber_party_id=holder
    )
    practice.post()
    assert {finding.field for finding in only_claim(practice).findings} == {"subscriber"}
    person = party_pb2.Person(birth_date="1950-01-02", sex=party_pb2.SEX_MALE)
    person.name.family, person.name.given[:] = "Byron", ["George"]
    party = party_pb2.Party(id=holder, person=person, addresses=[address()])
    practice.tenant.receive(patients.PartyCreated(party=party), holder)
    claim = only_claim(practice)
    assert claim.state == claim_pb2.CLAIM_STATE_READY, claim.findings
    assert (claim.subscriber.person.name.family, claim.patient.name.family) == ("Byron", "Lovelace")


def test_animals_and_their_insurance_make_no_claim(practice: Practice) -> None:
    practice.tell_animal()
    practice.post()
    assert not practice.tenant.call("ListClaims", pb.ListClaimsRequest()).claims
    other = Practice(practice.tenant)
    other.add_payer(kind=payer_pb2.PAYER_KIND_PET, electronic_id="")
    other.post()
    assert not practice.tenant.call("ListClaims", pb.ListClaimsRequest()).claims


def test_a_claim_that_turns_out_to_be_an_animals_is_withdrawn(practice: Practice) -> None:
    practice.post()
    practice.tell_animal()
    assert only_claim(practice).state == claim_pb2.CLAIM_STATE_WITHDRAWN


def test_self_pay_makes_no_claim(practice: Practice) -> None:
    practice.tell_all()
    practice.post(charges=[practice.charge("99213", "125.00", shares=[encounter_pb2.Share()])])
    assert not practice.tenant.call("ListClaims", pb.ListClaimsRequest()).claims


def test_findings_say_what_to_do_and_vanish_when_it_is_done(practice: Practice) -> None:
    practice.tell_all()
    practice.post(diagnoses=["E11"], charges=[practice.charge("99213", "125.00", diagnosis_pointers=[1])])
    claim = only_claim(practice)
    assert (claim.state, codes(claim)) == (claim_pb2.CLAIM_STATE_SCRUB_FAILED, ["DIAGNOSIS_NOT_BILLABLE"])
    assert claim.findings[0].fix_hint == "Choose one of the codes below E11."
    corrected = claim_pb2.Claim(id=claim.id, etag=claim.etag, diagnosis_codes=["E11.9"])
    mask = field_mask_pb2.FieldMask(paths=["diagnosis_codes"])
    reply = practice.tenant.call("UpdateClaim", pb.UpdateClaimRequest(claim=corrected, update_mask=mask))
    assert (reply.state, codes(reply)) == (claim_pb2.CLAIM_STATE_READY, [])
    with pytest.raises(Refused) as stale:
        practice.tenant.call("UpdateClaim", pb.UpdateClaimRequest(claim=corrected, update_mask=mask))
    assert stale.value.code == grpc.StatusCode.ABORTED


def test_a_claim_that_failed_is_checked_again_when_what_it_is_made_of_is_mended(practice: Practice) -> None:
    practice.tell_all()
    practice.tell_coverage(member_id="")
    practice.post()
    failed = only_claim(practice)
    assert (failed.state, failed.subscriber.member_id) == (claim_pb2.CLAIM_STATE_SCRUB_FAILED, "")
    practice.tell_coverage(member_id="W123456789")
    mended = only_claim(practice)
    assert (mended.state, mended.subscriber.member_id) == (claim_pb2.CLAIM_STATE_READY, "W123456789")


def test_a_diagnosis_is_understood_without_its_dot(practice: Practice) -> None:
    practice.tell_all()
    practice.post()
    claim = only_claim(practice)
    corrected = claim_pb2.Claim(id=claim.id, etag=claim.etag, diagnosis_codes=["J069"])
    mask = field_mask_pb2.FieldMask(paths=["diagnosis_codes"])
    reply = practice.tenant.call("UpdateClaim", pb.UpdateClaimRequest(claim=corrected, update_mask=mask))
    assert list(reply.diagnosis_codes) == ["J06.9"]


def test_fields_that_follow_other_records_are_fixed(practice: Practice) -> None:
    practice.tell_all()
    practice.post()
    claim = only_claim(practice)
    mask = field_mask_pb2.FieldMask(paths=["payer_name"])
    with pytest.raises(Refused) as refused:
        practice.tenant.call("UpdateClaim", pb.UpdateClaimRequest(claim=claim_pb2.Claim(id=claim.id), update_mask=mask))
    assert refused.value.violations[0][1] == "CLAIM_FIELD_FIXED"


def test_a_claim_without_a_diagnosis_is_stopped(practice: Practice) -> None:
    practice.tell_all()
    practice.post(diagnoses=[])
    assert codes(only_claim(practice)) == ["DIAGNOSIS_MISSING"]


def test_a_warning_is_overridden_with_a_reason_that_outlives_the_next_check(practice: Practice) -> None:
    practice.tell_all()
    charge = practice.charge("99213", "125.00")
    practice.post(charges=[charge, practice.charge("99213", "125.00")])
    claim = only_claim(practice)
    assert (claim.state, codes(claim)) == (claim_pb2.CLAIM_STATE_SCRUB_FAILED, ["LINE_REPEATED"])
    request = pb.OverrideClaimRequest(id=claim.id, finding_id=claim.findings[0].id, reason="Two visits that day")
    assert practice.tenant.call("OverrideClaim", request).state == claim_pb2.CLAIM_STATE_READY
    again = practice.tenant.call("ScrubClaim", pb.ScrubClaimRequest(id=claim.id))
    assert again.state == claim_pb2.CLAIM_STATE_READY
    assert again.findings[0].override_reason == "Two visits that day"


def test_what_blocks_cannot_be_overridden(practice: Practice) -> None:
    practice.tell_all()
    practice.post(diagnoses=[])
    claim = only_claim(practice)
    with pytest.raises(Refused) as refused:
        practice.tenant.call(
            "OverrideClaim", pb.OverrideClaimRequest(id=claim.id, finding_id=claim.findings[0].id, reason="Please")
        )
    assert refused.value.reason == "FINDING_NOT_OVERRIDABLE"
    with pytest.raises(Refused) as unknown:
        practice.tenant.call("OverrideClaim", pb.OverrideClaimRequest(id=claim.id, finding_id="X", reason="Please"))
    assert unknown.value.code == grpc.StatusCode.NOT_FOUND


def test_a_held_claim_stays_held_until_it_is_released(practice: Practice) -> None:
    practice.tell_all()
    practice.post()
    claim = only_claim(practice)
    held = practice.tenant.call("HoldClaim", pb.HoldClaimRequest(id=claim.id, reason="Waiting for notes"))
    assert (held.state, held.hold_reason) == (claim_pb2.CLAIM_STATE_HELD, "Waiting for notes")
    assert practice.tenant.call("ScrubClaim", pb.ScrubClaimRequest(id=claim.id)).state == claim_pb2.CLAIM_STATE_HELD
    released = practice.tenant.call("ReleaseClaim", pb.ReleaseClaimRequest(id=claim.id))
    assert (released.state, released.hold_reason) == (claim_pb2.CLAIM_STATE_READY, "")
    with pytest.raises(Refused) as refused:
        practice.tenant.call("ReleaseClaim", pb.ReleaseClaimRequest(id=claim.id))
    assert refused.value.reason == "CLAIM_STATE"
    entries = practice.tenant.call("ListClaimTimeline", pb.ListClaimTimelineRequest(id=claim.id)).entries
    assert [entry.kind for entry in entries] == ["created", "ready", "held", "released", "ready"]


def test_reversed_charges_withdraw_the_claim(practice: Practice) -> None:
    practice.tell_all()
    encounter = practice.post()
    practice.tenant.receive(billing.EncounterReversed(encounter=encounter), UUID(encounter.id))
    assert only_claim(practice).state == claim_pb2.CLAIM_STATE_WITHDRAWN
    assert len(practice.tenant.events(events_pb2.ClaimWithdrawn)) == 1


def test_claims_are_listed_by_state_payer_patient_and_age(practice: Practice) -> None:
    practice.tell_all()
    practice.post()
    claim = only_claim(practice)
    listed = {
        "state": pb.ListClaimsRequest(states=[claim_pb2.CLAIM_STATE_READY]),
        "payer": pb.ListClaimsRequest(payer_id=practice.payer_id),
        "patient": pb.ListClaimsRequest(patient_id=practice.patient_id),
        "number": pb.ListClaimsRequest(claim_number=claim.claim_number.lower()),
        "age": pb.ListClaimsRequest(min_age_days=1),
        "newest": pb.ListClaimsRequest(order_by=pb.CLAIM_ORDER_NEWEST_SERVICE),
    }
    for name, request in listed.items():
        assert [found.id for found in practice.tenant.call("ListClaims", request).claims] == [claim.id], name
    for request in (
        pb.ListClaimsRequest(states=[claim_pb2.CLAIM_STATE_POSTED]),
        pb.ListClaimsRequest(patient_id=practice.coverage_id),
        pb.ListClaimsRequest(max_age_days=1),
    ):
        assert not practice.tenant.call("ListClaims", request).claims


def test_another_tenant_sees_nothing(practice: Practice) -> None:
    practice.tell_all()
    practice.post()
    claim = only_claim(practice)
    stranger = practice.tenant.under_test.tenant()
    with pytest.raises(Refused) as refused:
        stranger.call("GetClaim", pb.GetClaimRequest(id=claim.id))
    assert refused.value.code == grpc.StatusCode.NOT_FOUND
    assert practice.tenant.call("GetClaim", pb.GetClaimRequest(id=claim.id)).service_from_date == SERVICE_DATE

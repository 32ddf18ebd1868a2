"""What insurers decide is posted exactly once, moved on correctly, undone exactly, and never made to fit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from billing.practice import TODAY, Practice, decided, open_amounts, usd

from praxis.billing.v1 import (
    encounter_service_pb2,
    events_pb2,
    ledger_pb2,
    ledger_service_pb2,
    payment_service_pb2,
)
from praxis.claims.v1 import remittance_pb2
from praxis_chassis.testing import Refused, ServiceUnderTest


@pytest.fixture
def practice(billing: ServiceUnderTest) -> Practice:
    return Practice.open(billing)


def postings(practice: Practice, remittance: str) -> dict[str, Any]:
    request = ledger_service_pb2.ListRemittancePostingsRequest(remittance_id=remittance)
    found = practice.tenant.call("ListRemittancePostings", request).remittance_postings
    return {posting.remittance_claim_id: posting for posting in found}


def suspense(practice: Practice) -> str:
    lines = practice.tenant.call("GetTrialBalance", ledger_service_pb2.GetTrialBalanceRequest()).lines
    return next((line.balance.amount for line in lines if line.ledger_account == "remittance_suspense"), "0.00")


def test_paid_adjusted_and_moved_to_the_patient(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient)
    posted = practice.post(patient, "99213", "85025")
    claim = decided(posted, coverage, ("60.00", {"CO": "15.00", "PR": "25.00"}), ("20.50", {"CO": "5.00"}))
    remittance = practice.remit(claim, payment="80.50")
    assert open_amounts(practice.read(posted)) == {"insurer 1": "0.00", "account": "25.00"}
    found = postings(practice, remittance)[claim.remittance_claim_id]
    assert (found.paid.amount, found.adjusted.amount, found.transferred.amount) == ("80.50", "20.00", "25.00")
    assert suspense(practice) == "0.00"
    text = practice.balance(practice.account_of(patient).id).text
    assert (
        "Acme Health paid $60.00. $15.00 was taken off under the contract with Acme Health. Your part is $25.00."
        in text
    )
    [moved] = practice.tenant.events(events_pb2.ResponsibilityTransferred)
    assert moved.transfers[0].reason == "PR-45"  # type: ignore[attr-defined]
    practice.prove()


def test_money_that_is_still_on_its_way_does_not_hold_up_what_the_patient_owes(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient)
    posted = practice.post(patient, "99213")
    claim = decided(posted, coverage, ("60.00", {"CO": "15.00", "PR": "25.00"}))
    practice.remit(claim, payment="60.00", day=TODAY + timedelta(days=5))
    assert practice.balance(practice.account_of(patient).id).balance.amount == "25.00"
    [payment] = practice.tenant.call("ListPayments", payment_service_pb2.ListPaymentsRequest()).payments
    assert payment.received_date <= (TODAY + timedelta(days=1)).isoformat()
    practice.prove()


def test_a_copay_that_was_assigned_at_checkout_does_not_move_again(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient, copay="25.00")
    posted = practice.post(patient, "99213")
    practice.remit(decided(posted, coverage, ("60.00", {"CO": "15.00", "PR": "25.00"})), payment="60.00")
    assert open_amounts(practice.read(posted)) == {"insurer 1": "0.00", "account": "25.00"}
    assert not practice.tenant.events(events_pb2.ResponsibilityTransferred)
    practice.prove()


def test_a_copay_that_was_too_high_comes_back_as_credit(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient, copay="25.00")
    posted = practice.post(patient, "99213")
    account = practice.account_of(patient)
    practice.pay(account.id, "25.00")
    practice.remit(decided(posted, coverage, ("75.00", {"CO": "15.00", "PR": "10.00"})), payment="75.00")
    assert open_amounts(practice.read(posted)) == {"insurer 1": "0.00", "account": "0.00"}
    balance = practice.balance(account.id)
    assert (balance.balance.amount, balance.unapplied.amount) == ("-15.00", "15.00")
    practice.prove()


def test_the_rest_goes_to_the_second_insurer_and_then_to_the_patient(practice: Practice) -> None:
    patient = practice.human()
    first, second = practice.cover(patient), practice.cover(patient, payer=practice.second_payer, rank=2)
    posted = practice.post(patient, "99213")
    practice.remit(decided(posted, first, ("60.00", {"CO": "15.00", "PR": "25.00"})), payment="60.00")
    assert open_amounts(practice.read(posted)) == {"insurer 1": "0.00", "insurer 2": "25.00"}
    [moved] = practice.tenant.events(events_pb2.ResponsibilityTransferred)
    assert moved.transfers[0].to_coverage_id == second  # type: ignore[attr-defined]
    assert moved.transfers[0].to_rank == 2  # type: ignore[attr-defined]
    practice.payer = practice.second_payer
    practice.remit(decided(posted, second, ("20.00", {"OA": "75.00", "PR": "5.00"})), payment="20.00")
    assert open_amounts(practice.read(posted)) == {"insurer 1": "0.00", "insurer 2": "0.00", "account": "5.00"}
    practice.prove()


def test_a_denied_charge_stays_open_with_the_insurer(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient, copay="25.00")
    posted = practice.post(patient, "99213")
    claim = decided(posted, coverage, ("0.00", {"PI": "100.00"}))
    remittance = practice.remit(claim, payment="0.00")
    assert open_amounts(practice.read(posted)) == {"insurer 1": "75.00", "account": "25.00"}
    assert postings(practice, remittance)[claim.remittance_claim_id].held.amount == "75.00"
    practice.prove()


def test_the_same_remittance_three_times_changes_nothing(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient)
    posted = practice.post(patient, "99213")
    claim = decided(posted, coverage, ("60.00", {"CO": "40.00"}))
    remittance = practice.remit(claim, payment="60.00")
    before = practice.tenant.call("GetTrialBalance", ledger_service_pb2.GetTrialBalanceRequest())
    for _ in range(2):
        practice.tenant.receive(practice.last_remittance, remittance)
    assert practice.tenant.call("GetTrialBalance", ledger_service_pb2.GetTrialBalanceRequest()) == before
    assert len(practice.tenant.events(events_pb2.RemittancePostingApplied)) == 2
    practice.prove()


def test_provider_level_amounts_go_to_their_own_account(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient)
    posted = practice.post(patient, "99213")
    practice.remit(decided(posted, coverage, ("100.00", {})), payment="80.00", taken="20.00")
    lines = practice.tenant.call("GetTrialBalance", ledger_service_pb2.GetTrialBalanceRequest()).lines
    balances = {line.ledger_account: line.balance.amount for line in lines}
    assert balances["provider_adjustments"] == "20.00"
    assert balances["bank_clearing"] == "80.00"
    assert balances["remittance_suspense"] == "0.00"
    practice.prove()


def test_one_claim_that_does_not_fit_is_refused_and_the_others_are_posted(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient)
    good, bad = practice.post(patient, "99213"), practice.post(patient, "85025")
    fits = decided(good, coverage, ("60.00", {"CO": "40.00"}))
    too_much = decided(bad, coverage, ("30.00", {}))
    remittance = practice.remit(fits, too_much, payment="90.00")
    found = postings(practice, remittance)
    assert found[fits.remittance_claim_id].state == ledger_pb2.REMITTANCE_POSTING_STATE_APPLIED
    assert found[too_much.remittance_claim_id].state == ledger_pb2.REMITTANCE_POSTING_STATE_REFUSED
    assert found[too_much.remittance_claim_id].refusal_reason == "REMITTANCE_EXCEEDS_SHARE"
    assert open_amounts(practice.read(bad)) == {"insurer 1": "25.50"}
    assert suspense(practice) == "-30.00"
    practice.prove()


def test_a_payment_that_its_claims_exceed_is_refused_as_a_whole(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient)
    posted = practice.post(patient, "99213")
    claim = decided(posted, coverage, ("100.00", {}))
    remittance = practice.remit(claim, payment="60.00", paid="100.00")
    reasons = {posting.refusal_reason for posting in postings(practice, remittance).values()}
    assert reasons == {"REMITTANCE_NOT_SUPPORTED_BY_PAYMENT"}
    assert open_amounts(practice.read(posted)) == {"insurer 1": "100.00"}
    liar = decided(posted, coverage, ("100.00", {}))
    remittance = practice.remit(liar, payment="60.00")
    assert postings(practice, remittance)[liar.remittance_claim_id].refusal_reason == (
        "REMITTANCE_NOT_SUPPORTED_BY_PAYMENT"
    )
    assert suspense(practice) == "-60.00"
    practice.prove()


def test_a_takeback_restores_the_ledger_exactly(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient)
    posted, other = practice.post(patient, "99213"), practice.post(patient, "99213")
    account = practice.account_of(patient)
    claim = decided(posted, coverage, ("60.00", {"CO": "15.00", "PR": "25.00"}))
    practice.remit(claim, payment="60.00")
    practice.pay(account.id, "25.00")
    back = decided(posted, coverage, ("-60.00", {"CO": "-15.00", "PR": "-25.00"}), undoes=claim.remittance_claim_id)
    paid = decided(other, coverage, ("90.00", {"CO": "10.00"}))
    remittance = practice.remit(paid, back, payment="30.00")
    assert postings(practice, remittance)[back.remittance_claim_id].paid.amount == "-60.00"
    assert open_amounts(practice.read(posted)) == {"insurer 1": "100.00", "account": "0.00"}
    assert open_amounts(practice.read(other)) == {"insurer 1": "0.00"}
    assert practice.balance(account.id).balance.amount == "-25.00"
    assert suspense(practice) == "0.00"
    again = decided(posted, coverage, ("-60.00", {}), undoes=claim.remittance_claim_id)
    remittance = practice.remit(again, payment="0.00", paid="0.00")
    assert postings(practice, remittance)[again.remittance_claim_id].refusal_reason == "REMITTANCE_REVERSAL_UNKNOWN"
    practice.prove()


def test_a_reversal_with_other_amounts_is_left_to_a_person(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient)
    posted = practice.post(patient, "99213")
    claim = decided(posted, coverage, ("60.00", {"CO": "40.00"}))
    practice.remit(claim, payment="60.00")
    differs = decided(posted, coverage, ("-50.00", {}), undoes=claim.remittance_claim_id)
    remittance = practice.remit(differs, payment="0.00", paid="0.00")
    assert postings(practice, remittance)[differs.remittance_claim_id].refusal_reason == "REMITTANCE_REVERSAL_DIFFERS"
    practice.prove()


def test_what_belongs_to_the_claim_as_a_whole_is_spread_over_its_charges(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient)
    posted = practice.post(patient, "99213", "85025")
    claim = decided(posted, coverage)
    claim.paid_amount.CopyFrom(usd("100.50"))
    claim.adjustments.add(
        group_code="PR",
        reason_code="1",
        amount=usd("25.00"),
        action=remittance_pb2.ADJUSTMENT_ACTION_TRANSFER_TO_NEXT,
    )
    practice.remit(claim, payment="100.50")
    assert open_amounts(practice.read(posted)) == {"insurer 1": "0.00", "account": "25.00"}
    practice.prove()


def test_an_encounter_that_an_insurer_paid_for_cannot_be_reversed(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient)
    posted = practice.post(patient, "99213")
    practice.remit(decided(posted, coverage, ("60.00", {"CO": "40.00"})), payment="60.00")
    request = encounter_service_pb2.ReverseEncounterRequest(id=posted.id, etag=posted.etag, reason="wrong patient")
    with pytest.raises(Refused) as refused:
        practice.tenant.call("ReverseEncounter", request)
    assert refused.value.reason == "INSURER_HAS_PAID"


def test_a_payment_of_a_remittance_moves_only_with_it(practice: Practice) -> None:
    patient = practice.human()
    coverage = practice.cover(patient)
    posted = practice.post(patient, "99213")
    practice.remit(decided(posted, coverage, ("60.00", {"CO": "40.00"})), payment="60.00")
    listed = practice.tenant.call("ListPayments", payment_service_pb2.ListPaymentsRequest(payer_id=practice.payer))
    [payment] = listed.payments
    request = payment_service_pb2.ReversePaymentRequest(id=payment.id, etag=payment.etag, reason="a mistake")
    with pytest.raises(Refused) as refused:
        practice.tenant.call("ReversePayment", request)
    assert refused.value.reason == "PAYMENT_OF_REMITTANCE"

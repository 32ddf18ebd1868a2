"""Payments, their uses, adjustments, transfers and reversals, and the balance that explains them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from billing.practice import TODAY, Practice, open_amounts, usd
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from praxis.billing.v1 import (
    account_pb2,
    account_service_pb2,
    encounter_service_pb2,
    events_pb2,
    payment_pb2,
    payment_service_pb2,
)
from praxis_billing.store.models import Payment, Share
from praxis_chassis.testing import Refused, ServiceUnderTest


@pytest.fixture
def practice(billing: ServiceUnderTest) -> Practice:
    return Practice.open(billing)


def adjust(practice: Practice, share: str, amount: str) -> Any:
    adjustment = payment_pb2.Adjustment(
        share_id=share, reason=payment_pb2.ADJUSTMENT_REASON_COURTESY, amount=usd(amount), note="long wait"
    )
    return practice.tenant.call("CreateAdjustment", payment_service_pb2.CreateAdjustmentRequest(adjustment=adjustment))


def test_a_payment_goes_to_the_oldest_charge_and_the_rest_waits(practice: Practice) -> None:
    patient = practice.human()
    newer = practice.post(patient, "99213")
    older = practice.post(patient, "85025", service_date=(TODAY - timedelta(days=40)).isoformat())
    account = practice.account_of(patient)
    payment = practice.pay(account.id, "50.00")
    assert [item.amount.amount for item in payment.allocations] == ["25.50", "24.50"]
    assert open_amounts(practice.read(older)) == {"account": "0.00"}
    assert open_amounts(practice.read(newer)) == {"account": "75.50"}
    assert practice.balance(account.id).balance.amount == "75.50"
    more = practice.pay(account.id, "100.00", method=payment_pb2.PAYMENT_METHOD_CASH)
    assert more.unapplied.amount == "24.50"
    balance = practice.balance(account.id)
    assert (balance.balance.amount, balance.unapplied.amount) == ("-24.50", "24.50")
    assert "credit of $24.50" in balance.text
    [first, second] = practice.tenant.events(events_pb2.PaymentAllocated)
    assert [a.amount.amount for a in first.allocations] == ["25.50", "24.50"]  # type: ignore[attr-defined]
    assert [a.amount.amount for a in second.allocations] == ["75.50"]  # type: ignore[attr-defined]
    practice.prove()


def test_a_listed_payment_pays_what_it_lists_and_no_more(practice: Practice) -> None:
    patient = practice.human()
    posted = practice.post(patient, "99213", "85025")
    account = practice.account_of(patient)
    share = posted.charges[1].shares[0].id
    listed = payment_pb2.ALLOCATION_POLICY_LISTED
    too_much = [payment_pb2.Allocation(share_id=share, amount=usd("25.51"))]
    with pytest.raises(Refused) as refused:
        practice.pay(account.id, "50.00", allocation_policy=listed, allocations=too_much)
    assert refused.value.reason == "ALLOCATION_EXCEEDS_SHARE"
    assert "Only $25.50 is open" in refused.value.status.message
    use = [payment_pb2.Allocation(share_id=share, amount=usd("20.00"))]
    payment = practice.pay(account.id, "50.00", allocation_policy=listed, allocations=use)
    assert payment.unapplied.amount == "30.00"
    back = payment_service_pb2.AllocatePaymentRequest(
        id=payment.id, etag=payment.etag, allocations=[payment_pb2.Allocation(share_id=share, amount=usd("-5.00"))]
    )
    assert practice.tenant.call("AllocatePayment", back).unapplied.amount == "35.00"
    practice.prove()


def test_an_employer_pays_from_an_account_of_its_own(practice: Practice) -> None:
    patient = practice.human()
    posted = practice.post(patient, "99213")
    asked = account_pb2.Account(party_id=practice.party("Timber Mill"))
    employer = practice.tenant.call("CreateAccount", account_service_pb2.CreateAccountRequest(account=asked))
    assert employer.display_name == "Timber Mill"
    use = [payment_pb2.Allocation(share_id=posted.charges[0].shares[0].id, amount=usd("60.00"))]
    practice.pay(employer.id, "60.00", payer_kind=payment_pb2.PAYER_KIND_THIRD_PARTY, allocations=use)
    assert practice.balance(practice.account_of(patient).id).balance.amount == "40.00"
    assert practice.balance(employer.id).balance.amount == "0.00"
    practice.prove()


def test_a_bounced_check_brings_the_debt_back(practice: Practice) -> None:
    patient = practice.human()
    practice.post(patient, "99213")
    account = practice.account_of(patient)
    payment = practice.pay(account.id, "80.00", method=payment_pb2.PAYMENT_METHOD_CHECK, reference="1007")
    request = payment_service_pb2.ReversePaymentRequest(id=payment.id, etag=payment.etag, reason="bounced")
    with pytest.raises(Refused) as stale:
        practice.tenant.call(
            "ReversePayment", payment_service_pb2.ReversePaymentRequest(id=payment.id, etag='"1"', reason="bounced")
        )
    assert stale.value.reason == "ETAG_MISMATCH"
    with pytest.raises(Refused) as unseen:
        practice.tenant.call(
            "ReversePayment", payment_service_pb2.ReversePaymentRequest(id=payment.id, reason="bounced")
        )
    assert unseen.value.reason == "ETAG_REQUIRED"
    found = practice.tenant.call("ReversePayment", request)
    assert (found.state, found.unapplied.amount) == (payment_pb2.PAYMENT_STATE_REVERSED, "0.00")
    assert found.reversal_reason == "bounced"
    [event] = practice.tenant.events(events_pb2.PaymentReversed)
    assert not event.payment.reversal_reason  # type: ignore[attr-defined]
    assert practice.balance(account.id).balance.amount == "100.00"
    with pytest.raises(Refused) as again:
        practice.tenant.call(
            "ReversePayment", payment_service_pb2.ReversePaymentRequest(id=payment.id, etag=found.etag, reason="twice")
        )
    assert again.value.reason == "PAYMENT_ALREADY_REVERSED"
    practice.prove()


def test_an_adjustment_is_bounded_and_can_be_taken_back(practice: Practice) -> None:
    patient = practice.human()
    share = practice.post(patient, "99213").charges[0].shares[0].id
    account = practice.account_of(patient)
    with pytest.raises(Refused) as refused:
        adjust(practice, share, "100.01")
    assert refused.value.reason == "ADJUSTMENT_EXCEEDS_SHARE"
    assert "Only $100.00 is open" in refused.value.status.message
    made = adjust(practice, share, "40.00")
    assert practice.balance(account.id).balance.amount == "60.00"
    request = payment_service_pb2.ReverseAdjustmentRequest(id=made.id, etag=made.etag, reason="a mistake")
    practice.tenant.call("ReverseAdjustment", request)
    assert practice.balance(account.id).balance.amount == "100.00"
    practice.prove()


def test_reversing_an_encounter_frees_its_payments(practice: Practice) -> None:
    patient = practice.human()
    posted = practice.post(patient, "99213", "85025")
    account = practice.account_of(patient)
    practice.pay(account.id, "60.00")
    adjust(practice, posted.charges[1].shares[0].id, "5.00")
    request = encounter_service_pb2.ReverseEncounterRequest(id=posted.id, etag=posted.etag, reason="wrong patient")
    reversed_ = practice.tenant.call("ReverseEncounter", request)
    assert {share.amount.amount for charge in reversed_.charges for share in charge.shares} == {"0.00"}
    balance = practice.balance(account.id)
    assert (balance.balance.amount, balance.unapplied.amount) == ("-60.00", "60.00")
    with pytest.raises(Refused) as again:
        practice.tenant.call(
            "ReverseEncounter",
            encounter_service_pb2.ReverseEncounterRequest(id=posted.id, etag=reversed_.etag, reason="again"),
        )
    assert again.value.reason == "ENCOUNTER_ALREADY_REVERSED"
    practice.prove()


def test_responsibility_moves_to_another_account(practice: Practice) -> None:
    patient = practice.human()
    practice.cover(patient, copay="30.00")
    posted = practice.post(patient, "99213")
    insurer = next(share for share in posted.charges[0].shares if share.payer_id)
    request = encounter_service_pb2.TransferResponsibilityRequest(
        id=posted.id, etag=posted.etag, reason="not covered", share_id=insurer.id, amount=usd("70.00")
    )
    moved = practice.tenant.call("TransferResponsibility", request)
    assert open_amounts(moved) == {"insurer 1": "0.00", "account": "100.00"}
    [event] = practice.tenant.events(events_pb2.ResponsibilityTransferred)
    [transfer] = event.transfers  # type: ignore[attr-defined]
    assert (transfer.amount.amount, transfer.from_payer_id, transfer.to_payer_id) == ("70.00", practice.payer, "")
    practice.prove()


def test_the_sentences_of_a_balance_add_up_to_it(practice: Practice) -> None:
    patient = practice.human()
    practice.cover(patient, copay="30.00")
    posted = practice.post(patient, "99213", "85025")
    account = practice.account_of(patient)
    practice.pay(account.id, "10.00")
    balance = practice.balance(account.id)
    total = sum(round(float(line.amount.amount) * 100) for line in balance.lines)
    assert total == round(float(balance.balance.amount) * 100) == 2000
    assert sum(round(float(bucket.amount.amount) * 100) for bucket in balance.buckets) == 2000
    [line] = balance.lines
    assert line.text.endswith("Your part is $30.00. You have paid $10.00 of it. $20.00 is left to pay.")
    assert balance.pending_insurance.amount == "95.50"
    assert posted.charges[0].description in line.text
    spanish = practice.tenant.call(
        "GetAccountBalance", account_service_pb2.GetAccountBalanceRequest(id=account.id), locale="es"
    )
    assert "por pagar" in spanish.text


def test_a_balance_can_be_asked_for_an_earlier_day(practice: Practice) -> None:
    patient = practice.human()
    earlier = TODAY - timedelta(days=10)
    practice.post(patient, "99213", service_date=earlier.isoformat())
    account = practice.account_of(patient)
    practice.pay(account.id, "100.00", received_date=(TODAY - timedelta(days=5)).isoformat())
    assert practice.balance(account.id).balance.amount == "0.00"
    assert practice.balance(account.id, TODAY - timedelta(days=6)).balance.amount == "100.00"
    assert practice.balance(account.id, earlier - timedelta(days=1)).balance.amount == "0.00"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount": "0.00"}, "INVALID_REQUEST"),
        ({"amount": "-5.00"}, "INVALID_REQUEST"),
        ({"amount": "5.001"}, "INVALID_REQUEST"),
        ({"account_id": ""}, "INVALID_REQUEST"),
        ({"received_date": "2999-01-01"}, "INVALID_REQUEST"),
        ({"received_date": "1989-12-31"}, "INVALID_REQUEST"),
        ({"amount": "1000000000.01"}, "INVALID_REQUEST"),
        ({"method": payment_pb2.PAYMENT_METHOD_NON_PAYMENT}, "INVALID_REQUEST"),
        ({"method": payment_pb2.PAYMENT_METHOD_CARD, "reference": "Visa 4111 1111 1111 1111"}, "INVALID_REQUEST"),
        ({"allocation_policy": payment_pb2.ALLOCATION_POLICY_LISTED}, "INVALID_REQUEST"),
        ({"account_id": "0190a6d0-7b1c-7c3e-9d7e-2f4b5a6c7d99"}, "NOT_FOUND"),
    ],
)
def test_a_payment_that_cannot_be_is_refused(practice: Practice, change: dict[str, Any], reason: str) -> None:
    account = practice.account_of(practice.human())
    with pytest.raises(Refused) as refused:
        practice.pay(**({"account": account.id, "amount": "5.00"} | change))
    assert refused.value.reason == reason


def test_a_use_of_nothing_is_refused_where_it_is_named(practice: Practice) -> None:
    patient = practice.human()
    share = practice.post(patient, "99213").charges[0].shares[0].id
    account = practice.account_of(patient)
    nothing = [payment_pb2.Allocation(share_id=share, amount=usd(amount)) for amount in ("1.00", "0.00")]
    with pytest.raises(Refused) as refused:
        practice.pay(account.id, "5.00", allocations=nothing)
    assert [item[:2] for item in refused.value.violations] == [("payment.allocations[1].amount", "AMOUNT_NOT_ZERO")]
    payment = practice.pay(account.id, "5.00", allocation_policy=payment_pb2.ALLOCATION_POLICY_NONE)
    request = payment_service_pb2.AllocatePaymentRequest(
        id=payment.id, etag=payment.etag, allocations=nothing[1:], policy=payment_pb2.ALLOCATION_POLICY_LISTED
    )
    with pytest.raises(Refused) as refused:
        practice.tenant.call("AllocatePayment", request)
    assert [item[:2] for item in refused.value.violations] == [("allocations[0].amount", "AMOUNT_NOT_ZERO")]


def test_the_holder_of_an_account_pays_for_no_other_account(practice: Practice) -> None:
    patient, neighbor = practice.human(), practice.human("Neighbor")
    share = practice.post(patient, "99213").charges[0].shares[0].id
    account, other = practice.account_of(patient), practice.account_of(neighbor)
    uses = [payment_pb2.Allocation(share_id=share, amount=usd("5.00"))]
    with pytest.raises(Refused) as refused:
        practice.pay(other.id, "5.00", allocations=uses)
    assert refused.value.reason == "ALLOCATION_TO_ANOTHER_ACCOUNT"
    assert account.number in str(refused.value)
    practice.pay(other.id, "5.00", allocations=uses, payer_kind=payment_pb2.PAYER_KIND_THIRD_PARTY)
    practice.pay(account.id, "7.00", allocations=[payment_pb2.Allocation(share_id=share, amount=usd("7.00"))])
    [line] = practice.balance(account.id).lines
    told = "You have paid $7.00 of it. Others have paid $5.00 of it. $88.00 is left to pay."
    assert line.text.endswith(told)
    practice.prove()


@pytest.mark.parametrize("reference", ["4111 1111 1111 1112", "slip 000123", "41111111111111110000000"])
def test_what_is_no_card_number_is_kept(practice: Practice, reference: str) -> None:
    account = practice.account_of(practice.human())
    paid = practice.pay(account.id, "5.00", method=payment_pb2.PAYMENT_METHOD_CARD, reference=reference)
    assert paid.reference == reference


@pytest.mark.parametrize("kind", [payment_pb2.PAYER_KIND_ACCOUNT, payment_pb2.PAYER_KIND_THIRD_PARTY])
def test_nobody_else_pays_what_an_insurer_owes(practice: Practice, kind: int) -> None:
    patient = practice.human()
    practice.cover(patient)
    shares = practice.post(patient, "99213").charges[0].shares
    [insurers] = [share.id for share in shares if share.payer_id]
    account = practice.account_of(patient)
    uses = [payment_pb2.Allocation(share_id=insurers, amount=usd("5.00"))]
    with pytest.raises(Refused) as refused:
        practice.pay(account.id, "5.00", allocations=uses, payer_kind=kind)
    assert refused.value.reason == "ALLOCATION_TO_INSURER"
    practice.prove()


def test_a_foreign_tenant_sees_nothing(practice: Practice, billing: ServiceUnderTest) -> None:
    patient = practice.human()
    posted = practice.post(patient, "99213")
    request = encounter_service_pb2.GetEncounterRequest(id=posted.id)
    assert practice.tenant.call("GetEncounter", request).id == posted.id
    with pytest.raises(Refused) as refused:
        billing.tenant().call("GetEncounter", request)
    assert refused.value.reason == "NOT_FOUND"


def test_payments_at_the_same_moment_never_pay_a_share_twice(practice: Practice) -> None:
    patient = practice.human()
    posted = practice.post(patient, "99213")
    account = practice.account_of(patient)
    with ThreadPoolExecutor(6) as desk:
        payments = list(desk.map(lambda _: practice.pay(account.id, "30.00"), range(6)))
    used = sum(round(float(item.amount.amount) * 100) for payment in payments for item in payment.allocations)
    assert used == 10_000
    assert open_amounts(practice.read(posted)) == {"account": "0.00"}
    assert practice.balance(account.id).balance.amount == "-80.00"
    practice.prove()


def test_whoever_takes_uses_back_waits_for_the_payment_before_it_locks_shares(practice: Practice) -> None:
    patient = practice.human()
    posted = practice.post(patient, "99213")
    share = UUID(posted.charges[0].shares[0].id)
    payment = practice.pay(practice.account_of(patient).id, "60.00")
    request = encounter_service_pb2.ReverseEncounterRequest(id=posted.id, etag=posted.etag, reason="wrong patient")
    with ThreadPoolExecutor(1) as desk:
        with practice.tenant.session() as session:
            # What allocating does: the payment first, then the share that somebody wants to free meanwhile.
            session.execute(select(Payment.id).where(Payment.id == UUID(payment.id)).with_for_update())
            reversing = desk.submit(practice.tenant.call, "ReverseEncounter", request)
            wait_for_a_waiter(session)
            session.execute(select(Share.id).where(Share.id == share).with_for_update(nowait=True))
        reversing.result(timeout=20)
    assert practice.balance(practice.account_of(patient).id).balance.amount == "-60.00"
    practice.prove()


def wait_for_a_waiter(session: Session) -> None:
    """Return once another transaction waits for one of this one's locks."""
    query = text("SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
    deadline = time.monotonic() + 20
    while not session.execute(query).scalar():
        assert time.monotonic() < deadline
        session.execute(text("SELECT pg_sleep(0.02), pg_stat_clear_snapshot()"))

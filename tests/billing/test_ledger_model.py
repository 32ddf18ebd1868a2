"""Whatever people and insurers do in whatever order, the ledger agrees with itself and with a four-line model."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from billing.practice import Practice, decided, usd
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from praxis.billing.v1 import (
    encounter_pb2,
    encounter_service_pb2,
    ledger_pb2,
    ledger_service_pb2,
    payment_pb2,
    payment_service_pb2,
)
from praxis_chassis.testing import Refused, ServiceUnderTest

ACCOUNTS = ("ar_patient", "ar_payer", "unapplied_credits", "remittance_suspense", "provider_adjustments")


def cents(amount: Any) -> int:
    return round(float(amount.amount) * 100)


def text(minor: int) -> str:
    return f"{minor / 100:.2f}"


class Ledger(RuleBasedStateMachine):
    """One practice with an insured person and an animal of two owners; `owed` is the model."""

    billing: ServiceUnderTest

    def __init__(self) -> None:
        super().__init__()
        self.practice = Practice.open(self.billing)
        self.practice.tax("8.25", inclusive=False)
        self.person = self.practice.human()
        self.coverage = self.practice.cover(self.person, copay="30.00")
        self.pet = self.practice.animal(6000, 4000)
        self.accounts = [self.practice.account_of(patient).id for patient in (self.person, self.pet)]
        self.encounters: list[encounter_pb2.Encounter] = []
        self.payments: list[payment_pb2.Payment] = []
        self.adjustments: list[payment_pb2.Adjustment] = []
        self.claims: list[Any] = []
        self.owed = 0
        self.post(insured=True, lab=True)
        self.post(insured=False, lab=False)

    def call(self, name: str, request: Any) -> Any:
        """Call an RPC; a refusal changes nothing, which the invariants check."""
        try:
            return self.practice.tenant.call(name, request)
        except Refused:
            return None

    @rule(insured=st.booleans(), lab=st.booleans())
    def post(self, insured: bool, lab: bool) -> None:
        codes = (["99213"] if insured else ["RABIES"]) + (["85025"] if lab else [])
        posted = self.practice.post(self.person if insured else self.pet, *codes)
        self.encounters.append(posted)
        self.owed += cents(posted.total)

    @rule(who=st.integers(0, 1), minor=st.integers(1, 20_000))
    def pay(self, who: int, minor: int) -> None:
        self.payments.append(self.practice.pay(self.accounts[who], text(minor)))
        self.owed -= minor

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def reverse_payment(self, data: st.DataObject) -> None:
        payment = data.draw(st.sampled_from(self.payments))
        found = self.call(
            "ReversePayment",
            payment_service_pb2.ReversePaymentRequest(id=payment.id, etag=self._etag(payment), reason="bounced"),
        )
        if found is not None:
            self.owed += cents(payment.amount)

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def allocate(self, data: st.DataObject) -> None:
        payment = data.draw(st.sampled_from(self.payments))
        self.call(
            "AllocatePayment", payment_service_pb2.AllocatePaymentRequest(id=payment.id, etag=self._etag(payment))
        )

    @precondition(lambda self: self.encounters)
    @rule(data=st.data(), minor=st.integers(1, 6000))
    def adjust(self, data: st.DataObject, minor: int) -> None:
        share = self._share(data)
        asked = payment_pb2.Adjustment(
            share_id=share.id, amount=usd(text(minor)), reason=payment_pb2.ADJUSTMENT_REASON_COURTESY
        )
        made = self.call("CreateAdjustment", payment_service_pb2.CreateAdjustmentRequest(adjustment=asked))
        if made is not None:
            self.adjustments.append(made)
            self.owed -= minor

    @precondition(lambda self: self.adjustments)
    @rule(data=st.data())
    def reverse_adjustment(self, data: st.DataObject) -> None:
        made = data.draw(st.sampled_from(self.adjustments))
        request = payment_service_pb2.ReverseAdjustmentRequest(id=made.id, etag=made.etag, reason="a mistake")
        if self.call("ReverseAdjustment", request) is not None:
            self.owed += cents(made.amount)

    @precondition(lambda self: self.encounters)
    @rule(data=st.data(), minor=st.integers(1, 6000))
    def transfer(self, data: st.DataObject, minor: int) -> None:
        share = self._share(data)
        encounter = next(e for e in self.encounters if share in [s for c in e.charges for s in c.shares])
        request = encounter_service_pb2.TransferResponsibilityRequest(
            id=encounter.id,
            etag=self.practice.read(encounter).etag,
            reason="asked to",
            share_id=share.id,
            amount=usd(text(minor)),
            to_account_id=data.draw(st.sampled_from(self.accounts)),
        )
        self.call("TransferResponsibility", request)

    @precondition(lambda self: self.encounters)
    @rule(data=st.data())
    def reverse_encounter(self, data: st.DataObject) -> None:
        encounter = data.draw(st.sampled_from(self.encounters))
        before = self._adjusted(encounter)
        request = encounter_service_pb2.ReverseEncounterRequest(
            id=encounter.id, etag=self.practice.read(encounter).etag, reason="wrong patient"
        )
        if self.call("ReverseEncounter", request) is not None:
            self.owed -= cents(encounter.total) - before

    @precondition(lambda self: any(e.patient_id == self.person for e in self.encounters))
    @rule(data=st.data(), paid=st.integers(0, 5000), taken=st.integers(0, 2000), left=st.integers(0, 3000))
    def remit(self, data: st.DataObject, paid: int, taken: int, left: int) -> None:
        insured = [encounter for encounter in self.encounters if encounter.patient_id == self.person]
        encounter = data.draw(st.sampled_from(insured))
        claim = decided(encounter, self.coverage, (text(paid), {"CO": text(taken), "PR": text(left)}))
        self._absorb(claim, paid)
        self.claims.append((encounter, claim, paid))

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        encounter, claim, paid = data.draw(st.sampled_from(self.claims))
        other = decided(encounter, self.coverage, (text(-paid), {}), undoes=claim.remittance_claim_id)
        remittance = self.practice.remit(other, payment="0.00", taken=text(-paid), paid=text(-paid))
        posting = self._posting(remittance, other)
        if posting.state == ledger_pb2.REMITTANCE_POSTING_STATE_APPLIED:
            self.owed += -cents(posting.adjusted)

    def _etag(self, payment: payment_pb2.Payment) -> str:
        found = self.practice.tenant.call("GetPayment", payment_service_pb2.GetPaymentRequest(id=payment.id))
        return str(found.etag)

    def _absorb(self, claim: Any, paid: int) -> None:
        remittance = self.practice.remit(claim, payment=text(paid))
        posting = self._posting(remittance, claim)
        self.owed -= paid
        if posting.state == ledger_pb2.REMITTANCE_POSTING_STATE_APPLIED:
            self.owed -= cents(posting.adjusted)

    def _posting(self, remittance: str, claim: Any) -> Any:
        request = ledger_service_pb2.ListRemittancePostingsRequest(remittance_id=remittance)
        found = self.practice.tenant.call("ListRemittancePostings", request).remittance_postings
        return next(posting for posting in found if posting.remittance_claim_id == claim.remittance_claim_id)

    def _share(self, data: st.DataObject) -> Any:
        encounter = data.draw(st.sampled_from(self.encounters))
        return data.draw(st.sampled_from([share for charge in encounter.charges for share in charge.shares]))

    def _adjusted(self, encounter: encounter_pb2.Encounter) -> int:
        found = self.practice.read(encounter)
        return sum(cents(share.adjusted) for charge in found.charges for share in charge.shares)

    @invariant()
    def the_ledger_agrees(self) -> None:
        self.practice.prove()
        lines = self.practice.tenant.call("GetTrialBalance", ledger_service_pb2.GetTrialBalanceRequest()).lines
        assert sum(cents(line.balance) for line in lines if line.ledger_account in ACCOUNTS) == self.owed


@pytest.mark.slow
def test_any_sequence_of_operations_keeps_the_ledger_true(billing: ServiceUnderTest) -> None:
    machine = type("BoundLedger", (Ledger,), {"billing": billing})
    quick = settings(
        max_examples=5,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=quick)

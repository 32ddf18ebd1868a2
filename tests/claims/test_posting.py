"""Claims and billing together over the real bus: what a payer decides is in the ledger once, to the cent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from tests.billing.practice import PRACTITIONER, open_amounts
from tests.billing.practice import Practice as Office
from tests.claims.builders import Practice as Desk
from tests.claims.edi.remittance_writer import File, Paid, PaidClaim, PaidLine

from praxis.billing.v1 import encounter_pb2
from praxis.claims.v1 import claim_pb2, remittance_pb2
from praxis.claims.v1 import claim_service_pb2 as claims_pb
from praxis.claims.v1 import remittance_service_pb2 as pb
from praxis_chassis.files import files
from praxis_chassis.testing import ServiceUnderTest

SECONDS = 30


@dataclass
class Clinic:
    """One practice as billing and as claims see it."""

    office: Office
    desk: Desk
    encounter: encounter_pb2.Encounter
    claim: claim_pb2.Claim

    def upload(self, data: bytes) -> remittance_pb2.RemittanceFile:
        with self.desk.tenant.session() as session:
            reference = files(session).put(data, "application/edi-x12", "remittance.835")
        request = pb.CreateRemittanceFileRequest(file=reference)
        reply: remittance_pb2.RemittanceFile = self.desk.tenant.call("CreateRemittanceFile", request)
        return reply

    def claim_state(self) -> int:
        return int(self.desk.tenant.call("GetClaim", claims_pb.GetClaimRequest(id=self.claim.id)).state)

    def states(self) -> list[int]:
        remittances = self.desk.tenant.call("ListRemittances", pb.ListRemittancesRequest()).remittances
        return [remittance.state for remittance in reversed(remittances)]

    def open_amounts(self) -> dict[str, str]:
        return open_amounts(self.office.read(self.encounter))


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.1)


@pytest.fixture
def clinic(billing: ServiceUnderTest, claims: ServiceUnderTest) -> Clinic:
    """A visit of 125.50 that was billed to the payer and whose claim was sent."""
    office = Office.open(billing)
    desk = Desk(claims.tenant(office.tenant.id), location_id=office.location, practitioner_id=PRACTITIONER)
    desk.add_payer()
    office.payer, desk.patient_id = desk.payer_id, office.human()
    desk.coverage_id = office.cover(desk.patient_id)
    desk.tell_all()
    encounter = office.post(desk.patient_id, "99213", "85025")
    ready = claims_pb.ListClaimsRequest(states=[claim_pb2.CLAIM_STATE_READY])
    wait(lambda: bool(desk.tenant.call("ListClaims", ready).claims))
    (claim,) = desk.tenant.call("ListClaims", ready).claims
    desk.tenant.call("SubmitClaims", claims_pb.SubmitClaimsRequest(claim_ids=[claim.id]))
    return Clinic(office, desk, encounter, desk.tenant.call("GetClaim", claims_pb.GetClaimRequest(id=claim.id)))


def decided(clinic: Clinic) -> PaidClaim:
    """60.00 of 100.00 paid, 15.00 written off, 25.00 to the patient; 25.50 paid in full."""
    day, (one, two) = clinic.encounter.service_date.replace("-", ""), clinic.claim.lines
    reasons = (("CO", "45", 1500), ("PR", "3", 2500))
    lines = (
        PaidLine("99213", 10000, 6000, reasons, one.control_number, date=day),
        PaidLine("85025", 2550, 2550, (), two.control_number, date=day),
    )
    return PaidClaim(clinic.claim.claim_number, 12550, 8550, lines, patient="")


def test_a_decision_is_posted_once_however_often_the_file_comes(clinic: Clinic) -> None:
    data = File((Paid((decided(clinic),)),)).bytes()
    replies = [clinic.upload(data) for _ in range(3)]
    wait(lambda: clinic.states() == [remittance_pb2.REMITTANCE_STATE_POSTED])
    assert clinic.claim_state() == claim_pb2.CLAIM_STATE_POSTED
    assert [bool(reply.duplicate_of) for reply in replies] == [False, True, True]
    assert clinic.open_amounts() == {"insurer 1": "0.00", "account": "25.00"}
    clinic.office.prove()


def test_a_reversal_restores_the_ledger_and_the_correction_is_posted(clinic: Clinic) -> None:
    usual = decided(clinic)
    before = clinic.open_amounts()
    clinic.upload(File((Paid((usual,)),)).bytes())
    posted = remittance_pb2.REMITTANCE_STATE_POSTED
    wait(lambda: clinic.states() == [posted])
    back = tuple(
        replace(one, charge=-one.charge, paid=-one.paid, reasons=tuple((g, r, -c) for g, r, c in one.reasons))
        for one in usual.lines
    )
    reversal = replace(usual, status="22", charge=-usual.charge, paid=-usual.paid, lines=back)
    carried = Paid((reversal,), trace="EFT2", provider_adjustments=(("FB", -8550),))
    clinic.upload(File((carried,), number=2).bytes())
    wait(lambda: clinic.states() == [posted, posted])
    assert {who: amount for who, amount in clinic.open_amounts().items() if amount != "0.00"} == before
    clinic.office.prove()
    clinic.upload(File((Paid((usual,), trace="EFT3"),), number=3).bytes())
    wait(lambda: clinic.states() == [posted, posted, posted])
    assert clinic.open_amounts() == {"insurer 1": "0.00", "account": "25.00"}
    clinic.office.prove()


def test_a_decision_for_the_claim_as_a_whole_is_spread_over_its_charges(clinic: Clinic) -> None:
    whole = replace(decided(clinic), lines=(), reasons=(("CO", "45", 1500), ("PR", "3", 2500)))
    clinic.upload(File((Paid((whole,)),)).bytes())
    wait(lambda: clinic.states() == [remittance_pb2.REMITTANCE_STATE_POSTED])
    assert clinic.open_amounts() == {"insurer 1": "0.00", "account": "25.00"}
    clinic.office.prove()


def test_a_claim_that_is_held_keeps_its_remittance_from_being_called_posted(clinic: Clinic) -> None:
    held = replace(decided(clinic), charge=12551)
    clinic.upload(File((Paid((held,)),)).bytes())
    wait(lambda: clinic.states() == [remittance_pb2.REMITTANCE_STATE_POSTED_IN_PART])
    (remittance,) = clinic.desk.tenant.call("ListRemittances", pb.ListRemittancesRequest()).remittances
    assert (remittance.held_claim_count, remittance.held_amount.amount) == (1, "85.50")
    assert clinic.open_amounts() == {"insurer 1": "125.50"}
    clinic.office.prove()

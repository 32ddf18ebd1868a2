"""A remittance that is too large for one event goes to billing in parts that fit the payment in their order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.claims.builders import Practice
from tests.claims.edi.remittance_writer import File, Paid, PaidClaim
from tests.claims.test_remittances import paid_claim, ready_events, sent_claim, upload

from praxis.claims.v1 import remittance_pb2
from praxis_claims.usecases import remittance_postings


def taken_back(claim: PaidClaim) -> PaidClaim:
    lines = tuple(
        replace(one, charge=-one.charge, paid=-one.paid, reasons=tuple((g, r, -c) for g, r, c in one.reasons))
        for one in claim.lines
    )
    return replace(claim, status="22", charge=-claim.charge, paid=-claim.paid, lines=lines)


def test_what_is_taken_back_comes_in_the_first_part(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remittance_postings, "CLAIMS_PER_PART", 1)
    first, second = paid_claim(sent_claim(practice)), paid_claim(sent_claim(practice, 2))
    upload(practice, File((Paid((first,)),)).bytes())
    upload(practice, File((Paid((second, taken_back(first)), trace="EFT2"),), number=2).bytes())
    parts = ready_events(practice)[1:]
    assert [part.part_number for part in parts] == [1, 2]
    assert [posting.kind for part in parts for posting in part.postings] == [
        remittance_pb2.CLAIM_POSTING_KIND_REVERSAL,
        remittance_pb2.CLAIM_POSTING_KIND_PAYMENT,
    ]
    assert parts[0].remittance.payment_amount.amount == "0.00"

"""Remittances from the file to what billing is asked to post: once, to the cent, and never what does not balance."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.claims.builders import SERVICE_DATE, Practice
from tests.claims.edi.remittance_writer import File, Layout, Paid, PaidClaim, PaidLine

from praxis.billing.v1 import events_pb2 as billing
from praxis.billing.v1 import ledger_pb2
from praxis.claims.v1 import claim_pb2, events_pb2, remittance_pb2
from praxis.claims.v1 import claim_service_pb2 as claims_pb
from praxis.claims.v1 import remittance_service_pb2 as pb
from praxis_chassis.files import files
from praxis_chassis.testing import Refused
from praxis_chassis.types import new_id

SAMPLES = Path(__file__).parent / "edi" / "samples" / "835"
DAY = SERVICE_DATE.replace("-", "")


def upload(practice: Practice, data: bytes) -> remittance_pb2.RemittanceFile:
    with practice.tenant.session() as session:
        reference = files(session).put(data, "application/edi-x12", "remittance.835")
    reply: remittance_pb2.RemittanceFile = practice.tenant.call(
        "CreateRemittanceFile", pb.CreateRemittanceFileRequest(file=reference)
    )
    return reply


def sent_claim(practice: Practice, number: int = 1) -> claim_pb2.Claim:
    """Bill an encounter and send its claim, which gives it a number that a payer can answer."""
    if number == 1:
        practice.tell_all()
    practice.post(number=f"E-{number}")
    wanted = claims_pb.ListClaimsRequest(states=[claim_pb2.CLAIM_STATE_READY])
    ready = practice.tenant.call("ListClaims", wanted).claims
    practice.tenant.call("SubmitClaims", claims_pb.SubmitClaimsRequest(claim_ids=[ready[0].id]))
    return current(practice, ready[0].id)


def current(practice: Practice, claim_id: str) -> claim_pb2.Claim:
    claim: claim_pb2.Claim = practice.tenant.call("GetClaim", claims_pb.GetClaimRequest(id=claim_id))
    return claim


def paid_claim(claim: claim_pb2.Claim, **more: Any) -> PaidClaim:
    """The usual decision: 125.00 → 90.00 paid, 20.00 contractual, 15.00 patient; 15.50 paid in full."""
    one, two = claim.lines
    reasons = (("CO", "45", 2000), ("PR", "2", 1500))
    lines = (
        PaidLine("99213", 12500, 9000, reasons, one.control_number, date=DAY),
        PaidLine("36415", 1550, 1550, (), two.control_number, date=DAY),
    )
    return replace(PaidClaim(claim.claim_number, 14050, 10550, lines), **more)


def denied(claim: claim_pb2.Claim) -> PaidClaim:
    """Nothing is paid until the practice sends what is missing."""
    lines = tuple(
        PaidLine(line.procedure_code, cents, 0, (("CO", "16", cents),), line.control_number, date=DAY)
        for line, cents in zip(claim.lines, (12500, 1550), strict=True)
    )
    return PaidClaim(claim.claim_number, 14050, 0, lines, status="1")


def rows(practice: Practice, transaction: int = 0) -> Sequence[remittance_pb2.RemittanceClaim]:
    remittances = practice.tenant.call("ListRemittances", pb.ListRemittancesRequest()).remittances
    request = pb.ListRemittanceClaimsRequest(remittance_id=remittances[transaction].id)
    reply: pb.ListRemittanceClaimsResponse = practice.tenant.call("ListRemittanceClaims", request)
    return reply.remittance_claims


def newest(practice: Practice) -> remittance_pb2.Remittance:
    found: pb.ListRemittancesResponse = practice.tenant.call("ListRemittances", pb.ListRemittancesRequest())
    return found.remittances[0]


def discard(practice: Practice) -> remittance_pb2.Remittance:
    """Set the newest remittance aside."""
    remittance = newest(practice)
    request = pb.DiscardRemittanceRequest(id=remittance.id, etag=remittance.etag, reason="The payer sent it cut off")
    reply: remittance_pb2.Remittance = practice.tenant.call("DiscardRemittance", request)
    return reply


def ready_events(practice: Practice) -> list[events_pb2.RemittanceReady]:
    return practice.tenant.events(events_pb2.RemittanceReady)  # type: ignore[return-value]


def answer(
    practice: Practice, posting: remittance_pb2.ClaimPosting | None, remittance_id: str, refused: str = ""
) -> None:
    told = ledger_pb2.RemittancePosting(
        id=str(new_id()),
        remittance_id=remittance_id,
        remittance_claim_id=posting.remittance_claim_id if posting else "",
        claim_id=posting.claim_id if posting else "",
        refusal_reason=refused,
    )
    event: Any = billing.RemittancePostingRefused if refused else billing.RemittancePostingApplied
    practice.tenant.receive(event(remittance_posting=told), told.id)


def test_a_balanced_remittance_is_matched_and_proposed(practice: Practice) -> None:
    claim = sent_claim(practice)
    reply = upload(practice, File((Paid((paid_claim(claim),)),)).bytes())
    (transaction,) = reply.transactions
    assert (transaction.payment_amount, transaction.balances) == ("105.50", True)
    assert transaction.state == remittance_pb2.REMITTANCE_STATE_READY
    assert dict(transaction.adjustment_amounts) == {"CO": "20.00", "PR": "15.00"}
    (event,) = ready_events(practice)
    (posting,) = event.postings
    assert (posting.claim_id, posting.encounter_id) == (claim.id, claim.encounter_id)
    assert [charge.charge_id for charge in posting.charges] == [line.charge_id for line in claim.lines]
    actions = {f"{a.group_code}-{a.reason_code}": a.action for a in posting.charges[0].adjustments}
    assert actions == {
        "CO-45": remittance_pb2.ADJUSTMENT_ACTION_CONTRACTUAL,
        "PR-2": remittance_pb2.ADJUSTMENT_ACTION_TRANSFER_TO_NEXT,
    }
    decided = current(practice, claim.id)
    assert decided.state == claim_pb2.CLAIM_STATE_ADJUDICATED
    assert decided.outcome == claim_pb2.CLAIM_OUTCOME_PAID
    assert (decided.paid_amount.amount, decided.patient_responsibility_amount.amount) == ("105.50", "15.00")
    assert not decided.crossed_over


@pytest.mark.parametrize(
    ("status", "carrier"), [("19", "GAPSTONE MUTUAL"), ("20", ""), ("21", ""), ("1", "GAPSTONE MUTUAL")]
)
def test_what_the_payer_forwarded_is_posted_and_marked(practice: Practice, status: str, carrier: str) -> None:
    claim = sent_claim(practice)
    upload(practice, File((Paid((paid_claim(claim, status=status, carrier=carrier),)),)).bytes())
    (event,) = ready_events(practice)
    assert [posting.paid_amount.amount for posting in event.postings] == ["105.50"]
    decided = current(practice, claim.id)
    assert (decided.state, decided.crossed_over) == (claim_pb2.CLAIM_STATE_ADJUDICATED, True)
    steps = practice.tenant.call("ListClaimTimeline", claims_pb.ListClaimTimelineRequest(id=claim.id)).entries
    (told,) = [step.text for step in steps if step.kind == "crossed_over"]
    assert (carrier or "the next insurer") in told


def test_what_billing_posted_is_noted(practice: Practice) -> None:
    claim = sent_claim(practice)
    upload(practice, File((Paid((paid_claim(claim),)),)).bytes())
    (event,) = ready_events(practice)
    answer(practice, None, event.remittance.id)
    answer(practice, event.postings[0], event.remittance.id)
    answer(practice, event.postings[0], event.remittance.id)
    assert current(practice, claim.id).state == claim_pb2.CLAIM_STATE_POSTED
    assert [row.state for row in rows(practice)] == [remittance_pb2.REMITTANCE_CLAIM_STATE_POSTED]
    assert len(practice.tenant.events(events_pb2.RemittancePosted)) == 1
    assert len(practice.tenant.events(events_pb2.ClaimPosted)) == 1


def test_what_billing_refused_is_held(practice: Practice) -> None:
    claim = sent_claim(practice)
    upload(practice, File((Paid((paid_claim(claim),)),)).bytes())
    (event,) = ready_events(practice)
    answer(practice, event.postings[0], event.remittance.id, "REMITTANCE_EXCEEDS_SHARE")
    (row,) = rows(practice)
    assert row.state == remittance_pb2.REMITTANCE_CLAIM_STATE_HELD
    assert "REMITTANCE_EXCEEDS_SHARE" in [finding.code for finding in row.findings]
    assert current(practice, claim.id).state == claim_pb2.CLAIM_STATE_ADJUDICATED
    assert newest(practice).state == remittance_pb2.REMITTANCE_STATE_READY
    answer(practice, None, event.remittance.id)
    remittance = newest(practice)
    assert remittance.state == remittance_pb2.REMITTANCE_STATE_POSTED_IN_PART
    assert (remittance.held_claim_count, remittance.held_amount.amount) == (1, "105.50")


def test_a_payment_that_billing_refused_can_be_discarded(practice: Practice) -> None:
    claim = sent_claim(practice)
    data = File((Paid((paid_claim(claim),)),)).bytes()
    upload(practice, data)
    (event,) = ready_events(practice)
    answer(practice, None, event.remittance.id, "REMITTANCE_NOT_SUPPORTED_BY_PAYMENT")
    answer(practice, event.postings[0], event.remittance.id, "REMITTANCE_NOT_SUPPORTED_BY_PAYMENT")
    assert newest(practice).state == remittance_pb2.REMITTANCE_STATE_REFUSED
    assert len(practice.tenant.events(events_pb2.RemittanceRefused)) == 1
    assert discard(practice).state == remittance_pb2.REMITTANCE_STATE_DISCARDED
    again = upload(practice, data)
    assert (again.duplicate_of, again.transactions[0].state) == ("", remittance_pb2.REMITTANCE_STATE_READY)
    assert current(practice, claim.id).paid_amount.amount == "105.50"


def test_the_same_file_three_times_has_one_effect(practice: Practice) -> None:
    claim = sent_claim(practice)
    data = File((Paid((paid_claim(claim),)),)).bytes()
    first, second = upload(practice, data), upload(practice, data)
    third = upload(practice, File((Paid((paid_claim(claim),)),), layout=Layout(after="\r\n")).bytes())
    assert first.duplicate_of == ""
    assert [second.duplicate_of, third.duplicate_of] == [first.id, first.id]
    assert second.transactions == third.transactions == first.transactions
    assert len(ready_events(practice)) == 1


def test_the_same_file_at_once_has_one_effect(practice: Practice) -> None:
    claim = sent_claim(practice)
    data = File((Paid((paid_claim(claim),)),)).bytes()
    replies: list[remittance_pb2.RemittanceFile] = []
    threads = [threading.Thread(target=lambda: replies.append(upload(practice, data))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    originals = [reply.id for reply in replies if not reply.duplicate_of]
    assert len(replies) == 6
    assert len(originals) == 1
    assert {reply.duplicate_of for reply in replies} == {"", originals[0]}
    assert len(ready_events(practice)) == 1


def test_the_same_payment_with_other_content_is_quarantined(practice: Practice) -> None:
    claim = sent_claim(practice)
    usual = paid_claim(claim)
    upload(practice, File((Paid((usual,)),)).bytes())
    reply = upload(practice, File((Paid((replace(usual, payer_number="ICN2"),)),)).bytes())
    (transaction,) = reply.transactions
    assert transaction.state == remittance_pb2.REMITTANCE_STATE_QUARANTINED
    assert transaction.findings[0].code == "PAYMENT_SEEN_BEFORE"
    assert reply.duplicate_of == ""
    assert len(ready_events(practice)) == 1
    assert len(practice.tenant.events(events_pb2.RemittanceQuarantined)) == 1


@pytest.mark.parametrize(
    ("differs", "payment"),
    [("amount", {"provider_adjustments": (("WO", 550),)}), ("date", {"date": "20260121"})],
)
def test_a_payment_number_that_comes_again_waits_until_a_person_calls_it_another_payment(
    practice: Practice, differs: str, payment: dict[str, Any]
) -> None:
    first, second = paid_claim(sent_claim(practice)), sent_claim(practice, 2)
    upload(practice, File((Paid((first,)),)).bytes())
    reply = upload(practice, File((Paid((paid_claim(second),), **payment),)).bytes())
    assert [each.code for each in reply.transactions[0].findings] == ["PAYMENT_SEEN_BEFORE"], differs
    assert [row.state for row in rows(practice)] == [remittance_pb2.REMITTANCE_CLAIM_STATE_HELD]
    assert current(practice, second.id).state != claim_pb2.CLAIM_STATE_ADJUDICATED
    held = newest(practice)
    assert held.state == remittance_pb2.REMITTANCE_STATE_QUARANTINED
    assert len(ready_events(practice)) == 1
    posted = practice.tenant.call("PostRemittance", pb.PostRemittanceRequest(id=held.id, etag=held.etag))
    assert posted.state == remittance_pb2.REMITTANCE_STATE_READY
    assert [each.level for each in posted.findings] == [remittance_pb2.REMITTANCE_FINDING_LEVEL_WARNING]
    assert [posting.claim_id for posting in ready_events(practice)[1].postings] == [second.id]
    assert [row.state for row in rows(practice)] == [remittance_pb2.REMITTANCE_CLAIM_STATE_PROPOSED]
    assert current(practice, second.id).paid_amount.amount == "105.50"


def test_a_payment_that_was_sent_again_in_another_envelope_is_never_posted_twice(practice: Practice) -> None:
    paid = Paid((paid_claim(sent_claim(practice)),))
    upload(practice, File((paid,)).bytes())
    first = newest(practice)
    reply = upload(practice, File((paid,), number=2).bytes())
    assert [each.code for each in reply.transactions[0].findings] == ["PAYMENT_SEEN_BEFORE"]
    again = newest(practice)
    with pytest.raises(Refused) as refused:
        practice.tenant.call("PostRemittance", pb.PostRemittanceRequest(id=again.id, etag=again.etag))
    assert refused.value.reason == "REMITTANCE_QUARANTINED"
    assert len(ready_events(practice)) == 1
    assert first.id != again.id


def test_remittances_that_pay_nothing_may_share_a_number(practice: Practice) -> None:
    first, second = (denied(sent_claim(practice, place)) for place in (1, 2))
    upload(practice, File((Paid((first,), trace="0"),)).bytes())
    reply = upload(practice, File((Paid((second,), trace="0", date="20260121"),), number=2).bytes())
    assert reply.transactions[0].state == remittance_pb2.REMITTANCE_STATE_READY


def test_another_payer_may_use_the_same_payment_number(practice: Practice) -> None:
    first, second = paid_claim(sent_claim(practice)), paid_claim(sent_claim(practice, 2))
    upload(practice, File((Paid((first,)),)).bytes())
    reply = upload(practice, File((Paid((second,), payer_id="60055"),)).bytes())
    assert reply.transactions[0].state == remittance_pb2.REMITTANCE_STATE_READY


def test_a_file_that_was_cut_off_does_not_keep_the_whole_one_out(practice: Practice) -> None:
    claim = sent_claim(practice)
    whole = File((Paid((paid_claim(claim),)),)).bytes()
    cut = whole[: whole.index(b"PR*2")]
    (partial,) = upload(practice, cut).transactions
    assert (partial.state, partial.trace_number) == (remittance_pb2.REMITTANCE_STATE_QUARANTINED, "EFT1")
    assert [row.state for row in rows(practice)] == [remittance_pb2.REMITTANCE_CLAIM_STATE_HELD]
    (taken,) = upload(practice, whole).transactions
    assert taken.state == remittance_pb2.REMITTANCE_STATE_READY
    assert len(ready_events(practice)) == 1


def test_what_is_quarantined_is_never_posted_and_can_be_discarded(practice: Practice) -> None:
    claim = sent_claim(practice)
    data = File((Paid((paid_claim(claim),), amount=10551),)).bytes()
    upload(practice, data)
    with pytest.raises(Refused) as refused:
        practice.tenant.call(
            "PostRemittance", pb.PostRemittanceRequest(id=newest(practice).id, etag=newest(practice).etag)
        )
    assert refused.value.reason == "REMITTANCE_QUARANTINED"
    gone = discard(practice)
    assert (gone.state, gone.discard_reason) == (
        remittance_pb2.REMITTANCE_STATE_DISCARDED,
        "The payer sent it cut off",
    )
    assert len(practice.tenant.events(events_pb2.RemittanceDiscarded)) == 1
    again = upload(practice, data)
    assert (again.duplicate_of, again.transactions[0].state) == ("", remittance_pb2.REMITTANCE_STATE_QUARANTINED)


def test_an_unmatched_remittance_is_read_anew_once_it_was_discarded(practice: Practice) -> None:
    data = (SAMPLES / min(path.name for path in SAMPLES.glob("*.edi"))).read_bytes()
    upload(practice, data)
    with pytest.raises(Refused) as refused:
        practice.tenant.call(
            "PostRemittance", pb.PostRemittanceRequest(id=newest(practice).id, etag=newest(practice).etag)
        )
    assert refused.value.reason == "REMITTANCE_UNMATCHED"
    assert "?" not in str(refused.value)
    discard(practice)
    again = upload(practice, data)
    assert (again.duplicate_of, again.transactions[0].state) == ("", remittance_pb2.REMITTANCE_STATE_UNMATCHED)


def test_what_waits_for_billing_cannot_be_discarded(practice: Practice) -> None:
    upload(practice, File((Paid((paid_claim(sent_claim(practice)),)),)).bytes())
    with pytest.raises(Refused) as refused:
        discard(practice)
    assert refused.value.reason == "REMITTANCE_NOT_DISCARDABLE"


def test_a_transaction_out_of_balance_is_quarantined_and_its_neighbor_is_not(practice: Practice) -> None:
    first, second = sent_claim(practice), sent_claim(practice, 2)
    bad = Paid((paid_claim(first),), trace="BAD", amount=10551)
    good = Paid((paid_claim(second),), trace="GOOD", control_number="0002")
    reply = upload(practice, File((bad, good)).bytes())
    states = [transaction.state for transaction in reply.transactions]
    assert states == [remittance_pb2.REMITTANCE_STATE_QUARANTINED, remittance_pb2.REMITTANCE_STATE_READY]
    (event,) = ready_events(practice)
    assert [posting.claim_id for posting in event.postings] == [second.id]
    assert current(practice, first.id).state != claim_pb2.CLAIM_STATE_ADJUDICATED


def test_a_claim_out_of_balance_is_held_and_the_rest_goes_on(practice: Practice) -> None:
    first, second = sent_claim(practice), sent_claim(practice, 2)
    bad = replace(paid_claim(first), charge=14051)
    reply = upload(practice, File((Paid((bad, paid_claim(second))),)).bytes())
    (transaction,) = reply.transactions
    assert transaction.state == remittance_pb2.REMITTANCE_STATE_READY
    assert "CLAIM_UNBALANCED" in [finding.code for finding in transaction.findings]
    assert [row.state for row in rows(practice)] == [
        remittance_pb2.REMITTANCE_CLAIM_STATE_HELD,
        remittance_pb2.REMITTANCE_CLAIM_STATE_PROPOSED,
    ]
    (event,) = ready_events(practice)
    assert [posting.claim_id for posting in event.postings] == [second.id]
    assert event.held_amount.amount == "105.50"
    assert current(practice, first.id).state != claim_pb2.CLAIM_STATE_ADJUDICATED


def test_a_line_out_of_balance_is_posted_with_the_claim_as_a_whole(practice: Practice) -> None:
    claim = sent_claim(practice)
    usual = paid_claim(claim)
    line = replace(usual.lines[0], charge=99900)
    upload(practice, File((Paid((replace(usual, lines=(line, usual.lines[1])),)),)).bytes())
    (event,) = ready_events(practice)
    (posting,) = event.postings
    assert not posting.charges
    assert posting.paid_amount.amount == "105.50"
    assert sorted(item.reason_code for item in posting.adjustments) == ["2", "45"]


@pytest.mark.parametrize("change", ["no_control_number", "recoded", "no_modifiers"])
def test_lines_are_found_without_their_control_number(practice: Practice, change: str) -> None:
    claim = sent_claim(practice)
    usual = paid_claim(claim)
    line = replace(usual.lines[0], control_number="")
    changed = {
        "no_control_number": line,
        "recoded": replace(line, code="99212", original="99213"),
        "no_modifiers": replace(line, modifiers=("25",)),
    }[change]
    upload(practice, File((Paid((replace(usual, lines=(changed, usual.lines[1])),)),)).bytes())
    (row,) = rows(practice)
    assert [line.charge_id for line in row.lines] == [line.charge_id for line in claim.lines]


def test_a_line_that_is_nobodys_holds_the_claim(practice: Practice) -> None:
    claim = sent_claim(practice)
    usual = paid_claim(claim)
    stranger = replace(usual.lines[0], control_number="", code="80050")
    upload(practice, File((Paid((replace(usual, lines=(stranger, usual.lines[1])),)),)).bytes())
    (row,) = rows(practice)
    assert row.state == remittance_pb2.REMITTANCE_CLAIM_STATE_HELD
    assert "LINE_UNMATCHED" in [finding.code for finding in row.findings]


def test_claims_are_found_by_member_and_service(practice: Practice) -> None:
    claim = sent_claim(practice)
    upload(practice, File((Paid((paid_claim(claim, number="MANGLED"),)),)).bytes())
    (row,) = rows(practice)
    assert (row.claim_id, row.match_method) == (claim.id, "member_and_service")


def test_another_patients_name_holds_the_claim(practice: Practice) -> None:
    claim = sent_claim(practice)
    upload(practice, File((Paid((paid_claim(claim, patient="BABBAGE*CHARLES****MI*X"),)),)).bytes())
    (row,) = rows(practice)
    assert row.state == remittance_pb2.REMITTANCE_CLAIM_STATE_HELD
    assert "PATIENT_DIFFERS" in [finding.code for finding in row.findings]


@pytest.mark.parametrize("group", ["", "CR"])
def test_a_reversal_names_what_it_takes_back_and_the_correction_follows(practice: Practice, group: str) -> None:
    """Some senders put all that they take back in one group; the payer's own number finds the claim too."""
    claim = sent_claim(practice)
    usual = paid_claim(claim)
    upload(practice, File((Paid((usual,)),)).bytes())
    back = tuple(
        replace(one, charge=-one.charge, paid=-one.paid, reasons=tuple((group or g, r, -c) for g, r, c in one.reasons))
        for one in usual.lines
    )
    reversal = replace(usual, number="MANGLED", status="22", charge=-usual.charge, paid=-usual.paid, lines=back)
    corrected = replace(
        usual, paid=11550, lines=(replace(usual.lines[0], paid=10000, reasons=(("CO", "45", 2500),)), usual.lines[1])
    )
    upload(practice, File((Paid((reversal, corrected), trace="EFT2"),), number=2).bytes())
    first, second = ready_events(practice)
    undone, redone = second.postings
    assert [row.match_method for row in rows(practice)] == ["payer_control_number", "claim_number"]
    assert undone.kind == remittance_pb2.CLAIM_POSTING_KIND_REVERSAL
    assert undone.reverses_remittance_claim_id == first.postings[0].remittance_claim_id
    assert redone.kind == remittance_pb2.CLAIM_POSTING_KIND_PAYMENT
    decided = current(practice, claim.id)
    assert (decided.paid_amount.amount, decided.patient_responsibility_amount.amount) == ("115.50", "0.00")


def test_a_reversal_that_negates_nothing_is_held(practice: Practice) -> None:
    claim = sent_claim(practice)
    usual = paid_claim(claim)
    upload(practice, File((Paid((usual,)),)).bytes())
    reversal = replace(usual, status="22", charge=-usual.charge, paid=-100, lines=(), reasons=(("CO", "45", -13950),))
    paid = Paid((reversal,), trace="EFT2", provider_adjustments=(("FB", -100),))
    upload(practice, File((paid,), number=2).bytes())
    (row,) = rows(practice)
    assert row.state == remittance_pb2.REMITTANCE_CLAIM_STATE_HELD
    assert "REVERSAL_UNMATCHED" in [finding.code for finding in row.findings]


def test_a_denial_is_posted_without_write_off(practice: Practice) -> None:
    claim = sent_claim(practice)
    upload(practice, File((Paid((denied(claim),)),)).bytes())
    assert current(practice, claim.id).outcome == claim_pb2.CLAIM_OUTCOME_DENIED
    (event,) = ready_events(practice)
    actions = {item.action for charge in event.postings[0].charges for item in charge.adjustments}
    assert actions == {remittance_pb2.ADJUSTMENT_ACTION_LEAVE_OPEN}


@pytest.mark.parametrize(
    ("status", "state", "codes"),
    [
        ("25", remittance_pb2.REMITTANCE_CLAIM_STATE_INFORMATION, []),
        ("23", remittance_pb2.REMITTANCE_CLAIM_STATE_INFORMATION, []),
        ("17", remittance_pb2.REMITTANCE_CLAIM_STATE_HELD, ["STATUS_MANUAL"]),
    ],
)
def test_pricing_what_was_forwarded_unread_and_unknown_statuses_move_no_money(
    practice: Practice, status: str, state: int, codes: list[str]
) -> None:
    claim = sent_claim(practice)
    reply = upload(practice, File((Paid((paid_claim(claim, status=status),)),)).bytes())
    assert reply.transactions[0].state == remittance_pb2.REMITTANCE_STATE_READY
    (row,) = rows(practice)
    assert (row.state, [found.code for found in row.findings]) == (state, codes)
    (event,) = ready_events(practice)
    assert (list(event.postings), event.held_amount.amount) == ([], "105.50")
    assert current(practice, claim.id).state != claim_pb2.CLAIM_STATE_ADJUDICATED


def test_a_payer_may_want_approval(practice: Practice) -> None:
    practice.add_payer(electronic_id="70001", approve_remittances=True)
    claim = sent_claim(practice)
    reply = upload(practice, File((Paid((paid_claim(claim),), payer_id="70001"),)).bytes())
    assert reply.transactions[0].state == remittance_pb2.REMITTANCE_STATE_AWAITING_APPROVAL
    assert not ready_events(practice)
    (remittance,) = practice.tenant.call("ListRemittances", pb.ListRemittancesRequest()).remittances
    with pytest.raises(Refused) as stale:
        practice.tenant.call("PostRemittance", pb.PostRemittanceRequest(id=remittance.id, etag='"77"'))
    assert stale.value.code is grpc.StatusCode.ABORTED
    posted = practice.tenant.call("PostRemittance", pb.PostRemittanceRequest(id=remittance.id, etag=remittance.etag))
    assert posted.state == remittance_pb2.REMITTANCE_STATE_READY
    assert len(ready_events(practice)) == 1
    with pytest.raises(Refused) as again:
        practice.tenant.call("PostRemittance", pb.PostRemittanceRequest(id=remittance.id, etag=posted.etag))
    assert again.value.reason == "REMITTANCE_STATE"


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.edi")))
def test_public_files_of_strangers_are_stored_and_post_nothing(practice: Practice, name: str) -> None:
    reply = upload(practice, (SAMPLES / name).read_bytes())
    assert [t.state for t in reply.transactions] == [remittance_pb2.REMITTANCE_STATE_UNMATCHED]
    assert not ready_events(practice)
    assert practice.tenant.call("GetRemittanceFile", pb.GetRemittanceFileRequest(id=reply.id)) == reply


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "REMITTANCE_UNREADABLE"),
        (b"%PDF-1.7 nothing", "REMITTANCE_UNREADABLE"),
        ("ISA*00*".encode("utf-16"), "REMITTANCE_UNREADABLE"),
        (b"x" * (26 << 20), "REMITTANCE_TOO_LARGE"),
        ((SAMPLES.parent / "837p" / "moov-8-claims.edi").read_bytes(), "REMITTANCE_UNREADABLE"),
    ],
    ids=["empty", "pdf", "utf-16", "26 MB", "837"],
)
def test_what_is_no_remittance_is_refused(practice: Practice, data: bytes, reason: str) -> None:
    with pytest.raises(Refused) as refusal:
        upload(practice, data)
    assert (refusal.value.code, refusal.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)

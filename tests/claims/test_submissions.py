"""Submission through the drop folder: numbers, bytes stored before they leave, answers that move claims, late ones."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from tests.claims.answers import acknowledgment_999, acknowledgment_ta1, status_277ca
from tests.claims.builders import Practice
from tests.claims.edi.remittance_writer import File, Paid, PaidClaim
from tests.claims.test_claims import only_claim

from praxis.claims.v1 import claim_pb2, events_pb2, submission_pb2
from praxis.claims.v1 import claim_service_pb2 as pb
from praxis.claims.v1 import remittance_service_pb2 as remittances_pb
from praxis.claims.v1 import submission_service_pb2 as submissions_pb
from praxis_chassis.context import context_of
from praxis_chassis.files import files
from praxis_chassis.testing import Refused, ServiceUnderTest
from praxis_claims.connectors.drop_folder import DropFolder
from praxis_claims.store.models import Submission
from praxis_claims.usecases import inbound, remittances, submissions


class Desk:
    """A practice with one ready claim and the folder of its clearinghouse."""

    def __init__(self, practice: Practice, folder: Path, *, told: bool = False) -> None:
        if not told:
            practice.tell_all()
        practice.post()
        self.practice, self.tenant, self.folder = practice, practice.tenant, folder
        self.connector = DropFolder(folder)

    def submit(self) -> submission_pb2.Submission:
        reply = self.tenant.call("SubmitClaims", pb.SubmitClaimsRequest())
        assert reply.claim_count == 1
        made: submission_pb2.Submission = reply.submissions[0]
        return made

    def send(self) -> None:
        self.tick(lambda session: submissions.send_stored(session, self.connector))

    def fetch(self) -> None:
        inbound.fetch(self.tenant.under_test.runtime, [self.tenant.id], self.connector)

    def tick(self, work: object) -> None:
        """Run a job once, as the work process does."""
        from praxis_chassis import events

        with self.tenant.session() as session:
            work(session)  # type: ignore[operator]
            events.store_recorded(session)

    def answer(self, kind: str, text: str, name: str = "answer.txt") -> Path:
        path = self.folder / "out" / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.fetch()
        return path

    @property
    def claim(self) -> claim_pb2.Claim:
        return only_claim(self.practice)

    def stored(self, file_id: str) -> bytes:
        with self.tenant.session() as session:
            return files(session).get(file_id)


@pytest.fixture
def desk(practice: Practice, tmp_path: Path) -> Desk:
    """A desk whose folder is its own, so that only the test moves it."""
    return Desk(practice, tmp_path)


def test_the_bytes_are_stored_before_they_leave_and_leave_unchanged(desk: Desk) -> None:
    submission = desk.submit()
    assert desk.claim.state == claim_pb2.CLAIM_STATE_BATCHED
    stored = desk.stored(submission.file.file_id)
    assert not (desk.folder / "in").exists()
    desk.send()
    sent = (desk.folder / "in" / submission.file_name).read_bytes()
    assert sent == stored
    assert re.search(rb"ISA\*.*\*%09d\*" % submission.interchange_control_number, sent)
    assert desk.claim.claim_number.encode() in sent
    assert desk.claim.state == claim_pb2.CLAIM_STATE_SUBMITTED
    desk.send()
    assert len(desk.tenant.events(events_pb2.SubmissionSent)) == 1


def test_a_crash_after_sending_sends_the_same_bytes_again(desk: Desk) -> None:
    submission = desk.submit()
    desk.connector.submit(submission.file_name, desk.stored(submission.file.file_id))
    before = (desk.folder / "in" / submission.file_name).read_bytes()
    desk.send()
    assert [path.read_bytes() for path in (desk.folder / "in").iterdir()] == [before]


class Watched(DropFolder):
    """A folder that looks into the database while a file is on its way, and is cut off before one of the files."""

    def __init__(self, desk: Desk, cut: str) -> None:
        super().__init__(desk.folder)
        self.desk, self.cut = desk, cut
        self.states: list[int] = []

    def submit(self, name: str, data: bytes) -> None:
        with self.desk.tenant.session() as session:
            rows = session.scalars(select(Submission.state).order_by(Submission.id).with_for_update(nowait=True))
            self.states += rows.all()
        super().submit(name, data)
        if name == self.cut:
            raise KeyboardInterrupt


def test_each_file_is_noted_as_sent_before_the_next_leaves_and_no_row_is_locked_meanwhile(desk: Desk) -> None:
    first = desk.submit()
    desk.practice.post(number="E-2")
    second = desk.submit()
    folder = Watched(desk, cut=second.file_name)
    with pytest.raises(KeyboardInterrupt):
        desk.tick(lambda session: submissions.send_stored(session, folder))
    stored, sent = submission_pb2.SUBMISSION_STATE_STORED, submission_pb2.SUBMISSION_STATE_SENT
    assert folder.states == [stored, stored, sent, stored]
    desk.send()
    assert {path.name for path in (desk.folder / "in").iterdir()} == {first.file_name, second.file_name}
    assert len(desk.tenant.events(events_pb2.SubmissionSent)) == 2


def test_a_file_that_is_lost_does_not_hold_up_the_next(desk: Desk) -> None:
    lost = desk.submit()
    desk.practice.post(number="E-2")
    second = desk.submit()
    with desk.tenant.session() as session:
        mine = files(session)
        mine.store.delete_object(mine.key_of(UUID(lost.file.file_id)))
    desk.send()
    assert [path.name for path in (desk.folder / "in").iterdir()] == [second.file_name]
    shown = desk.tenant.call("GetSubmission", submissions_pb.GetSubmissionRequest(id=lost.id))
    assert (shown.state, shown.send_error) == (submission_pb2.SUBMISSION_STATE_STORED, "DomainError")


def test_a_folder_that_cannot_be_written_is_told_once_and_tried_again(desk: Desk) -> None:
    submission = desk.submit()
    (desk.folder / "in").write_text("in the way")
    desk.send()
    desk.send()
    shown = desk.tenant.call("GetSubmission", submissions_pb.GetSubmissionRequest(id=submission.id))
    assert (shown.state, shown.send_error) == (submission_pb2.SUBMISSION_STATE_STORED, "FileExistsError")
    assert len(desk.tenant.events(events_pb2.SubmissionSendFailed)) == 1
    (desk.folder / "in").unlink()
    desk.send()
    shown = desk.tenant.call("GetSubmission", submissions_pb.GetSubmissionRequest(id=submission.id))
    assert (shown.state, shown.send_error) == (submission_pb2.SUBMISSION_STATE_SENT, "")


def test_numbers_rise_over_all_practices_of_a_sender(desk: Desk) -> None:
    first = desk.submit()
    other = Practice(desk.tenant.under_test.tenant(), submitter_id=desk.practice.submitter_id)
    other.add_payer()
    other.tell_all()
    other.post()
    second = other.tenant.call("SubmitClaims", pb.SubmitClaimsRequest()).submissions[0]
    assert second.interchange_control_number == first.interchange_control_number + 1
    assert second.sender_id == first.sender_id


def test_answers_move_the_claim_forward(desk: Desk) -> None:
    submission = desk.submit()
    desk.send()
    answered = desk.answer("999", acknowledgment_999(submission, "A"))
    assert desk.claim.state == claim_pb2.CLAIM_STATE_SYNTAX_ACCEPTED
    desk.fetch()  # the work process fetches too, so the file may be gone already
    assert not answered.exists()
    assert not [path for path in desk.folder.rglob("*") if path.name == "answer.txt"]
    desk.answer("277ca", status_277ca(submission, desk.claim.claim_number, "A2"))
    assert desk.claim.state == claim_pb2.CLAIM_STATE_CLEARINGHOUSE_ACCEPTED
    desk.answer("277ca", status_277ca(submission, desk.claim.claim_number.lower(), "A2", "ICN77"), "payer.txt")
    claim = desk.claim
    assert (claim.state, claim.payer_control_number) == (claim_pb2.CLAIM_STATE_PAYER_ACCEPTED, "ICN77")
    request = submissions_pb.ListAcknowledgmentsRequest(submission_id=submission.id)
    answers = desk.tenant.call("ListAcknowledgments", request).acknowledgments
    assert [answer.code for answer in answers] == ["A", "A2", "A2"]


def test_late_answers_are_kept_and_change_nothing(desk: Desk) -> None:
    submission = desk.submit()
    desk.send()
    desk.answer("277ca", status_277ca(submission, desk.claim.claim_number, "A2", "ICN77"))
    desk.answer("999", acknowledgment_999(submission, "R"))
    assert desk.claim.state == claim_pb2.CLAIM_STATE_PAYER_ACCEPTED
    entries = desk.tenant.call("ListClaimTimeline", pb.ListClaimTimelineRequest(id=desk.claim.id)).entries
    assert [entry.kind for entry in entries][-2:] == ["277CA A2", "999 R (late)"]


def test_a_rejected_claim_starts_a_new_attempt_with_a_new_number(desk: Desk) -> None:
    submission = desk.submit()
    desk.send()
    first = desk.claim
    desk.answer("999", acknowledgment_999(submission, "R"))
    assert desk.claim.state == claim_pb2.CLAIM_STATE_REJECTED_SYNTAX
    rejected = desk.tenant.events(events_pb2.ClaimRejected)[0]
    assert rejected.acknowledgment.code == "R"  # type: ignore[attr-defined]
    again = desk.tenant.call("ScrubClaim", pb.ScrubClaimRequest(id=first.id))
    assert (again.state, again.attempt) == (claim_pb2.CLAIM_STATE_READY, 2)
    assert again.claim_number != first.claim_number
    assert again.lines[0].control_number.startswith(again.claim_number)
    second = desk.submit()
    assert second.interchange_control_number > submission.interchange_control_number
    found = desk.tenant.call("ListClaims", pb.ListClaimsRequest(claim_number=first.claim_number)).claims
    assert [claim.id for claim in found] == [first.id]


@pytest.mark.parametrize(
    ("category", "state"),
    [
        ("A3", claim_pb2.CLAIM_STATE_REJECTED_FRONT_END),
        ("A7", claim_pb2.CLAIM_STATE_REJECTED_FRONT_END),
        ("A2", claim_pb2.CLAIM_STATE_CLEARINGHOUSE_ACCEPTED),
    ],
)
def test_a_277ca_accepts_or_rejects(desk: Desk, category: str, state: int) -> None:
    submission = desk.submit()
    desk.send()
    desk.answer("277ca", status_277ca(submission, desk.claim.claim_number, category))
    assert desk.claim.state == state


def test_a_refused_interchange_rejects_its_claims_but_a_repeated_one_does_not(desk: Desk) -> None:
    submission = desk.submit()
    desk.send()
    desk.answer("ta1", acknowledgment_ta1(submission, "R", "025"))
    assert desk.claim.state == claim_pb2.CLAIM_STATE_SUBMITTED
    desk.answer("ta1", acknowledgment_ta1(submission, "R", "006"), "refused.txt")
    assert desk.claim.state == claim_pb2.CLAIM_STATE_REJECTED_SYNTAX


def test_files_of_strangers_and_junk_are_set_aside_and_judged_again_when_put_back(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    submission = desk.submit()
    desk.send()
    foreign = submission_pb2.Submission()
    foreign.CopyFrom(submission)
    foreign.sender_id = "SOMEONEELSE"
    desk.answer("999", acknowledgment_999(foreign, "A"), "foreign.txt")
    desk.answer("999", "this is no X12", "junk.txt")
    assert not list((desk.folder / "out" / "999").iterdir())
    faults = desk.folder / "faults" / "999"
    assert {path.name for path in faults.iterdir()} == {"foreign.txt", "junk.txt"}
    assert caplog.text.count("belongs to nobody") == 2
    assert desk.claim.state == claim_pb2.CLAIM_STATE_SUBMITTED
    (faults / "junk.txt").unlink()
    desk.answer("999", acknowledgment_999(submission, "A"), "junk.txt")
    assert desk.claim.state != claim_pb2.CLAIM_STATE_SUBMITTED


def test_an_835_for_two_practices_reaches_both_although_one_fails_in_between(
    desk: Desk, claims: ServiceUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Practice(claims.tenant())
    other.add_payer()
    neighbor = Desk(other, tmp_path)
    both = [desk, neighbor]
    for one in both:
        one.submit()
        one.send()
    paid = Paid(tuple(PaidClaim(one.claim.claim_number, 14050, 0, reasons=(("CO", "45", 14050),)) for one in both))
    path = desk.folder / "out" / "835" / "both.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(File((paid,)).bytes())
    tenants = [one.tenant.id for one in both]

    def files_of(one: Desk) -> int:
        return len(one.tenant.call("ListRemittances", remittances_pb.ListRemittancesRequest()).remittances)

    usual, asked = remittances.take_in, []

    def fail_for_the_first(session: Session, reference: object) -> object:
        asked.append(context_of(session).tenant)
        if asked == tenants[:1]:
            raise RuntimeError("the database went away")
        return usual(session, reference)  # type: ignore[arg-type]

    monkeypatch.setattr(remittances, "take_in", fail_for_the_first)
    inbound.fetch(claims.runtime, tenants, desk.connector)
    assert [files_of(one) for one in both] == [0, 1]
    assert path.exists()
    inbound.fetch(claims.runtime, tenants, desk.connector)
    assert [files_of(one) for one in both] == [1, 1]
    assert asked == [tenants[0], tenants[1], tenants[0]]
    assert not path.exists()


def test_the_same_answer_again_changes_nothing(desk: Desk) -> None:
    submission = desk.submit()
    desk.send()
    text = acknowledgment_999(submission, "A")
    desk.answer("999", text)
    desk.fetch()
    desk.answer("999", text)
    desk.fetch()
    assert not list((desk.folder / "out" / "999").iterdir())
    assert len(desk.tenant.events(events_pb2.ClaimAccepted)) == 1


def test_the_claim_alone_is_given_as_x12_before_and_after_it_is_sent(desk: Desk) -> None:
    before = desk.tenant.call("GetClaimX12", pb.GetClaimX12Request(id=desk.claim.id))
    assert before.media_type == "application/edi-x12"
    submission = desk.submit()
    after = desk.tenant.call("GetClaimX12", pb.GetClaimX12Request(id=desk.claim.id))
    assert desk.stored(after.file_id) == desk.stored(submission.file.file_id)
    assert desk.stored(before.file_id) != desk.stored(after.file_id)


def test_only_ready_claims_are_submitted(desk: Desk) -> None:
    desk.submit()
    with pytest.raises(Refused) as nothing:
        desk.tenant.call("SubmitClaims", pb.SubmitClaimsRequest())
    assert nothing.value.reason == "NOTHING_TO_SUBMIT"
    with pytest.raises(Refused) as batched:
        desk.tenant.call("SubmitClaims", pb.SubmitClaimsRequest(claim_ids=[desk.claim.id]))
    assert (batched.value.reason, batched.value.metadata["state"]) == ("CLAIM_STATE", "batched")
    with pytest.raises(Refused) as frozen:
        desk.tenant.call("ScrubClaim", pb.ScrubClaimRequest(id=desk.claim.id))
    assert frozen.value.reason == "CLAIM_STATE"


def test_a_retry_with_the_same_key_submits_nothing_twice(desk: Desk) -> None:
    first = desk.tenant.call("SubmitClaims", pb.SubmitClaimsRequest(), key="once")
    again = desk.tenant.call("SubmitClaims", pb.SubmitClaimsRequest(), key="once")
    assert again.submissions[0].id == first.submissions[0].id
    assert len(desk.tenant.events(events_pb2.SubmissionStored)) == 1

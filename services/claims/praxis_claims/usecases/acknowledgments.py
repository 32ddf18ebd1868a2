"""Applies TA1, 999 and 277CA answers to submissions and their claims; what comes too late is stored and shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.claims.v1 import events_pb2, submission_pb2
from praxis_chassis import clock
from praxis_chassis.events import record
from praxis_claims.edi.acknowledgments import (
    AcknowledgmentFile,
    GroupAcknowledgment,
    InterchangeAcknowledgment,
    TransactionAcknowledgment,
)
from praxis_claims.edi.claim_status import StatusLevel, StatusReport
from praxis_claims.rules.claim_numbers import normalized
from praxis_claims.rules.lifecycle import State
from praxis_claims.store.models import Acknowledgment, Claim, ClaimAttempt, Submission
from praxis_claims.usecases import progress

ACCEPTED = frozenset({"A", "E"})
# The receiver has seen this interchange before: our own resend after a crash, and no reason to lower anything.
SEEN_BEFORE = "025"
SUBMISSION_STATES = {
    "A": submission_pb2.SUBMISSION_STATE_ACCEPTED,
    "E": submission_pb2.SUBMISSION_STATE_ACCEPTED,
    "P": submission_pb2.SUBMISSION_STATE_PARTIALLY_ACCEPTED,
}


def apply(session: Session, answers: AcknowledgmentFile, sender_id: str, file_id: UUID) -> None:
    """Apply every answer of a file that was addressed to one of our sender ids."""
    for interchange in answers.interchanges:
        _apply_interchange(session, interchange, sender_id, file_id)
    for group in answers.groups:
        _apply_group(session, group, sender_id, file_id)
    for report in answers.status_reports:
        _apply_report(session, report, file_id)


def submission_numbered(session: Session, sender_id: str, number: str) -> Submission | None:
    """Return the submission with this control number under this sender id, locked for change."""
    if not number.strip().isdigit():
        return None
    query = select(Submission).where(
        Submission.sender_id == sender_id, Submission.interchange_control_number == int(number)
    )
    return session.scalar(query.order_by(Submission.id.desc()).limit(1).with_for_update())


def _apply_interchange(session: Session, told: InterchangeAcknowledgment, sender_id: str, file_id: UUID) -> None:
    submission = submission_numbered(session, sender_id, told.control_number)
    kind = submission_pb2.ACKNOWLEDGMENT_KIND_INTERCHANGE
    answer = _answer(session, kind, submission, told.code, [told.note], file_id)
    if submission is None or told.code in ACCEPTED or told.note == SEEN_BEFORE:
        return
    _turn(session, submission, submission_pb2.SUBMISSION_STATE_REJECTED)
    _move(session, _claims_of(session, submission), State.REJECTED_SYNTAX, answer, f"TA1 {told.code} {told.note}")


def _apply_group(session: Session, told: GroupAcknowledgment, sender_id: str, file_id: UUID) -> None:
    submission = submission_numbered(session, sender_id, told.control_number)
    own = next((t for t in told.transactions if submission and _same(t, submission)), None)
    code = own.code if own else told.code
    kind = submission_pb2.ACKNOWLEDGMENT_KIND_IMPLEMENTATION
    answer = _answer(session, kind, submission, code, list(_errors(own)), file_id)
    if submission is None:
        return
    accepted = code in ACCEPTED
    _turn(session, submission, SUBMISSION_STATES.get(code, submission_pb2.SUBMISSION_STATE_REJECTED))
    target = State.SYNTAX_ACCEPTED if accepted else State.REJECTED_SYNTAX
    _move(session, _claims_of(session, submission), target, answer, f"999 {code}")


def _apply_report(session: Session, report: StatusReport, file_id: UUID) -> None:
    levels = {level.number: level for level in report.levels}
    for level in report.levels:
        claim = _claim_numbered(session, level.trace_number) if level.code == "PT" else None
        if claim is not None:
            _apply_claim_status(session, claim, level, list(_above(level, levels)), file_id)


def _apply_claim_status(
    session: Session, claim: Claim, level: StatusLevel, above: list[StatusLevel], file_id: UUID
) -> None:
    rejected = level.rejects or any(parent.rejects for parent in above)
    statuses = [status for one in (level, *above) for status in one.statuses]
    details = [" ".join(filter(None, (s.category, s.code, s.entity, s.message))) for s in statuses]
    category = level.statuses[0].category if level.statuses else ""
    kind = submission_pb2.ACKNOWLEDGMENT_KIND_CLAIM
    answer = _answer(session, kind, None, category, details, file_id)
    answer.claim_id, answer.submission_id = claim.id, claim.submission_id
    number, before = level.payer_control_number, claim.payer_control_number
    claim.payer_control_number = number or before
    accepted = State.PAYER_ACCEPTED if number else State.CLEARINGHOUSE_ACCEPTED
    target = State.REJECTED_FRONT_END if rejected else accepted
    moved = progress.acknowledge(session, claim, target, answer, f"277CA {category}")
    if not moved and claim.payer_control_number != before:
        record(session, events_pb2.ClaimUpdated, claim)


def _above(level: StatusLevel, levels: dict[str, StatusLevel]) -> Iterator[StatusLevel]:
    """Yield the levels above, whose rejections count for every claim below; a malformed file may hold a ring."""
    seen = {level.number}
    parent = levels.get(level.parent)
    while parent is not None and parent.number not in seen:
        seen.add(parent.number)
        yield parent
        parent = levels.get(parent.parent)


def _move(session: Session, claims: Iterable[Claim], target: State, answer: Acknowledgment, kind: str) -> None:
    for claim in claims:
        progress.acknowledge(session, claim, target, answer, kind)


def _turn(session: Session, submission: Submission, state: int) -> None:
    if submission.state != state:
        submission.state = state
        record(session, events_pb2.SubmissionAcknowledged, submission)


def _answer(
    session: Session, kind: int, submission: Submission | None, code: str, details: list[str], file_id: UUID
) -> Acknowledgment:
    answer = Acknowledgment(
        kind=kind,
        submission_id=submission.id if submission else None,
        code=code,
        details=[detail for detail in details if detail],
        file_id=file_id,
        receive_time=clock.now(session),
    )
    session.add(answer)
    return answer


def _errors(told: TransactionAcknowledgment | None) -> Iterator[str]:
    for segment in told.segments if told else ():
        elements = " ".join(f"element {element.position} code {element.code}" for element in segment.elements)
        yield f"{segment.segment} at {segment.position} code {segment.code} {elements}".strip()


def _same(told: TransactionAcknowledgment, submission: Submission) -> bool:
    return told.control_number.lstrip("0") == submission.transaction_control_number.lstrip("0")


def _claims_of(session: Session, submission: Submission) -> list[Claim]:
    return list(session.scalars(select(Claim).where(Claim.submission_id == submission.id).with_for_update()))


def _claim_numbered(session: Session, text: str) -> Claim | None:
    """Return the claim of a number, while it is the number of its current attempt; older attempts are over."""
    number = normalized(text)
    attempts = select(ClaimAttempt.claim_id).where(ClaimAttempt.claim_number == number)
    return session.scalar(select(Claim).where(Claim.id.in_(attempts), Claim.claim_number == number).with_for_update())

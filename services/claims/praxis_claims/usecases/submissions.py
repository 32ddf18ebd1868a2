"""Writes ready claims into files, stores them before they leave, and sends what is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis.claims.v1 import claim_service_pb2, errors_pb2, events_pb2, submission_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.files import files
from praxis_chassis.jobs import apart
from praxis_chassis.types import Money, new_id
from praxis_claims.connectors.connector import Connector
from praxis_claims.edi.errors import EdiError
from praxis_claims.rules.lifecycle import State
from praxis_claims.store.models import Claim, ClaimAttempt, ControlNumber, LocationCopy, Payer, Submission
from praxis_claims.usecases import scrubbing, timeline, x12
from praxis_claims.usecases.x12 import Numbering

MEDIA_TYPE = "application/edi-x12"
LARGEST_NUMBER = 999_999_999
LARGEST_BATCH = 500
TRANSACTION_NUMBER = "0001"
SEND_AT_ONCE = 50
STORED = submission_pb2.SUBMISSION_STATE_STORED


def submit(session: Session, request: claim_service_pb2.SubmitClaimsRequest) -> list[Submission]:
    """Write the claims into one file for each sender and receiver; they leave once this transaction stands."""
    claims = _named(session, request.claim_ids) if request.claim_ids else _ready(session, request.payer_id)
    if not claims:
        raise DomainError(errors_pb2.ERROR_REASON_NOTHING_TO_SUBMIT)
    payers = _payers(session, claims)
    batches: dict[tuple[str, str, bool], list[Claim]] = {}
    for claim in claims:
        payer = payers[str(claim.payer_id)]
        route = payer.submitter_id, payer.receiver_id, payer.test_mode
        batches.setdefault(route, []).append(claim)
    return [_store(session, batch, payers) for _, batch in sorted(batches.items())]


def send_stored(session: Session, connector: Connector) -> None:
    """Hand stored files over one by one; the stored row is the intent, and each step stands before the next begins.

    After a crash in between the same bytes go again under the same name, which takes the place of the first.
    """
    waiting = select(Submission.id).where(Submission.state == STORED).order_by(Submission.id).limit(SEND_AT_ONCE)
    for submission_id in session.scalars(waiting).all():
        problem = _hand_over(session, connector, submission_id)
        with apart(session) as noting:
            submission = fetch(noting, Submission, submission_id, lock=True)
            if submission.state == STORED and problem:
                _note_failure(noting, submission, problem)
            elif submission.state == STORED:
                _note_sent(noting, submission)


def _hand_over(session: Session, connector: Connector, submission_id: UUID) -> str:
    """Hand a file over while no row is locked, however long that takes; return what went wrong, if anything."""
    try:
        with apart(session) as reading:
            submission = fetch(reading, Submission, submission_id)
            name, data = submission.file_name, files(reading).get(submission.file.file_id)
        connector.submit(name, data)
    except (OSError, DomainError) as failure:
        return type(failure).__name__
    return ""


def single_file(session: Session, claim: Claim) -> type_pb2.FileReference:
    """Return the claim alone as X12: with the numbers it was sent under, or as it would be sent now."""
    payer = fetch(session, Payer, claim.payer_id)
    sent = session.get(Submission, (claim.tenant_id, claim.submission_id)) if claim.submission_id else None
    written = claim.update_time.astimezone(ZoneInfo(_zone(session, claim)))
    numbering = _numbering(sent) if sent else Numbering(x12.TRIAL_NUMBER, "PREVIEW", written)
    data = _written([claim], {str(payer.id): payer}, numbering)
    return files(session).put(data, MEDIA_TYPE, f"{claim.claim_number}.837", subject_ids=[claim.patient_id])


def _store(session: Session, claims: Sequence[Claim], payers: dict[str, Payer]) -> Submission:
    payer, submission_id = payers[str(claims[0].payer_id)], new_id()
    created, number = clock.now(session), _next_number(session, payer.submitter_id)
    zone = _zone(session, claims[0])
    numbering = Numbering(number, submission_id.hex.upper(), created.astimezone(ZoneInfo(zone)))
    data = _written(claims, payers, numbering)
    name = f"{payer.submitter_id}-{number:09}.837"
    reference = files(session).put(data, MEDIA_TYPE, name, subject_ids=[claim.patient_id for claim in claims])
    assert reference.sha256 == hashlib.sha256(data).hexdigest()
    total = Money.total(claims[0].currency_code, [claim.total for claim in claims])
    submission = Submission(
        id=submission_id,
        state=STORED,
        sender_id=payer.submitter_id,
        receiver_id=payer.receiver_id,
        interchange_control_number=number,
        group_control_number=number,
        transaction_control_number=TRANSACTION_NUMBER,
        claim_count=len(claims),
        currency_code=total.currency,
        charge_amount_minor=total.minor,
        file=reference,
        file_name=name,
        time_zone=zone,
        # The same time stands in the file, so that the claim alone can be written again with the same bytes.
        create_time=created,
    )
    record(session, events_pb2.SubmissionStored, submission)
    _batch(session, submission, claims)
    return submission


def _batch(session: Session, submission: Submission, claims: Iterable[Claim]) -> None:
    for claim in claims:
        previous = claim.decide(State.BATCHED)
        claim.submission_id = submission.id
        attempt = ClaimAttempt(
            claim_number=claim.claim_number, claim_id=claim.id, attempt=claim.attempt, submission_id=submission.id
        )
        session.add(attempt)
        record(session, events_pb2.ClaimBatched, claim, previous_state=int(previous))
        timeline.note(session, claim, "batched", f"Interchange {submission.interchange_control_number:09}.")


def _note_sent(session: Session, submission: Submission) -> None:
    submission.state = submission_pb2.SUBMISSION_STATE_SENT
    submission.send_time, submission.send_error = clock.now(session), ""
    submission.send_attempts += 1
    record(session, events_pb2.SubmissionSent, submission)
    query = select(Claim).where(Claim.submission_id == submission.id).with_for_update()
    for claim in session.scalars(query):
        previous = claim.follow(State.SUBMITTED)
        if previous is not None:
            claim.submit_time = submission.send_time
            record(session, events_pb2.ClaimSubmitted, claim, previous_state=int(previous))
            timeline.note(session, claim, "submitted", submission.file_name)


def _note_failure(session: Session, submission: Submission, problem: str) -> None:
    """Note a new kind of failure; the same one again changes nothing, however long it lasts."""
    if submission.send_error != problem:
        submission.send_error = problem
        submission.send_attempts += 1
        record(session, events_pb2.SubmissionSendFailed, submission)


def _written(claims: Sequence[Claim], payers: dict[str, Payer], numbering: Numbering) -> bytes:
    payer = payers[str(claims[0].payer_id)]
    if not (payer.submitter_id and payer.receiver_id and payer.electronic_id):
        raise DomainError(errors_pb2.ERROR_REASON_PAYER_NOT_SET_UP, name=payer.name)
    if any(claim.missing or claim.patient is None for claim in claims):
        raise DomainError(errors_pb2.ERROR_REASON_CLAIM_INCOMPLETE, problem="facts are missing")
    try:
        return x12.write(claims, payer, numbering, payers)
    except (EdiError, ValueError) as error:
        raise DomainError(errors_pb2.ERROR_REASON_CLAIM_INCOMPLETE, problem=str(error).rstrip(".")) from None


def _numbering(sent: Submission) -> Numbering:
    created = sent.create_time.astimezone(ZoneInfo(sent.time_zone))
    return Numbering(sent.interchange_control_number, sent.id.hex.upper(), created)


def _zone(session: Session, claim: Claim) -> str:
    """Return the time zone of the place that bills: a file made in the evening bears the date of that evening."""
    location = session.get(LocationCopy, (claim.tenant_id, claim.location_id))
    return location.time_zone if location else "UTC"


def _next_number(session: Session, sender: str) -> int:
    """Take the next number of a sender; its row stays locked until the bytes that carry the number are stored."""
    table = ControlNumber
    row = insert(table).values(sender_id=sender, last=1)
    following = table.last % LARGEST_NUMBER + 1
    taken = row.on_conflict_do_update(index_elements=[table.sender_id], set_={"last": following})
    return int(session.execute(taken.returning(table.last)).scalar_one())


def _named(session: Session, claim_ids: Iterable[str]) -> list[Claim]:
    claims = [fetch(session, Claim, claim_id, lock=True) for claim_id in sorted(claim_ids)]
    for claim in claims:
        if claim.state != State.READY:
            raise _not_ready(claim)
    return claims


def _not_ready(claim: Claim) -> DomainError:
    """Say what keeps a claim from being sent: the first of its findings where it was checked, else its state."""
    stopping = scrubbing.stopping(claim)
    if claim.state == State.SCRUB_FAILED and stopping:
        problem = f"{stopping[0].message} {stopping[0].fix_hint}"
        return DomainError(errors_pb2.ERROR_REASON_CLAIM_HAS_FINDINGS, number=claim.claim_number, problem=problem)
    state = State(claim.state).name.lower()
    return DomainError(errors_pb2.ERROR_REASON_CLAIM_STATE, state=state, target="submitted")


def _ready(session: Session, payer_id: str) -> list[Claim]:
    query = select(Claim).where(Claim.state == State.READY)
    if payer_id:
        query = query.where(Claim.payer_id == uuid_of(payer_id, "payer_id"))
    query = query.order_by(Claim.filing_deadline_date, Claim.id).limit(LARGEST_BATCH)
    return list(session.scalars(query.with_for_update(skip_locked=True)))


def _payers(session: Session, claims: Iterable[Claim]) -> dict[str, Payer]:
    tenant = context_of(session).tenant
    wanted: set[UUID] = {claim.payer_id for claim in claims}
    found = session.scalars(select(Payer).where(Payer.tenant_id == tenant, Payer.id.in_(wanted)))
    return {str(payer.id): payer for payer in found}

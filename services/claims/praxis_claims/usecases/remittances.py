"""Takes 835 files in exactly once, has them posted, and notes what billing did."""

from __future__ import annotations

import hashlib
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.billing.v1 import ledger_pb2
from praxis.claims.v1 import errors_pb2, events_pb2, remittance_pb2, remittance_service_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.files import files
from praxis_chassis.types import Money, new_id
from praxis_claims.edi.errors import EdiError, Finding, Level
from praxis_claims.edi.remittance import read_remittances
from praxis_claims.edi.remittance_records import RemittanceFile as Content
from praxis_claims.edi.tokenizer import Tokenizer
from praxis_claims.store import remittance_queries as queries
from praxis_claims.store.models import Remittance, RemittanceClaim, RemittanceFile
from praxis_claims.usecases import progress, remittance_entry, remittance_postings
from praxis_claims.usecases import remittance_messages as messages

LARGEST_MEGABYTES = 25
POSTED_IN_PART = remittance_pb2.REMITTANCE_STATE_POSTED_IN_PART
REFUSED = remittance_pb2.REMITTANCE_STATE_REFUSED
DISCARDED = remittance_pb2.REMITTANCE_STATE_DISCARDED
DISCARDABLE = (
    remittance_pb2.REMITTANCE_STATE_QUARANTINED,
    remittance_pb2.REMITTANCE_STATE_UNMATCHED,
    REFUSED,
)


# ── taking files in ───────────────────────────────────────────────────────────────────────────────────


def take_in(session: Session, reference: type_pb2.FileReference) -> RemittanceFile:
    """Store an upload and what it says; content that was taken in before changes nothing."""
    data = files(session).uploaded(reference.file_id)
    if len(data) > LARGEST_MEGABYTES << 20:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_TOO_LARGE, megabytes=LARGEST_MEGABYTES)
    content, digest = _read(data)
    queries.take_turn(session)
    known = queries.first_upload(session, digest)
    upload = RemittanceFile(
        id=new_id(),
        sha256=hashlib.sha256(data).hexdigest(),
        content_sha256=digest,
        duplicate_of=known.id if known else None,
        file_id=known.file_id if known else UUID(reference.file_id),
        create_time=clock.now(session),
    )
    session.add(upload)
    session.flush()
    if known is None:
        _enter(session, upload, content, data, reference)
    return upload


def _read(data: bytes) -> tuple[Content, str]:
    try:
        content = read_remittances(data)
        digest = _content_hash(data)
    except EdiError as error:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_UNREADABLE, problem=str(error)) from None
    if not content.remittances:
        problem = "It holds no 835 transaction set."
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_UNREADABLE, problem=problem)
    return content, digest


def _content_hash(data: bytes) -> str:
    """Hash the segments without layout, so that a file is known again after its lines were broken or joined."""
    digest = hashlib.sha256()
    for segment in Tokenizer(data):
        digest.update("\x1f".join(segment).rstrip("\x1f").encode("utf-8", "surrogatepass") + b"\x1e")
    return digest.hexdigest()


def _enter(
    session: Session, upload: RemittanceFile, content: Content, data: bytes, reference: type_pb2.FileReference
) -> None:
    about: list[Finding] = [found for found in content.findings if found.level is not Level.INFO]
    patients: set[UUID] = set()
    for position, received in enumerate(content.remittances, 1):
        patients |= remittance_entry.enter(session, upload, position, received, about if position == 1 else ())
    files(session).put(data, reference.media_type, reference.file_name, subject_ids=patients)


# ── showing files ─────────────────────────────────────────────────────────────────────────────────────


def summary(session: Session, upload: RemittanceFile) -> remittance_pb2.RemittanceFile:
    """Return an upload with its remittances; that of a duplicate shows those of the first."""
    session.flush()
    remittances = queries.remittances_of(session, upload.duplicate_of or upload.id)
    return remittance_pb2.RemittanceFile(
        id=str(upload.id),
        sha256=upload.sha256,
        duplicate_of=str(upload.duplicate_of) if upload.duplicate_of else "",
        transactions=map(_transaction, remittances),
    )


def _transaction(remittance: Remittance) -> remittance_pb2.RemittanceTransaction:
    def amount(minor: int) -> str:
        return Money(remittance.currency_code, minor).amount

    return remittance_pb2.RemittanceTransaction(
        control_number=remittance.control_number,
        trace_number=remittance.trace_number,
        payment_amount=amount(remittance.payment_amount_minor),
        claim_count=remittance.claim_count,
        line_count=remittance.line_count,
        charge_amount=amount(remittance.charge_amount_minor),
        paid_amount=amount(remittance.paid_amount_minor),
        adjustment_amounts={group: amount(minor) for group, minor in remittance.adjustment_amounts.items()},
        provider_adjustment_amount=amount(remittance.provider_adjustment_amount_minor),
        balances=remittance.balances,
        state=remittance.state,  # type: ignore[arg-type]
        findings=remittance.findings,
    )


# ── posting ───────────────────────────────────────────────────────────────────────────────────────────


def approve(session: Session, request: remittance_service_pb2.PostRemittanceRequest) -> Remittance:
    """Have a remittance posted that waited for a person."""
    if fetch(session, Remittance, request.id).state == remittance_pb2.REMITTANCE_STATE_QUARANTINED:
        queries.take_turn(session)  # what is let in now must not come in by another file meanwhile
    remittance = fetch(session, Remittance, request.id, lock=True, etag=request.etag)
    if remittance.state == remittance_pb2.REMITTANCE_STATE_QUARANTINED:
        _let_in(session, remittance)
    if remittance.state == remittance_pb2.REMITTANCE_STATE_UNMATCHED:
        identifier = remittance.payer_identifier or remittance.payer_name
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_UNMATCHED, identifier=identifier)
    if remittance.state != remittance_pb2.REMITTANCE_STATE_AWAITING_APPROVAL:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_STATE, state=_word(remittance))
    rows = queries.rows_of(session, remittance.id)
    remittance_postings.propose(session, remittance, rows)
    return remittance


def _let_in(session: Session, remittance: Remittance) -> None:
    """Read a remittance anew as a payment of its own, where nothing but its number kept it back."""
    upload = fetch(session, RemittanceFile, remittance.remittance_file_id)
    reference, data = files(session).read(upload.file_id)
    content, _ = _read(data)
    received = content.remittances[remittance.position - 1]
    if received.totals.quarantined or queries.same_payment(session, remittance, exactly=True) is not None:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_QUARANTINED)
    patients = remittance_entry.enter_again(session, upload, remittance, received)
    files(session).put(data, reference.media_type, reference.file_name, subject_ids=patients)


def discard(session: Session, request: remittance_service_pb2.DiscardRemittanceRequest) -> Remittance:
    """Set a remittance aside of which nothing was posted, so that its payment and its file may come again."""
    queries.take_turn(session)
    remittance = fetch(session, Remittance, request.id, lock=True, etag=request.etag)
    if remittance.state not in DISCARDABLE:
        raise DomainError(errors_pb2.ERROR_REASON_REMITTANCE_NOT_DISCARDABLE, state=_word(remittance))
    remittance.state, remittance.discard_reason = DISCARDED, request.reason
    for row in queries.rows_of(session, remittance.id):
        row.state = remittance_pb2.REMITTANCE_CLAIM_STATE_DISCARDED
        row.reverses_id = None
    session.flush()
    upload = fetch(session, RemittanceFile, str(remittance.remittance_file_id), lock=True)
    upload.discarded = all(other.state == DISCARDED for other in queries.remittances_of(session, upload.id))
    record(session, events_pb2.RemittanceDiscarded, remittance)
    return remittance


def _word(remittance: Remittance) -> str:
    state = remittance_pb2.RemittanceState.Name(remittance.state)  # type: ignore[arg-type]
    return state.removeprefix("REMITTANCE_STATE_").lower().replace("_", " ")


def note_applied(session: Session, posting: ledger_pb2.RemittancePosting) -> None:
    """Note that billing posted a claim, or the payment itself where the posting names no claim."""
    remittance = _locked(session, posting)
    row = _row(session, posting)
    if row is not None and row.state == remittance_postings.PROPOSED:
        row.state = remittance_pb2.REMITTANCE_CLAIM_STATE_POSTED
        for claim in queries.locked_claims(session, {row.claim_id} if row.claim_id else ()).values():
            progress.mark_posted(session, claim, row.remittance_id)
    if row is None and remittance is not None:
        remittance.payment_posted = True
    _finish(session, remittance)


def note_refused(session: Session, posting: ledger_pb2.RemittancePosting) -> None:
    """Hold a claim that billing could not post, or note that the payment itself was refused."""
    remittance = _locked(session, posting)
    row = _row(session, posting)
    if row is None and remittance is not None and remittance.state == remittance_pb2.REMITTANCE_STATE_READY:
        remittance.findings = [_refusal(posting, Level.FATAL), *remittance.findings]
        remittance.state = REFUSED
        record(session, events_pb2.RemittanceRefused, remittance)
    elif row is not None and row.state == remittance_postings.PROPOSED:
        row.state = remittance_pb2.REMITTANCE_CLAIM_STATE_HELD
        row.reverses_id = None
        row.findings = [*row.findings, _refusal(posting, Level.ERROR)]
        if remittance is not None:
            remittance.held_claim_count += 1
            remittance.held_amount_minor += row.paid_amount_minor
        _finish(session, remittance)


def _finish(session: Session, remittance: Remittance | None) -> None:
    """Close a remittance once billing answered for its payment and for every claim that was proposed."""
    if remittance is None or remittance.state != remittance_pb2.REMITTANCE_STATE_READY:
        return
    session.flush()
    if not remittance.payment_posted or remittance_postings.PROPOSED in queries.row_states(session, remittance.id):
        return
    in_part = remittance.held_claim_count > 0
    remittance.state = POSTED_IN_PART if in_part else remittance_pb2.REMITTANCE_STATE_POSTED
    record(session, events_pb2.RemittancePosted, remittance)


def _refusal(posting: ledger_pb2.RemittancePosting, level: Level) -> remittance_pb2.RemittanceFinding:
    text = f"Billing refused the posting ({posting.refusal_reason}). Mend the cause there, or post by hand."
    return messages.finding(Finding(level, posting.refusal_reason or "POSTING_REFUSED", 0, "", text))


def _locked(session: Session, posting: ledger_pb2.RemittancePosting) -> Remittance | None:
    query = select(Remittance).where(Remittance.id == UUID(posting.remittance_id))
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def _row(session: Session, posting: ledger_pb2.RemittancePosting) -> RemittanceClaim | None:
    if not posting.remittance_claim_id:
        return None
    return session.scalar(select(RemittanceClaim).where(RemittanceClaim.id == UUID(posting.remittance_claim_id)))

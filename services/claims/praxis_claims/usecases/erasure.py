"""Blanks what claims keeps about an erased person; ids, money, codes and states stay."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from praxis.claims.v1 import claim_pb2
from praxis_chassis import tables
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError
from praxis_chassis.files import files
from praxis_claims.edi.separators import find_header
from praxis_claims.edi.text import clean
from praxis_claims.rules.redaction import Traces, redact
from praxis_claims.store.models import (
    Acknowledgment,
    Authorization,
    Claim,
    ClaimStep,
    CoverageCopy,
    InboundFile,
    PartyCopy,
    PatientCopy,
    RemittanceClaim,
    RemittanceFile,
    Submission,
)

BLANK_PERSON = claim_pb2.ClaimPerson()
log = logging.getLogger(__name__)


def erase_patient(session: Session, patient_id: str) -> None:
    """Blank the patient everywhere; files about the patient alone are deleted by the chassis afterwards."""
    patient = UUID(patient_id)
    claims = list(session.scalars(select(Claim).where(Claim.patient_id == patient)))
    _redact_shared_files(session, patient, _traces(session, patient, claims))
    blank_claims: dict[str, Any] = {
        "patient": None,
        "subscriber": None,
        "hold_reason": "",
        "prior_authorization_number": "",
        "referral_number": "",
        "findings": [],
    }
    session.execute(update(Claim).where(Claim.patient_id == patient).values(blank_claims))
    own = [claim.id for claim in claims]
    session.execute(update(ClaimStep).where(ClaimStep.claim_id.in_(own)).values(text=""))
    session.execute(update(RemittanceClaim).where(RemittanceClaim.patient_id == patient).values(patient_name=""))
    for authorization in session.scalars(select(Authorization).where(Authorization.patient_id == patient)):
        authorization.blank()
    session.flush()
    blank_copy = {"person": BLANK_PERSON, "erased": True}
    session.execute(update(PatientCopy).where(PatientCopy.patient_id == patient).values(blank_copy))
    session.execute(delete(CoverageCopy).where(CoverageCopy.patient_id == patient))
    session.execute(update(PartyCopy).where(PartyCopy.patient_id == patient).values(person=BLANK_PERSON))
    session.expire_all()


def erase_party(session: Session, party_id: str) -> None:
    """Blank a party; claims that name it as subscriber are those of its last patient, which is erased too."""
    session.execute(update(PartyCopy).where(PartyCopy.party_id == UUID(party_id)).values(person=BLANK_PERSON))


def erase_coverage(session: Session, coverage_id: str) -> None:
    session.execute(delete(CoverageCopy).where(CoverageCopy.coverage_id == UUID(coverage_id)))


def _traces(session: Session, patient: UUID, claims: Iterable[Claim]) -> Traces:
    copy = session.get(PatientCopy, (context_of(session).tenant, patient))
    members = session.scalars(select(CoverageCopy.member_id).where(CoverageCopy.patient_id == patient))
    persons = [copy.person] if copy else []
    identifiers = [*members]
    for claim in claims:
        subscriber = claim.subscriber or claim_pb2.ClaimSubscriber()
        persons += [claim.patient or BLANK_PERSON, subscriber.person]
        identifiers.append(subscriber.member_id)
    names = {(clean(p.name.family), clean([*p.name.given, ""][0])) for p in persons if p.name.family}
    return Traces(frozenset(names), frozenset(clean(text) for text in identifiers if text))


def _redact_shared_files(session: Session, patient: UUID, traces: Traces) -> None:
    """Replace files that are about other people too, because these must keep their evidence."""
    about = tables.file_subjects
    own = select(about.c.file_id).where(about.c.subject_id == patient)
    query = select(about.c.file_id, func.array_agg(about.c.subject_id)).where(about.c.file_id.in_(own))
    for file_id, subjects in session.execute(query.group_by(about.c.file_id)).all():
        if len(subjects) > 1:
            _redact_file(session, file_id, [subject for subject in subjects if subject != patient], traces)


def _redact_file(session: Session, file_id: UUID, others: list[UUID], traces: Traces) -> None:
    try:
        reference, data = files(session).read(file_id)
    except DomainError:
        # What is gone already must not keep the rest from being erased.
        log.warning("a file to redact is missing", extra={"file_id": str(file_id)})
        return
    text = data.decode("latin-1")
    header = find_header(text)
    if header is None:
        return
    redacted = redact(text, header.separators.element, header.separators.segment, traces)
    new = files(session).put(redacted.encode("latin-1"), reference.media_type, reference.file_name, subject_ids=others)
    _point_to(session, file_id, UUID(new.file_id))
    with_file = select(Submission).where(Submission.file["file_id"].astext == str(file_id))
    for submission in session.scalars(with_file):
        session.execute(update(Submission).where(Submission.id == submission.id).values(file=new))
    if new.file_id != str(file_id):
        about = tables.file_subjects
        session.execute(delete(about).where(about.c.file_id == file_id))
        files(session).delete(file_id)


def _point_to(session: Session, old: UUID, new: UUID) -> None:
    for table in (Acknowledgment, ClaimStep, InboundFile, RemittanceFile):
        session.execute(update(table).where(table.file_id == old).values(file_id=new))

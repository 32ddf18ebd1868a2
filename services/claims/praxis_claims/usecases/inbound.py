"""Takes in what a clearinghouse left for this practice: store first, then apply, and only then put away."""

from __future__ import annotations

import hashlib
import logging
import re
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError
from praxis_chassis.files import files
from praxis_claims.connectors.connector import Arrival, Connector
from praxis_claims.edi.acknowledgments import read_acknowledgments
from praxis_claims.edi.errors import EdiError
from praxis_claims.edi.tokenizer import Tokenizer
from praxis_claims.rules.claim_numbers import LENGTH, normalized
from praxis_claims.store.models import Claim, ClaimAttempt, InboundFile, LocationCopy, ProviderCopy
from praxis_claims.usecases import acknowledgments, remittances
from praxis_claims.usecases.submissions import MEDIA_TYPE

NUMBER = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Za-z]{%d}(?![0-9A-Za-z])" % LENGTH)
REMITTANCE = "835"
log = logging.getLogger(__name__)


def fetch(session: Session, connector: Connector) -> None:
    """Take in the files that are this practice's; one that was stored before this tick is put away."""
    for arrival in connector.arrivals():
        if _stored(session, arrival):
            connector.put_away(arrival)
        elif _is_ours(session, arrival):
            _take_in(session, arrival)


def _stored(session: Session, arrival: Arrival) -> bool:
    query = select(InboundFile.id).where(
        InboundFile.kind == arrival.kind, InboundFile.name == arrival.name, InboundFile.sha256 == _digest(arrival.data)
    )
    return session.scalar(query) is not None


def _take_in(session: Session, arrival: Arrival) -> None:
    named = _claims_named(session, arrival.data)
    about = set(session.scalars(select(Claim.patient_id).where(Claim.id.in_(named))))
    reference = files(session).put(arrival.data, MEDIA_TYPE, arrival.name, subject_ids=about)
    inbound = InboundFile(
        kind=arrival.kind,
        name=arrival.name,
        sha256=reference.sha256,
        file_id=UUID(reference.file_id),
        receive_time=clock.now(session),
    )
    session.add(inbound)
    session.flush()
    inbound.fault = _apply(session, arrival, reference)


def _apply(session: Session, arrival: Arrival, reference: type_pb2.FileReference) -> str:
    """Apply a file as one step; a refusal undoes all of it and is returned for a person to read."""
    recorded = context_of(session).recorded
    before = len(recorded)
    try:
        with session.begin_nested():
            _apply_content(session, arrival, reference)
    except (EdiError, DomainError) as problem:
        del recorded[before:]
        log.warning("inbound file was not applied", extra={"kind": arrival.kind, "file_id": reference.file_id})
        return str(problem)
    return ""


def _apply_content(session: Session, arrival: Arrival, reference: type_pb2.FileReference) -> None:
    if arrival.kind == REMITTANCE:
        remittances.take_in(session, reference)
        return
    answers = read_acknowledgments(arrival.data)
    acknowledgments.apply(session, answers, _addressee(arrival.data), UUID(reference.file_id))


def _is_ours(session: Session, arrival: Arrival) -> bool:
    """Whether a file of a folder that several practices share belongs to this one."""
    try:
        if _claims_named(session, arrival.data):
            return True
        if arrival.kind == REMITTANCE:
            return _pays_us(session, arrival.data)
        answers, sender = read_acknowledgments(arrival.data), _addressee(arrival.data)
    except EdiError:
        return False
    numbers = [told.control_number for told in answers.interchanges]
    numbers += [told.control_number for told in answers.groups]
    return any(acknowledgments.submission_numbered(session, sender, number) for number in numbers)


def _claims_named(session: Session, data: bytes) -> list[UUID]:
    """Return our claims whose numbers stand anywhere in a file, whatever its format."""
    numbers = {normalized(match.decode()) for match in NUMBER.findall(data)} - {None}
    if not numbers:
        return []
    query = select(ClaimAttempt.claim_id).where(ClaimAttempt.claim_number.in_(numbers))
    return list(session.scalars(query.distinct()))


def _pays_us(session: Session, data: bytes) -> bool:
    """Whether an 835 that names none of our claims names one of our practices as payee."""
    payees = {segment[4].strip() for segment in Tokenizer(data) if segment[:2] == ["N1", "PE"] and len(segment) > 4}
    practices = select(ProviderCopy.provider).join(LocationCopy, LocationCopy.practice_id == ProviderCopy.provider_id)
    return any(practice.npi in payees or practice.tax_id in payees for practice in session.scalars(practices))


def _addressee(data: bytes) -> str:
    """Return whom the first interchange is addressed to (ISA08), which is the id that we send under."""
    header = next(iter(Tokenizer(data)), [])
    return header[8].strip() if len(header) > 8 else ""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

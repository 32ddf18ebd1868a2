"""Takes in what a clearinghouse left, for whom it belongs to: store first, then apply, and only then put away."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session

from praxis.type.v1 import type_pb2
from praxis_chassis import clock, events
from praxis_chassis.context import context_of, system_context
from praxis_chassis.errors import DomainError
from praxis_chassis.files import files
from praxis_claims.connectors.connector import Arrival, Connector
from praxis_claims.edi.acknowledgments import read_acknowledgments
from praxis_claims.edi.errors import EdiError
from praxis_claims.edi.tokenizer import Tokenizer
from praxis_claims.rules.claim_numbers import LENGTH, normalized
from praxis_claims.store.models import ArrivedFile, Claim, ClaimAttempt, InboundFile, LocationCopy, ProviderCopy
from praxis_claims.usecases import acknowledgments, remittances
from praxis_claims.usecases.submissions import MEDIA_TYPE

NUMBER = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Za-z]{%d}(?![0-9A-Za-z])" % LENGTH)
REMITTANCE = "835"
ACTOR = "claims.fetch_answers"
log = logging.getLogger(__name__)


def fetch(runtime: Any, tenants: Sequence[UUID], connector: Connector) -> None:
    """Let every practice that a file belongs to take it in; then put it away, or set aside what is nobody's.

    A practice that fails does not keep the file from the others, and is asked again at the next tick.
    """
    for arrival in connector.arrivals():
        waiting = _waiting(runtime, tenants, arrival)
        if waiting is None:
            log.warning(
                "a file that belongs to nobody was set aside", extra={"kind": arrival.kind, "file": arrival.name}
            )
            connector.set_aside(arrival)
            continue
        left = [tenant for tenant in waiting if not _taken_by(runtime, tenant, arrival)]
        if left != waiting:
            with _alone(runtime) as session:
                session.execute(update(ArrivedFile).where(*_same(arrival)).values(waiting=left))
        if not left:
            connector.put_away(arrival)


def _waiting(runtime: Any, tenants: Sequence[UUID], arrival: Arrival) -> list[UUID] | None:
    """Return who has still to store a file; nothing when it belongs to nobody. It is judged when it is first seen."""
    with _alone(runtime) as session:
        known = session.scalar(select(ArrivedFile.waiting).where(*_same(arrival)))
    if known is not None:
        return known
    takers = [tenant for tenant in tenants if _belongs_to(runtime, tenant, arrival)]
    if not takers:
        return None
    row = {"kind": arrival.kind, "name": arrival.name, "sha256": _digest(arrival.data), "waiting": takers}
    with _alone(runtime) as session:
        session.execute(insert(ArrivedFile).values(**row, arrive_time=clock.wall()))
    return takers


def _belongs_to(runtime: Any, tenant: UUID, arrival: Arrival) -> bool:
    with runtime.database.transaction(system_context(runtime, tenant, ACTOR)) as session:
        return _stored(session, arrival) or _is_ours(session, arrival)


def _taken_by(runtime: Any, tenant: UUID, arrival: Arrival) -> bool:
    try:
        with runtime.database.transaction(system_context(runtime, tenant, ACTOR)) as session:
            if not _stored(session, arrival):
                _take_in(session, arrival)
                events.store_recorded(session)
    except Exception:
        log.exception("a file could not be taken in", extra={"kind": arrival.kind, "tenant_id": str(tenant)})
        return False
    return True


def _alone(runtime: Any) -> AbstractContextManager[Session]:
    """Open a transaction of no practice, for what the installation keeps about its folder."""
    found: AbstractContextManager[Session] = runtime.database.transaction(system_context(runtime, None, ACTOR))
    return found


def _same(arrival: Arrival) -> tuple[ColumnElement[bool], ...]:
    return (
        ArrivedFile.kind == arrival.kind,
        ArrivedFile.name == arrival.name,
        ArrivedFile.sha256 == _digest(arrival.data),
    )


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

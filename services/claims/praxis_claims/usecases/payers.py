"""Keeps payers, and reads the rules they set for claims."""

from __future__ import annotations

from sqlalchemy import Select, inspect, or_, select
from sqlalchemy.orm import Session

from praxis.claims.v1 import errors_pb2, events_pb2, payer_service_pb2
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_claims.rules.member_ids import pattern_valid
from praxis_claims.store.mappings import PAYER
from praxis_claims.store.models import Payer


def create(session: Session, request: payer_service_pb2.CreatePayerRequest) -> Payer:
    payer: Payer = PAYER.new(request.payer)
    _check(session, payer)
    session.add(payer)
    record(session, events_pb2.PayerCreated, payer)
    return payer


def update(session: Session, request: payer_service_pb2.UpdatePayerRequest) -> Payer:
    payer = fetch(session, Payer, request.payer.id, lock=True, etag=request.payer.etag)
    PAYER.apply(payer, request.payer, request.update_mask.paths)
    _check(session, payer)
    record(session, events_pb2.PayerUpdated, payer)
    return payer


def listed(request: payer_service_pb2.ListPayersRequest) -> Select[Payer]:
    query = select(Payer)
    if not request.include_retired:
        query = query.where(~Payer.retired)
    if request.query:
        part = request.query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        query = query.where(or_(Payer.name.ilike(f"%{part}%"), Payer.electronic_id.ilike(f"{part}%")))
    return query


def _check(session: Session, payer: Payer) -> None:
    if not pattern_valid(payer.member_id_pattern):
        raise invalid("payer.member_id_pattern", "PATTERN_INVALID")
    with session.no_autoflush:
        others = select(Payer.id).where(Payer.id != payer.id) if inspect(payer).persistent else select(Payer.id)
        if session.scalar(others.where(Payer.name == payer.name).limit(1)):
            raise DomainError(errors_pb2.ERROR_REASON_PAYER_NAME_TAKEN, name=payer.name)
        same_id = others.where(Payer.electronic_id == payer.electronic_id, ~Payer.retired)
        if payer.electronic_id and not payer.retired and session.scalar(same_id.limit(1)):
            raise DomainError(errors_pb2.ERROR_REASON_PAYER_ELECTRONIC_ID_TAKEN, electronic_id=payer.electronic_id)

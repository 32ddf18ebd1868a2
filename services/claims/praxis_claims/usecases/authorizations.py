"""Keeps what payers permit in advance."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from praxis.claims.v1 import authorization_pb2, errors_pb2
from praxis.claims.v1 import authorization_service_pb2 as pb
from praxis.claims.v1 import events_pb2 as happened
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date
from praxis_chassis.merging import current, now_of
from praxis_chassis.types import new_id
from praxis_claims.store.authorizations import Authorization
from praxis_claims.store.mappings import AUTHORIZATION
from praxis_claims.store.models import CoverageCopy, PatientCopy, Payer

_ACTIVE = authorization_pb2.AUTHORIZATION_STATE_ACTIVE


def create(session: Session, request: pb.CreateAuthorizationRequest) -> Authorization:
    authorization: Authorization = AUTHORIZATION.new(request.authorization)
    authorization.id, authorization.state = new_id(), _ACTIVE
    fetch(session, Payer, authorization.payer_id)
    _check_patient(session, authorization)
    _check(session, authorization)
    record(session, happened.AuthorizationRecorded, authorization)
    return authorization


def update(session: Session, request: pb.UpdateAuthorizationRequest) -> Authorization:
    said = request.authorization
    authorization = _living(session, said.id, said.etag)
    whose, before = (authorization.patient_id, authorization.payer_id), authorization.units
    AUTHORIZATION.apply(authorization, said, set(request.update_mask.paths))
    if (authorization.patient_id, authorization.payer_id) != whose:
        raise invalid("authorization.patient_id", "AUTHORIZATION_FIXED")
    promised = authorization.units_reserved + authorization.units_used
    if authorization.units < min(promised, before):
        raise invalid("authorization.units", "UNITS_BELOW_PROMISED", promised=promised)
    _check(session, authorization)
    authorization.notice_exhaustion()
    record(session, happened.AuthorizationUpdated, authorization)
    return authorization


def close(session: Session, request: pb.CloseAuthorizationRequest) -> Authorization:
    authorization = _living(session, request.id, request.etag)
    authorization.state = authorization_pb2.AUTHORIZATION_STATE_CLOSED
    record(session, happened.AuthorizationClosed, authorization)
    return authorization


def open_authorization(session: Session, identifier: str) -> Authorization:
    """Load an authorization to reserve of it, unless nothing can be reserved any more."""
    authorization = fetch(session, Authorization, identifier, lock=True)
    if authorization.state != _ACTIVE:
        raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_CLOSED)
    return authorization


def _living(session: Session, identifier: str, etag: str) -> Authorization:
    """Load an authorization for change, unless nothing can happen to it any more."""
    authorization = fetch(session, Authorization, identifier, lock=True, etag=etag)
    if not authorization.usable:
        raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_CLOSED)
    return authorization


def listed(request: pb.ListAuthorizationsRequest) -> Select[Any]:
    query = select(Authorization)
    if request.patient_id:
        query = query.where(Authorization.patient_id == now_of(uuid_of(request.patient_id, "patient_id")))
    if request.payer_id:
        query = query.where(Authorization.payer_id == uuid_of(request.payer_id, "payer_id"))
    if request.appointment_type_id:
        wanted = uuid_of(request.appointment_type_id, "appointment_type_id")
        every = func.cardinality(Authorization.appointment_type_ids) == 0
        query = query.where(or_(every, Authorization.appointment_type_ids.contains([wanted])))
    if day := read_date(request.usable_date, "usable_date"):
        query = query.where(
            Authorization.state == _ACTIVE,
            Authorization.units > Authorization.units_reserved + Authorization.units_used,
            or_(Authorization.from_date.is_(None), Authorization.from_date <= day),
            or_(Authorization.to_date.is_(None), Authorization.to_date > day),
        )
    return query


def _check(session: Session, authorization: Authorization) -> None:
    if authorization.from_date and authorization.to_date and authorization.from_date >= authorization.to_date:
        raise invalid("authorization.to_date", "DATES_REVERSED")
    with session.no_autoflush:
        query = select(Authorization.id).where(
            Authorization.payer_id == authorization.payer_id,
            Authorization.number == authorization.number,
            Authorization.id != authorization.id,
        )
        if session.scalar(query.limit(1)):
            raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_NUMBER_TAKEN)
        _check_coverage(session, authorization)


def _check_coverage(session: Session, authorization: Authorization) -> None:
    if authorization.coverage_id is None:
        return
    coverage = session.get(CoverageCopy, (context_of(session).tenant, authorization.coverage_id))
    if coverage is None or coverage.patient_id != authorization.patient_id:
        raise invalid("authorization.coverage_id", "COVERAGE_OF_ANOTHER")
    if coverage.payer_id != authorization.payer_id:
        raise invalid("authorization.coverage_id", "COVERAGE_BY_ANOTHER_PAYER")


def _check_patient(session: Session, authorization: Authorization) -> None:
    """Take whom the patient was merged into, if he was."""
    authorization.patient_id = current(session, authorization.patient_id)
    patient = session.get(PatientCopy, (context_of(session).tenant, authorization.patient_id))
    if patient is None or patient.erased:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_UNKNOWN, patient_id=authorization.patient_id)

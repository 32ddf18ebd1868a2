"""Keeps the causes for which another insurer than the health plan may be liable."""

from __future__ import annotations

from sqlalchemy.orm import Session

from praxis.patients.v1 import errors_pb2, related_cause_pb2
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import related_cause_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.types import new_id
from praxis_patients.store.causes import RELATED_CAUSE, RelatedCause
from praxis_patients.usecases import contacts
from praxis_patients.usecases.states import open_patient

_OPEN = related_cause_pb2.CAUSE_STATE_OPEN


def create(session: Session, request: pb.CreateRelatedCauseRequest) -> RelatedCause:
    open_patient(session, request.related_cause.patient_id)
    cause: RelatedCause = RELATED_CAUSE.new(request.related_cause)
    cause.id, cause.state = new_id(), _OPEN
    _settle(session, cause)
    record(session, happened.RelatedCauseRecorded, cause)
    return cause


def update(session: Session, request: pb.UpdateRelatedCauseRequest) -> RelatedCause:
    cause = open_cause(session, request.related_cause.id, request.related_cause.etag)
    patient_id = cause.patient_id
    RELATED_CAUSE.apply(cause, request.related_cause, set(request.update_mask.paths))
    if cause.patient_id != patient_id:
        raise invalid("related_cause.patient_id", "CAUSE_PATIENT_FIXED")
    _settle(session, cause)
    record(session, happened.RelatedCauseUpdated, cause)
    return cause


def close(session: Session, request: pb.CloseRelatedCauseRequest) -> RelatedCause:
    cause = open_cause(session, request.id, request.etag)
    cause.state = related_cause_pb2.CAUSE_STATE_CLOSED
    record(session, happened.RelatedCauseUpdated, cause)
    return cause


def open_cause(session: Session, identifier: str, etag: str = "") -> RelatedCause:
    cause = fetch(session, RelatedCause, identifier, lock=True, etag=etag)
    if cause.state != _OPEN:
        raise DomainError(errors_pb2.ERROR_REASON_CAUSE_CLOSED)
    return cause


def _settle(session: Session, cause: RelatedCause) -> None:
    path = "related_cause"
    if cause.accident_date > contacts.today(session):
        raise invalid(f"{path}.accident_date", "ACCIDENT_IN_FUTURE", date=cause.accident_date)
    if cause.kind == related_cause_pb2.CAUSE_KIND_AUTO_ACCIDENT and not cause.accident_state_code:
        raise invalid(f"{path}.accident_state_code", "ACCIDENT_STATE_REQUIRED")
    cause.adjuster_phone = contacts.phone(session, cause.adjuster_phone, f"{path}.adjuster_phone")

"""Keeps who pays for a patient besides the responsible parties."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from praxis.patients.v1 import coverage_pb2, errors_pb2, related_cause_pb2
from praxis.patients.v1 import coverage_service_pb2 as pb
from praxis.patients.v1 import events_pb2 as happened
from praxis_chassis import merging
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date
from praxis_chassis.types import new_id
from praxis_patients.store.causes import RelatedCause
from praxis_patients.store.copies import PayerCopy
from praxis_patients.store.mappings import COVERAGE
from praxis_patients.store.models import Coverage, Patient
from praxis_patients.usecases import contacts
from praxis_patients.usecases.parties import open_party
from praxis_patients.usecases.states import open_patient

_AMOUNTS = {"copay": "COPAY", "deductible": "AMOUNT", "annual_limit": "AMOUNT"}
_SELF = coverage_pb2.SUBSCRIBER_RELATIONSHIP_SELF


def add(session: Session, request: pb.CreateCoverageRequest) -> Coverage:
    patient = open_patient(session, str(merging.current(session, uuid_of(request.coverage.patient_id))))
    coverage: Coverage = COVERAGE.new(request.coverage)
    coverage.patient_id = patient.id
    coverage.id, coverage.state = new_id(), coverage_pb2.COVERAGE_STATE_ACTIVE
    _settle(session, coverage, patient)
    record(session, happened.CoverageAdded, coverage)
    return coverage


def update(session: Session, request: pb.UpdateCoverageRequest) -> Coverage:
    coverage = open_coverage(session, request.coverage.id, request.coverage.etag)
    patient = open_patient(session, str(coverage.patient_id))
    COVERAGE.apply(coverage, request.coverage, set(request.update_mask.paths))
    if coverage.patient_id != patient.id:
        raise invalid("coverage.patient_id", "COVERAGE_PATIENT_FIXED")
    _settle(session, coverage, patient)
    record(session, happened.CoverageChanged, coverage)
    return coverage


def end(session: Session, request: pb.EndCoverageRequest) -> Coverage:
    coverage = open_coverage(session, request.id, request.etag)
    coverage.to_date = read_date(request.to_date, "to_date") or contacts.today(session)
    _check_dates(coverage, "to_date")
    coverage.state = coverage_pb2.COVERAGE_STATE_ENDED
    record(session, happened.CoverageEnded, coverage)
    return coverage


def open_coverage(session: Session, identifier: str, etag: str) -> Coverage:
    """Load a coverage that can still be changed."""
    coverage = fetch(session, Coverage, identifier, lock=True, etag=etag)
    if coverage.state != coverage_pb2.COVERAGE_STATE_ACTIVE:
        raise DomainError(errors_pb2.ERROR_REASON_COVERAGE_CLOSED)
    return coverage


def keep_payer(session: Session, payer_id: UUID) -> None:
    """Note that there is a payer."""
    session.merge(PayerCopy(tenant_id=context_of(session).tenant, id=payer_id))


def _settle(session: Session, coverage: Coverage, patient: Patient) -> None:
    """Check payer and dates and complete the subscriber; the database has the last word on ranks."""
    _check_payer(session, coverage)
    _check_dates(coverage, "coverage.to_date")
    _check_amounts(session, coverage)
    _check_cause(session, coverage)
    if coverage.kind == coverage_pb2.COVERAGE_KIND_PET and patient.human is not None:
        raise invalid("coverage.kind", "PET_COVERAGE_OF_PERSON")
    if coverage.subscriber_relationship == _SELF:
        if patient.party_id is None:
            raise invalid("coverage.subscriber_relationship", "SUBSCRIBER_SELF_NOT_POSSIBLE")
        if coverage.subscriber_party_id not in {None, patient.party_id}:
            raise invalid("coverage.subscriber_party_id", "SUBSCRIBER_NOT_SELF")
        coverage.subscriber_party_id = patient.party_id
        return
    if coverage.subscriber_party_id is None:
        raise invalid("coverage.subscriber_party_id", "SUBSCRIBER_REQUIRED")
    open_party(session, coverage.subscriber_party_id)


def _check_amounts(session: Session, coverage: Coverage) -> None:
    currency = contacts.currency(session)
    for name, reason in _AMOUNTS.items():
        amount = getattr(coverage, name)
        if amount is not None and amount.minor < 0:
            raise invalid(f"coverage.{name}.amount", f"{reason}_NEGATIVE")
        if amount is not None and currency and amount.currency != currency:
            raise invalid(f"coverage.{name}.currency_code", f"{reason}_CURRENCY", currency=currency)


def _check_payer(session: Session, coverage: Coverage) -> None:
    """Refuse a payer that nobody has told of, when it is named first; what was kept before stays."""
    if not inspect(coverage).attrs.payer_id.history.has_changes():
        return
    with session.no_autoflush:
        if session.get(PayerCopy, (context_of(session).tenant, coverage.payer_id)) is None:
            raise DomainError(errors_pb2.ERROR_REASON_PAYER_UNKNOWN, payer_id=coverage.payer_id)


def _check_cause(session: Session, coverage: Coverage) -> None:
    """See that what the coverage pays for happened to its patient."""
    if coverage.related_cause_id is None:
        return
    cause = fetch(session, RelatedCause, coverage.related_cause_id)
    if cause.patient_id != coverage.patient_id or cause.state == related_cause_pb2.CAUSE_STATE_ERASED:
        raise invalid("coverage.related_cause_id", "CAUSE_OF_ANOTHER")


def _check_dates(coverage: Coverage, path: str) -> None:
    if coverage.from_date and coverage.to_date and coverage.from_date >= coverage.to_date:
        raise invalid(path, "DATES_REVERSED")

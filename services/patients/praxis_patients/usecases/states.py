"""Says what became of a patient."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from praxis.patients.v1 import errors_pb2, patient_pb2
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis.database import enum_words, fetch
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date
from praxis_patients.rules import lifecycle
from praxis_patients.rules.lifecycle import Change
from praxis_patients.store.models import Patient
from praxis_patients.usecases import contacts

_WORDS, _NUMBERS = enum_words(patient_pb2.PatientState)


def open_patient(session: Session, identifier: str, etag: str = "") -> Patient:
    """Load a patient for change, unless he was merged or erased."""
    patient = fetch(session, Patient, identifier, lock=True, etag=etag)
    if _WORDS[patient.state] in lifecycle.CLOSED:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_CLOSED, state=_WORDS[patient.state])
    return patient


def deactivate(session: Session, request: pb.DeactivatePatientRequest) -> Patient:
    return _move(session, open_patient(session, request.id, request.etag), Change.DEACTIVATE)


def reactivate(session: Session, request: pb.ReactivatePatientRequest) -> Patient:
    patient = open_patient(session, request.id, request.etag)
    patient.deceased_date = None
    return _move(session, patient, Change.REACTIVATE)


def mark_deceased(session: Session, request: pb.MarkPatientDeceasedRequest) -> Patient:
    patient = open_patient(session, request.id, request.etag)
    today = contacts.today(session)
    day = read_date(request.deceased_date, "deceased_date") or today
    if day > today:
        raise invalid("deceased_date", "DECEASED_DATE_IN_FUTURE", date=day)
    if (born := _birth_date(patient)) and day < born:
        raise invalid("deceased_date", "DECEASED_BEFORE_BIRTH", date=day)
    patient.deceased_date = day
    return _move(session, patient, Change.DECEASE)


def _move(session: Session, patient: Patient, change: Change) -> Patient:
    before = patient.state
    patient.state = state_after(patient, change)
    record(session, happened.PatientUpdated, patient, previous_state=before)
    return patient


def state_after(patient: Patient, change: Change) -> int:
    after = lifecycle.next_state(_WORDS[patient.state], change)
    if after is None:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_STATE, state=_WORDS[patient.state], change=change.value)
    return _NUMBERS[after]


def _birth_date(patient: Patient) -> date | None:
    profile = patient.human or patient.animal
    return date.fromisoformat(profile.birth_date) if profile is not None and profile.birth_date else None

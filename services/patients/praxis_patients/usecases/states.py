"""Says what became of a patient."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.patients.v1 import errors_pb2, patient_pb2
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis.database import check_etag, enum_words, fetch
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date
from praxis_patients.rules import lifecycle
from praxis_patients.rules.lifecycle import Change
from praxis_patients.store.models import Patient
from praxis_patients.usecases import contacts, tasks

_WORDS, _NUMBERS = enum_words(patient_pb2.PatientState)


def open_patient(session: Session, identifier: str, etag: str = "") -> Patient:
    """Load a patient for change, unless he was merged or erased."""
    patient = fetch(session, Patient, identifier, lock=True, etag="")
    if patient.survivor_id is not None:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_MERGED, survivor_id=patient.survivor_id)
    check_etag(patient, etag, "patient")
    if _WORDS[patient.state] in lifecycle.CLOSED:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_CLOSED, state=_WORDS[patient.state])
    return patient


def deactivate(session: Session, request: pb.DeactivatePatientRequest) -> Patient:
    return _move(session, open_patient(session, request.id, request.etag), Change.DEACTIVATE)


def reactivate(session: Session, request: pb.ReactivatePatientRequest) -> Patient:
    """Take a patient back, and take back what the death or the transfer had set."""
    patient = open_patient(session, request.id, request.etag)
    if patient.deceased_date is not None:
        patient.statements_held = False
    patient.deceased_date = patient.transferred_date = None
    patient.transferred_to = ""
    tasks.drop(session, patient, tasks.CONDOLENCE)
    return _move(session, patient, Change.REACTIVATE)


def transfer(session: Session, request: pb.TransferPatientRequest) -> Patient:
    """Note that another practice treats a patient from a day on."""
    patient = open_patient(session, request.id, request.etag)
    today = contacts.today(session)
    day = read_date(request.transferred_date, "transferred_date") or today
    if day > today:
        raise invalid("transferred_date", "TRANSFERRED_DATE_IN_FUTURE", date=day)
    if (born := birth_date(patient)) and day < born:
        raise invalid("transferred_date", "TRANSFERRED_BEFORE_BIRTH", date=day)
    patient.transferred_date, patient.transferred_to = day, request.transferred_to
    return _move(session, patient, Change.TRANSFER)


def mark_deceased(session: Session, request: pb.MarkPatientDeceasedRequest) -> Patient:
    patient = open_patient(session, request.id, request.etag)
    today = contacts.today(session)
    day = read_date(request.deceased_date, "deceased_date") or today
    if day > today:
        raise invalid("deceased_date", "DECEASED_DATE_IN_FUTURE", date=day)
    if (born := birth_date(patient)) and day < born:
        raise invalid("deceased_date", "DECEASED_BEFORE_BIRTH", date=day)
    patient.deceased_date = day
    if request.statements == pb.STATEMENT_RULE_HOLD or (not request.statements and patient.human is not None):
        patient.statements_held = True
    dead = _move(session, patient, Change.DECEASE)
    wanted = request.condolence_letter if request.HasField("condolence_letter") else patient.human is None
    if wanted:
        tasks.open_once(session, patient, tasks.CONDOLENCE, _addressee(patient, day))
    return dead


def _addressee(patient: Patient, day: date) -> UUID | None:
    """Return who a letter about a patient goes to: the party that pays most of the day's bills."""
    rows = [row for row in patient.responsibilities if row.share.covers(day) and row.party_id != patient.party_id]
    return max(rows, key=lambda row: row.share_basis_points).party_id if rows else None


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


def birth_date(patient: Patient) -> date | None:
    profile = patient.human or patient.animal
    return date.fromisoformat(profile.birth_date) if profile is not None and profile.birth_date else None

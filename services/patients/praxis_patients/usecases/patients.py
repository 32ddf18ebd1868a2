"""Registers patients and changes their records."""

from __future__ import annotations

from sqlalchemy.orm import Session

from praxis.patients.v1 import errors_pb2, patient_pb2
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.numbers import next_number
from praxis_chassis.types import new_id
from praxis_patients.rules import matching
from praxis_patients.store import queries
from praxis_patients.store.mappings import PATIENT
from praxis_patients.store.models import Patient
from praxis_patients.usecases import custom_fields, duplicates, keys, measurements, parties, profiles, responsibilities
from praxis_patients.usecases.states import open_patient

_FIRST_CHART_NUMBER = 1001


def register(session: Session, request: pb.RegisterPatientRequest) -> pb.RegisterPatientResponse:
    """Register a patient; likely duplicates are told, never refused."""
    said = request.patient
    patient: Patient = PATIENT.new(said)
    patient.id, patient.state = new_id(), patient_pb2.PATIENT_STATE_ACTIVE
    warnings = profiles.settle(session, patient, said)
    custom_fields.check(session, patient)
    _check_references(session, patient)
    # Whoever registers meanwhile waits from here on. It comes before any party is locked, so that no ring forms,
    # and before alike ones are looked for, so that two who register the same person at once find each other.
    patient.chart_number = str(next_number(session, "chart_number", start=_FIRST_CHART_NUMBER))
    if patient.human is not None:
        patient.party_id = parties.own_party(session, patient, profiles.wanted_party(said)).id
    responsibilities.register(session, patient, said.responsibilities)
    record(session, happened.PatientRegistered, patient)
    keys.index_patient(session, patient)
    measurements.note_head_count(session, patient)
    warnings += profiles.shared_chips(session, patient)
    likely, _ = duplicates.refresh(session, patient, known=False)
    return pb.RegisterPatientResponse(
        patient=PATIENT.message(patient),
        possible_duplicates=[_possible(other, match) for other, match in likely],
        warnings=warnings,
    )


def update(session: Session, request: pb.UpdatePatientRequest) -> patient_pb2.Patient:
    """Change a record; what should be looked at stands in the reply only."""
    patient = open_patient(session, request.patient.id, request.patient.etag)
    kind, paths = patient.kind, list(request.update_mask.paths)
    compared = keys.record_of(patient)
    _refuse_fixed(patient, request.patient, paths)
    PATIENT.apply(patient, request.patient, paths)
    if patient.kind != kind:
        raise DomainError(errors_pb2.ERROR_REASON_PROFILE_FIXED, kind=kind)
    warnings = profiles.settle(session, patient, request.patient)
    if "custom_fields" in paths or request.patient.custom_fields:
        custom_fields.check(session, patient)
    _check_references(session, patient)
    record(session, happened.PatientUpdated, patient, previous_state=patient.state)
    parties.refresh_own_party(session, patient)
    keys.index_patient(session, patient)
    measurements.note_head_count(session, patient)
    if keys.record_of(patient) != compared:
        duplicates.refresh(session, patient)
    changed = PATIENT.message(patient)
    changed.warnings.extend([*warnings, *profiles.shared_chips(session, patient)])
    return changed


def _refuse_fixed(patient: Patient, said: patient_pb2.Patient, paths: list[str]) -> None:
    profile = said.WhichOneof("profile")
    if profile is not None and profile != patient.kind:
        raise DomainError(errors_pb2.ERROR_REASON_PROFILE_FIXED, kind=patient.kind)
    if "responsibilities" in paths or (not paths and said.responsibilities):
        raise DomainError(errors_pb2.ERROR_REASON_RESPONSIBILITIES_FIXED)


def _check_references(session: Session, patient: Patient) -> None:
    with session.no_autoflush:
        for row in patient.references:
            owner = queries.owner_of_reference(session, row.system, row.value)
            if owner not in {None, patient.id}:
                raise DomainError(errors_pb2.ERROR_REASON_EXTERNAL_REFERENCE_TAKEN, system=row.system, patient_id=owner)


def _possible(other: Patient, match: matching.Match) -> pb.PossibleDuplicate:
    profile = other.human or other.animal
    return pb.PossibleDuplicate(
        patient_id=str(other.id),
        chart_number=other.chart_number,
        display_name=other.display_name,
        birth_date=profile.birth_date if profile is not None else "",
        score=match.score,
        reasons=[pb.MatchReason.Value(f"MATCH_REASON_{reason.name}") for reason in dict.fromkeys(match.reasons)],
        maybe_relatives=match.maybe_relatives,
    )

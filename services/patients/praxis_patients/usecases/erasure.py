"""Erases a patient: what says who he was goes, what the money and the law need stays."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from praxis.patients.v1 import errors_pb2, party_pb2, patient_pb2
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_patients.rules.lifecycle import Change
from praxis_patients.store import queries
from praxis_patients.store.models import Party, Patient
from praxis_patients.usecases import alerts, contact_preferences, duplicates, households, keys, measurements, referrals
from praxis_patients.usecases.states import state_after


def erase(session: Session, request: pb.ErasePatientRequest) -> Patient:
    """Erase a patient, whomever he absorbed, their coverages, and the parties that serve nobody else."""
    patient = fetch(session, Patient, request.id, lock=True, etag=request.etag)
    if patient.state == patient_pb2.PATIENT_STATE_MERGED:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_MERGED, survivor_id=patient.survivor_id)
    erased = _erase(session, patient)
    for merge in queries.merges_of(session, patient.id):
        merge.reason = merge.reversal_reason = ""
    for absorbed in queries.absorbed_by(session, patient.id):
        _erase(session, absorbed)
    session.flush()
    return erased


def _erase(session: Session, patient: Patient) -> Patient:
    state_after(patient, Change.ERASE)
    coverages = queries.coverages_of(session, patient.id)
    parties = {row.party_id for row in patient.responsibilities} | {row.subscriber_party_id for row in coverages}
    if patient.party_id is not None:
        parties.add(patient.party_id)
    for coverage in coverages:
        coverage.blank()
        record(session, happened.CoverageErased, coverage, coverage_id=coverage.id, patient_id=patient.id)
    for cause in queries.causes_of(session, patient.id):
        cause.blank()
    patient.blank()
    keys.forget_patient(session, patient)
    measurements.forget(session, patient)
    alerts.forget(session, patient)
    duplicates.forget(session, patient)
    referrals.forget(session, patient)
    record(session, happened.PatientErased, patient, patient_id=patient.id)
    for party_id in sorted(parties):
        _erase_party(session, party_id, patient.id)
    return patient


def erase_again(session: Session, patient_id: UUID) -> None:
    """Erase a patient whom a restore brought back; nobody, and who is erased already, is left as he is."""
    patient = session.get(Patient, (context_of(session).tenant, patient_id))
    if patient is not None and patient.state != patient_pb2.PATIENT_STATE_ERASED:
        _erase(session, patient)
        session.flush()


def _erase_party(session: Session, party_id: UUID, patient_id: UUID) -> None:
    party = fetch(session, Party, party_id, lock=True)
    if party.state == party_pb2.PARTY_STATE_ERASED:
        return
    if queries.party_serves_others(session, party_id, patient_id):
        _set_free(session, party, patient_id)
        return
    party.blank()
    keys.forget_party(session, party)
    contact_preferences.forget(session, party)
    households.forget(session, party)
    record(session, happened.PartyErased, party, party_id=party.id)


def _set_free(session: Session, party: Party, patient_id: UUID) -> None:
    """Part a party that others still need from the patient's record that it followed, with what only that needed."""
    if party.patient_id == patient_id:
        party.patient_id = None
        party.person = party_pb2.Person(name=party.person.name) if party.person else None
        keys.index_party(session, party)
        record(session, happened.PartyUpdated, party)

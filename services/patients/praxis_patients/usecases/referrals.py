"""Keeps who sent patients here, and counts the visits that a referral allows."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from praxis.patients.v1 import errors_pb2, referral_pb2
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import referral_service_pb2 as pb
from praxis.scheduling.v1 import appointment_pb2
from praxis_chassis import merging
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid, not_found
from praxis_chassis.events import record
from praxis_chassis.mapping import moment
from praxis_chassis.types import new_id
from praxis_patients.store import queries
from praxis_patients.store.copies import CompletedAppointment
from praxis_patients.store.models import Location, Patient, Practitioner, Referrer
from praxis_patients.store.referrals import REFERRAL, Referral, ReferralVisit
from praxis_patients.usecases.states import open_patient

_OPEN = referral_pb2.REFERRAL_STATE_OPEN


def create(session: Session, request: pb.CreateReferralRequest) -> Referral:
    said = request.referral
    patient = open_patient(session, str(merging.current(session, uuid_of(said.patient_id))))
    referral: Referral = REFERRAL.new(said)
    referral.id, referral.state, referral.visits_used = new_id(), _OPEN, 0
    referral.patient_id = patient.id
    _check(session, referral)
    record(session, happened.ReferralCreated, referral)
    return referral


def update(session: Session, request: pb.UpdateReferralRequest) -> Referral:
    referral = _open_referral(session, request.referral.id, request.referral.etag)
    patient_id = referral.patient_id
    REFERRAL.apply(referral, request.referral, set(request.update_mask.paths))
    if referral.patient_id != patient_id:
        raise invalid("referral.patient_id", "REFERRAL_PATIENT_FIXED")
    _check(session, referral)
    record(session, happened.ReferralUpdated, referral)
    return referral


def record_visit(session: Session, request: pb.RecordReferralVisitRequest) -> Referral:
    """Count a visit once for its appointment, also when the referral was closed or used up since."""
    referral = fetch(session, Referral, request.id, lock=True)
    appointment_id = uuid_of(request.appointment_id, "appointment_id")
    if session.get(ReferralVisit, (context_of(session).tenant, referral.id, appointment_id)) is not None:
        return referral
    referral = _open_referral(session, request.id, request.etag)
    seen = session.get(CompletedAppointment, (context_of(session).tenant, appointment_id))
    if seen is None or seen.patient_id != referral.patient_id:
        raise DomainError(errors_pb2.ERROR_REASON_APPOINTMENT_NOT_COMPLETED, appointment_id=appointment_id)
    if not referral.counts_on(seen.visit_date):
        raise invalid("appointment_id", "VISIT_OUTSIDE_REFERRAL", date=seen.visit_date)
    if referral.is_used_up:
        raise DomainError(errors_pb2.ERROR_REASON_REFERRAL_USED_UP, visits_allowed=referral.visits_allowed)
    referral.visits_used += 1
    session.add(ReferralVisit(referral_id=referral.id, appointment_id=appointment_id))
    record(session, happened.ReferralUpdated, referral)
    return referral


def remove_visit(session: Session, request: pb.RemoveReferralVisitRequest) -> Referral:
    """Count an appointment no more, whatever has become of the referral since; another may be counted in its place."""
    referral = fetch(session, Referral, request.id, lock=True, etag=request.etag)
    key = (context_of(session).tenant, referral.id, uuid_of(request.appointment_id, "appointment_id"))
    counted = session.get(ReferralVisit, key)
    if counted is None:
        raise not_found("visit on this referral", request.appointment_id)
    session.delete(counted)
    referral.visits_used -= 1
    record(session, happened.ReferralUpdated, referral)
    return referral


def keep_completed(session: Session, appointment: appointment_pb2.Appointment) -> None:
    """Note that an appointment was completed, and on which day of its location."""
    location = session.get(Location, (context_of(session).tenant, UUID(appointment.location_id)))
    zone = ZoneInfo(location.time_zone if location else queries.first_time_zone(session))
    session.merge(
        CompletedAppointment(
            tenant_id=context_of(session).tenant,
            id=UUID(appointment.id),
            patient_id=UUID(appointment.patient_id),
            visit_date=moment(appointment.start_time).astimezone(zone).date(),
        )
    )


def close(session: Session, request: pb.CloseReferralRequest) -> Referral:
    referral = _open_referral(session, request.id, request.etag)
    referral.state = referral_pb2.REFERRAL_STATE_CLOSED
    record(session, happened.ReferralClosed, referral)
    return referral


def wanted(request: pb.ListReferralsRequest) -> Select[Any]:
    query = select(Referral)
    if request.patient_id:
        query = query.where(Referral.patient_id == merging.now_of(uuid_of(request.patient_id, "patient_id")))
    if request.referrer_id:
        query = query.where(Referral.referrer_id == uuid_of(request.referrer_id, "referrer_id"))
    return query.where(Referral.state.in_(request.states)) if request.states else query


def forget(session: Session, patient: Patient) -> None:
    """Blank the referrals of a patient who is erased."""
    for referral in queries.referrals_of(session, patient.id):
        referral.blank()


def _open_referral(session: Session, identifier: str, etag: str) -> Referral:
    referral = fetch(session, Referral, identifier, lock=True, etag=etag)
    if referral.state != _OPEN:
        raise DomainError(errors_pb2.ERROR_REASON_REFERRAL_CLOSED)
    return referral


def _check(session: Session, referral: Referral) -> None:
    """Refuse what cannot be; first what the database would refuse too, and without saying what to do."""
    if referral.visits_allowed is not None and referral.visits_allowed < referral.visits_used:
        raise invalid("referral.visits_allowed", "VISITS_ALLOWED_TOO_FEW", used=referral.visits_used)
    fetch(session, Referrer, referral.referrer_id)
    if referral.practitioner_id is not None:
        fetch(session, Practitioner, referral.practitioner_id)
    first, last = referral.from_date, referral.to_date
    if first is not None and last is not None and last <= first:
        raise invalid("referral.to_date", "DATES_REVERSED")

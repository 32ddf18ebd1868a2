"""Keeps what patients agreed to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session, aliased

from praxis.patients.v1 import consent_pb2
from praxis.patients.v1 import consent_service_pb2 as pb
from praxis.patients.v1 import events_pb2 as happened
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import invalid
from praxis_chassis.events import record
from praxis_patients.store.consents import CONSENT, Consent
from praxis_patients.store.models import Patient
from praxis_patients.usecases import contacts
from praxis_patients.usecases.states import open_patient

_GIVEN = consent_pb2.CONSENT_DECISION_GIVEN


def say(session: Session, request: pb.CreateConsentRequest) -> Consent:
    """Write down what was said, by the patient's row lock one after the other."""
    patient = open_patient(session, request.consent.patient_id)
    consent: Consent = CONSENT.new(request.consent)
    consent.recorded_by = str(context_of(session).actor)
    _check(session, consent, patient)
    record(session, happened.ConsentChanged, consent)
    session.flush()
    _judge(session, [consent])
    return consent


def listed(session: Session, request: pb.ListConsentsRequest) -> Select[Any]:
    patient = fetch(session, Patient, uuid_of(request.patient_id, "patient_id"))
    query = select(Consent).where(Consent.patient_id == patient.id)
    return query.where(Consent.id.in_(_last_words(patient.id))) if request.latest else query


def shown(session: Session, consents: list[Consent]) -> list[consent_pb2.Consent]:
    """Return consents, saying of each whether it counts today."""
    _judge(session, consents)
    return [CONSENT.message(consent) for consent in consents]


def _judge(session: Session, consents: Iterable[Consent]) -> None:
    today = contacts.today(session)
    for consent in consents:
        last = session.scalar(_last_words(consent.patient_id).where(Consent.kind == consent.kind)) == consent.id
        alive = consent.expire_date is None or consent.expire_date > today
        consent.in_force = last and alive and consent.decision == _GIVEN


def _last_words(patient_id: Any) -> Select[Any]:
    """Return the ids of the last consent of each kind; ids grow with time."""
    later = aliased(Consent)
    after = exists().where(later.patient_id == patient_id, later.kind == Consent.kind, later.id > Consent.id)
    return select(Consent.id).where(Consent.patient_id == patient_id, ~after)


def _check(session: Session, consent: Consent, patient: Patient) -> None:
    today = contacts.today(session)
    if consent.expire_date is not None and consent.expire_date <= today:
        raise invalid("consent.expire_date", "CONSENT_EXPIRED", date=consent.expire_date)
    deciders = {row.party_id for row in patient.responsibilities if row.may_consent}
    if consent.party_id not in deciders | {patient.party_id}:
        raise invalid("consent.party_id", "MAY_NOT_CONSENT")

"""Named questions to the tables of patients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, desc, exists, func, or_, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from praxis.patients.v1 import merge_pb2, patient_pb2
from praxis_chassis.merging import all_within
from praxis_patients.rules import matching
from praxis_patients.rules.search import Purpose
from praxis_patients.store.causes import RelatedCause
from praxis_patients.store.merges import PatientMerge
from praxis_patients.store.models import (
    Coverage,
    Location,
    Party,
    Patient,
    PatientKey,
    PatientReference,
    Practice,
    Responsibility,
)
from praxis_patients.store.referrals import Referral

HIDDEN = (patient_pb2.PATIENT_STATE_MERGED, patient_pb2.PATIENT_STATE_ERASED)
MOST_CANDIDATES = 100


def first_practice(session: Session) -> Practice | None:
    return session.scalars(select(Practice).order_by(Practice.create_time, Practice.id).limit(1)).first()


def first_time_zone(session: Session) -> str:
    """Return the zone of the oldest location, whose day counts where none is named; UTC before there is one."""
    oldest = select(Location.time_zone).order_by(Location.create_time, Location.id).limit(1)
    return session.scalars(oldest).first() or "UTC"


def answered_by(party_id: UUID) -> ColumnElement[bool]:
    """Return the condition that a party answers for a patient, at any time."""
    return exists().where(Responsibility.patient_id == Patient.id, Responsibility.party_id == party_id)


def compartment(party_id: UUID, day: date) -> Select[UUID]:
    """Return the query of a party's own patient, and of those whom it answers for on a day and may be told about."""
    answers = exists().where(
        Responsibility.patient_id == Patient.id,
        Responsibility.party_id == party_id,
        Responsibility.may_be_informed,
        or_(Responsibility.from_date.is_(None), Responsibility.from_date <= day),
        or_(Responsibility.to_date.is_(None), Responsibility.to_date > day),
    )
    return select(Patient.id).where(or_(Patient.party_id == party_id, answers), Patient.state.not_in(HIDDEN))


def referenced(system: str, value: str) -> ColumnElement[bool]:
    """Return the condition that another system knows a patient, by one number or by any."""
    found = select(PatientReference.patient_id).where(PatientReference.system == system)
    return Patient.id.in_(found.where(PatientReference.value == value) if value else found)


def owner_of_reference(session: Session, system: str, value: str) -> UUID | None:
    query = select(PatientReference.patient_id)
    return session.scalars(query.where(PatientReference.system == system, PatientReference.value == value)).first()


def candidates(session: Session, patient_id: UUID, blocks: Iterable[str]) -> Sequence[Patient]:
    """Return other patients that share blocking keys: those that share a number of their own first, then most keys.

    What follows after the first ones has a single common key, such as a birth date, and is in all likelihood another.
    """
    strong = func.bool_or(or_(*(PatientKey.value.startswith(prefix) for prefix in matching.STRONG_KEYS)))
    shared = (
        select(PatientKey.patient_id.label("id"), strong.label("strong"), func.count().label("number"))
        .join(Patient, Patient.id == PatientKey.patient_id)
        .where(
            PatientKey.purpose == Purpose.BLOCK.value,
            PatientKey.value.in_(list(blocks)),
            PatientKey.patient_id != patient_id,
            Patient.state.not_in(HIDDEN),
        )
        .group_by(PatientKey.patient_id)
        .order_by(desc("strong"), desc("number"), PatientKey.patient_id)
        .limit(MOST_CANDIDATES)
        .subquery()
    )
    return session.scalars(select(Patient).join(shared, shared.c.id == Patient.id).order_by(Patient.id)).all()


def others_with_chips(session: Session, patient_id: UUID, chips: Iterable[str]) -> list[tuple[str, Patient]]:
    """Return the other patients that have one of the microchips, with that microchip."""
    query = (
        select(PatientKey.value, Patient)
        .join(Patient, and_(Patient.tenant_id == PatientKey.tenant_id, Patient.id == PatientKey.patient_id))
        .where(
            PatientKey.purpose == Purpose.MICROCHIP.value,
            PatientKey.value.in_(list(chips)),
            PatientKey.patient_id != patient_id,
            Patient.state.not_in(HIDDEN),
        )
    )
    return [(value, patient) for value, patient in session.execute(query.order_by(PatientKey.value, Patient.id))]


def patients_of_party(session: Session, party_id: UUID) -> Sequence[Patient]:
    """Return the patients that a party answers for, at any time, and that can still change."""
    query = select(Patient).where(answered_by(party_id), Patient.state.not_in(HIDDEN))
    return session.scalars(query.order_by(Patient.id)).all()


def absorbed_by(session: Session, patient_id: UUID) -> Sequence[Patient]:
    """Return everybody who is this patient now, the absorbed of the absorbed included."""
    within = select(Patient).where(Patient.id.in_(all_within(patient_id)), Patient.id != patient_id)
    return session.scalars(within.order_by(Patient.id)).all()


def absorbed_by_each(session: Session, patient_ids: Iterable[UUID]) -> list[tuple[UUID, Patient]]:
    """Return whom several patients absorbed, with the survivor of each, the absorbed of the absorbed included."""
    found: list[tuple[UUID, Patient]] = []
    survivors = {patient_id: patient_id for patient_id in patient_ids}
    while survivors:
        same = and_(Patient.tenant_id == PatientMerge.tenant_id, Patient.id == PatientMerge.absorbed_id)
        query = select(PatientMerge.survivor_id, Patient).join(Patient, same)
        holds = PatientMerge.state == merge_pb2.MERGE_STATE_MERGED
        rows = session.execute(query.where(PatientMerge.survivor_id.in_(survivors), holds)).all()
        found += [(survivors[survivor_id], absorbed) for survivor_id, absorbed in rows]
        survivors = {absorbed.id: survivors[survivor_id] for survivor_id, absorbed in rows}
    return found


def present(session: Session, ids: Iterable[UUID]) -> Sequence[Patient]:
    """Return those of several patients who were neither merged nor erased."""
    return session.scalars(select(Patient).where(Patient.id.in_(list(ids)), Patient.state.not_in(HIDDEN))).all()


def patients_by_id(session: Session, ids: Iterable[UUID]) -> Sequence[Patient]:
    return session.scalars(select(Patient).where(Patient.id.in_(list(ids)))).all()


def merges_of(session: Session, patient_id: UUID) -> Sequence[PatientMerge]:
    """Return the merges of a patient and of everybody whom he absorbed."""
    within = all_within(patient_id)
    return session.scalars(select(PatientMerge).where(PatientMerge.survivor_id.in_(within))).all()


def parties(session: Session, ids: Iterable[UUID]) -> dict[UUID, Party]:
    return {party.id: party for party in session.scalars(select(Party).where(Party.id.in_(list(ids))))}


def coverages_of(session: Session, patient_id: UUID) -> Sequence[Coverage]:
    return session.scalars(select(Coverage).where(Coverage.patient_id == patient_id).order_by(Coverage.rank)).all()


def causes_of(session: Session, patient_id: UUID) -> Sequence[RelatedCause]:
    return session.scalars(select(RelatedCause).where(RelatedCause.patient_id == patient_id)).all()


def referrals_of(session: Session, patient_id: UUID) -> Sequence[Referral]:
    return session.scalars(select(Referral).where(Referral.patient_id == patient_id)).all()


_PROFILES = (Patient.animal, Patient.animal_group)


def _kept_at(profile: Any, party_id: UUID) -> ColumnElement[bool]:
    kept: ColumnElement[bool] = type_coerce(profile, JSONB)["kept_at_party_id"].astext == str(party_id)
    return kept


def party_serves_others(session: Session, party_id: UUID, patient_id: UUID) -> bool:
    """Tell whether a party answers for, insures, keeps or is another patient than this one."""
    open_patients = Patient.state != patient_pb2.PATIENT_STATE_ERASED
    others = [
        exists().where(
            Responsibility.party_id == party_id,
            Responsibility.patient_id != patient_id,
            Responsibility.patient_id == Patient.id,
            open_patients,
        ),
        exists().where(
            Coverage.subscriber_party_id == party_id,
            Coverage.patient_id != patient_id,
            Coverage.patient_id == Patient.id,
            open_patients,
        ),
        exists().where(Patient.party_id == party_id, Patient.id != patient_id, open_patients),
        exists().where(or_(*(_kept_at(column, party_id) for column in _PROFILES)), Patient.id != patient_id),
    ]
    return bool(session.execute(select(or_(*others))).scalar())

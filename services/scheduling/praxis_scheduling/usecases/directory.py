"""Copies of patients, locations and practitioners: taken from events, looked up for bookings, blanked on erasure."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from praxis.patients.v1 import patient_pb2, practice_pb2
from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2, errors_pb2
from praxis_chassis.context import context_of
from praxis_chassis.database import uuid_of
from praxis_chassis.errors import DomainError
from praxis_chassis.mapping import read_date
from praxis_scheduling.store.flow import Visit, VisitStatusEvent
from praxis_scheduling.store.models import Appointment, LocationCopy, PatientCopy, PractitionerCopy
from praxis_scheduling.store.series import Series
from praxis_scheduling.store.waitlist import WaitlistEntry
from praxis_scheduling.usecases import contacts

C = TypeVar("C", PatientCopy, LocationCopy, PractitionerCopy)

NOT_TREATED_HERE = (patient_pb2.PATIENT_STATE_INACTIVE, patient_pb2.PATIENT_STATE_TRANSFERRED)
ELSEWHERE = (
    patient_pb2.PATIENT_STATE_INACTIVE,
    patient_pb2.PATIENT_STATE_TRANSFERRED,
    patient_pb2.PATIENT_STATE_DECEASED,
    patient_pb2.PATIENT_STATE_MERGED,
)
KINDS = {
    "human": appointment_type_pb2.PATIENT_KIND_HUMAN,
    "animal": appointment_type_pb2.PATIENT_KIND_ANIMAL,
    "animal_group": appointment_type_pb2.PATIENT_KIND_ANIMAL_GROUP,
}


def _copy(session: Session, kind: type[C], identifier: str | UUID) -> C:
    known = session.get(kind, (context_of(session).tenant, uuid_of(identifier)))
    if known is None:
        known = kind(id=uuid_of(identifier))
        session.add(known)
    return known


def copy_patient(session: Session, patient: patient_pb2.Patient) -> None:
    """Keep what scheduling needs of a patient; an erased one stays blank."""
    copy = _copy(session, PatientCopy, patient.id)
    if copy.erased:
        return
    profile = patient.WhichOneof("profile") or ""
    copy.name = patient.display_name
    copy.kind = KINDS.get(profile, appointment_type_pb2.PATIENT_KIND_UNSPECIFIED)
    copy.species_code = getattr(getattr(patient, profile), "species_code", "") if profile else ""
    copy.tags = list(patient.tags)
    copy.deceased_date = read_date(patient.deceased_date, "deceased_date")
    copy.treated_here = patient.state not in NOT_TREATED_HERE
    _copy_contacts(copy, patient)


def _copy_contacts(copy: PatientCopy, patient: patient_pb2.Patient) -> None:
    """Keep how a patient is called, and who answers for the patient; the names of those stay with them."""
    profile = patient.WhichOneof("profile") or ""
    given = patient.human.name.given
    copy.called = (given[0] if given else "") if profile == "human" else patient.display_name
    born = getattr(getattr(patient, profile), "birth_date", "") if profile else ""
    copy.birth_date = read_date(born, "birth_date")
    nameless = []
    for item in patient.responsibilities:
        nameless.append(patient_pb2.Responsibility())
        nameless[-1].CopyFrom(item)
        nameless[-1].ClearField("party_display_name")
    copy.responsibilities = nameless


def join(session: Session, absorbed_id: UUID, survivor_id: UUID | None) -> None:
    """Keep who a patient is now; what refers to the survivor may arrive before he does."""
    if survivor_id is not None and session.get(PatientCopy, (context_of(session).tenant, survivor_id)) is None:
        kind = appointment_type_pb2.PATIENT_KIND_UNSPECIFIED
        session.add(PatientCopy(id=survivor_id, name="", kind=kind, species_code="", erased=False))
    _copy(session, PatientCopy, absorbed_id).survivor_id = survivor_id
    session.flush()


def copy_location(session: Session, location: practice_pb2.Location) -> None:
    """Keep name, time zone, telephone number, practice and country of a location."""
    copy = _copy(session, LocationCopy, location.id)
    copy.name, copy.time_zone, copy.phone = location.name, location.time_zone, location.phone
    copy.practice_id = UUID(location.practice_id) if location.practice_id else None
    copy.country_code, copy.region_code = location.address.country_code, location.address.state


def copy_practitioner(session: Session, identifier: str, name: str) -> None:
    """Keep the name of a practitioner."""
    _copy(session, PractitionerCopy, identifier).name = name


def erase_patient(session: Session, identifier: str) -> None:
    """Blank the name and all free text about a patient; times and states stay."""
    copy = _copy(session, PatientCopy, identifier)
    copy.name, copy.species_code, copy.deceased_date, copy.tags, copy.erased = "", "", None, [], True
    copy.called, copy.birth_date, copy.responsibilities = "", None, []
    copy.kind = copy.kind or appointment_type_pb2.PATIENT_KIND_UNSPECIFIED
    session.flush()
    session.execute(update(Visit).where(Visit.patient_id == copy.id).values(reason=""))
    visits = select(Visit.id).where(Visit.patient_id == copy.id)
    session.execute(update(VisitStatusEvent).where(VisitStatusEvent.visit_id.in_(visits)).values(reason=""))
    blank = {"reason": "", "notes": "", "override_reason": ""}
    session.execute(update(Appointment).where(Appointment.patient_id == copy.id).values(blank))
    session.execute(update(Series).where(Series.patient_id == copy.id).values(reason=""))
    waiting = update(WaitlistEntry).where(WaitlistEntry.patient_id == copy.id)
    session.execute(waiting.values(reason="", close_reason=""))
    contacts.erase_patient(session, copy.id)
    cancelled = Appointment.state == appointment_pb2.APPOINTMENT_STATE_CANCELLED
    for appointment in session.scalars(select(Appointment).where(Appointment.patient_id == copy.id, cancelled)):
        appointment.cancellation = _without_reason(appointment.cancellation)


def _without_reason(cancellation: appointment_pb2.Cancellation | None) -> appointment_pb2.Cancellation:
    blank = appointment_pb2.Cancellation()
    blank.MergeFrom(cancellation or blank)
    blank.reason = ""
    return blank


def known_patient(session: Session, identifier: UUID, *, hold: bool = False) -> PatientCopy:
    """Return the copy of a patient or of whom he was merged into, or refuse;

    `hold` lets nobody say that the patient is gone until it is booked.
    """
    held = {"read": True, "key_share": True} if hold else None
    found = session.get(PatientCopy, (context_of(session).tenant, identifier), with_for_update=held)
    if found is not None and found.survivor_id is not None:
        return known_patient(session, found.survivor_id, hold=hold)
    if found is None:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_UNKNOWN, id=identifier)
    if found.erased:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_ERASED, id=identifier)
    return found


def known_location(session: Session, identifier: UUID) -> LocationCopy:
    """Return the copy of a location, or refuse."""
    found = session.get(LocationCopy, (context_of(session).tenant, identifier))
    if found is None:
        raise DomainError(errors_pb2.ERROR_REASON_LOCATION_UNKNOWN, id=identifier)
    return found


def known_practitioner(session: Session, identifier: UUID) -> PractitionerCopy:
    """Return the copy of a practitioner, or refuse."""
    found = session.get(PractitionerCopy, (context_of(session).tenant, identifier))
    if found is None:
        raise DomainError(errors_pb2.ERROR_REASON_PRACTITIONER_UNKNOWN, id=identifier)
    return found

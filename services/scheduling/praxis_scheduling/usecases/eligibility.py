"""Whether a patient may be booked for a type of appointment at all, and how early or late they may book themselves."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_type_pb2, errors_pb2
from praxis_chassis import clock
from praxis_chassis.errors import DomainError
from praxis_scheduling.store.flow import Visit
from praxis_scheduling.store.models import Appointment, AppointmentType, PatientCopy
from praxis_scheduling.usecases import directory, slots
from praxis_scheduling.usecases.availability import Wish

NEW_ONLY = appointment_type_pb2.NEW_PATIENT_RULE_NEW_ONLY
KNOWN_ONLY = appointment_type_pb2.NEW_PATIENT_RULE_KNOWN_ONLY


def check_patient(session: Session, wish: Wish, patient: PatientCopy) -> None:
    """Refuse a patient whom the appointment type is not for."""
    kind = wish.appointment_type
    if kind.patient_kinds and patient.kind not in kind.patient_kinds:
        raise DomainError(errors_pb2.ERROR_REASON_TYPE_NOT_FOR_PATIENT, type=kind.name)
    if kind.species_codes and patient.species_code not in kind.species_codes:
        raise DomainError(errors_pb2.ERROR_REASON_TYPE_NOT_FOR_PATIENT, type=kind.name)
    if not wish.desk and kind.new_patient_rule:
        _check_acquaintance(session, kind, patient)


def _check_acquaintance(session: Session, kind: AppointmentType, patient: PatientCopy) -> None:
    seen = session.execute(select(Visit.id).where(Visit.patient_id == patient.id).limit(1)).first() is not None
    if seen and kind.new_patient_rule == NEW_ONLY:
        raise DomainError(errors_pb2.ERROR_REASON_NEW_PATIENTS_ONLY, type=kind.name)
    if not seen and kind.new_patient_rule == KNOWN_ONLY:
        raise DomainError(errors_pb2.ERROR_REASON_KNOWN_PATIENTS_ONLY, type=kind.name)


def check_alive(session: Session, appointment: Appointment) -> None:
    """Refuse to book a patient for a day after their death."""
    died = directory.known_patient(session, appointment.patient_id, hold=True).deceased_date
    if died is not None and appointment.local_date > died:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_DECEASED, date=died)


def check_notice(session: Session, wish: Wish, appointment: Appointment) -> None:
    """Refuse patients and partners a time that has passed, is too near or too far away; the desk is not bound."""
    if wish.desk:
        return
    now, kind = clock.now(session), wish.appointment_type
    earliest, latest = slots.bounds(kind, now)
    if appointment.start_time < now:
        raise DomainError(errors_pb2.ERROR_REASON_START_IN_PAST)
    if appointment.start_time < earliest:
        raise DomainError(errors_pb2.ERROR_REASON_TOO_SOON, type=kind.name, minutes=kind.minimum_notice_minutes)
    if latest and appointment.start_time > latest:
        raise DomainError(errors_pb2.ERROR_REASON_BEYOND_HORIZON, type=kind.name, days=kind.horizon_days)

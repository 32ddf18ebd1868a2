"""Writes down what is measured of patients, and keeps a group's number of animals with its history."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from praxis.patients.v1 import errors_pb2, measurement_pb2, patient_pb2
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import measurement_service_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import moment, read_decimal
from praxis_chassis.types import new_id
from praxis_patients.rules import measures
from praxis_patients.store import queries
from praxis_patients.store.mappings import MEASUREMENT
from praxis_patients.store.measurements import UNITS, Measurement
from praxis_patients.store.models import Patient
from praxis_patients.usecases.states import birth_date, open_patient

HEAD_COUNT, WEIGHT = measurement_pb2.MEASUREMENT_KIND_HEAD_COUNT, measurement_pb2.MEASUREMENT_KIND_WEIGHT
HEAD = measurement_pb2.MEASUREMENT_UNIT_HEAD
# The clocks of scales and tablets run a little ahead of ours.
GRACE = timedelta(minutes=5)


def create(session: Session, said: measurement_pb2.Measurement) -> Measurement:
    patient = open_patient(session, said.patient_id)
    measured: Measurement = MEASUREMENT.new(said)
    if not said.HasField("measure_time"):
        measured.measure_time = clock.now(session)
    _settle(session, measured, patient, "measurement")
    return _recorded(session, measured, patient)


def correct(session: Session, request: pb.CorrectMeasurementRequest) -> Measurement:
    """Put a right measure in the place of a wrong one."""
    wrong = fetch(session, Measurement, request.id, lock=True, etag=request.etag)
    patient = open_patient(session, str(wrong.patient_id))
    if wrong.replaced_by_id is not None:
        raise DomainError(errors_pb2.ERROR_REASON_MEASUREMENT_CORRECTED, replaced_by_id=wrong.replaced_by_id)
    right = Measurement(
        id=new_id(),
        patient_id=patient.id,
        kind=wrong.kind,
        value=read_decimal(request.value, "value") or Decimal(0),
        unit=request.unit or wrong.unit,
        measure_time=moment(request.measure_time) if request.HasField("measure_time") else wrong.measure_time,
        note=request.note,
        replaces_id=wrong.id,
    )
    _settle(session, right, patient, "")
    wrong.replaced_by_id = right.id
    record(session, happened.MeasurementCorrected, wrong)
    return _recorded(session, right, patient)


def note_head_count(session: Session, patient: Patient) -> None:
    """Write down the number of animals that a group's record says, when it is another one than the last."""
    group = patient.animal_group
    if group is None or ((last := _latest_count(session, patient.id)) is not None and last == group.head_count):
        return
    counted = Measurement(
        patient_id=patient.id, kind=HEAD_COUNT, value=Decimal(group.head_count), unit=HEAD,
        measure_time=clock.now(session), note="", recorded_by=str(context_of(session).actor),
    )  # fmt: skip
    session.add(counted)
    record(session, happened.MeasurementRecorded, counted)


def wanted(request: pb.ListMeasurementsRequest) -> Select[Any]:
    query = select(Measurement)
    if request.patient_id:
        query = query.where(Measurement.patient_id == uuid_of(request.patient_id, "patient_id"))
    if request.kind:
        query = query.where(Measurement.kind == request.kind)
    return query if request.with_corrected else query.where(Measurement.replaced_by_id.is_(None))


def forget(session: Session, patient: Patient) -> None:
    """Delete what was measured of a patient who is erased."""
    session.execute(delete(Measurement).where(Measurement.patient_id == patient.id))


def _recorded(session: Session, measured: Measurement, patient: Patient) -> Measurement:
    measured.recorded_by = str(context_of(session).actor)
    session.add(measured)
    record(session, happened.MeasurementRecorded, measured)
    session.flush()
    if measured.kind == HEAD_COUNT:
        _count_again(session, patient)
    return measured


def _count_again(session: Session, patient: Patient) -> None:
    """Make the record of a group say what was counted last."""
    count = _latest_count(session, patient.id)
    if count is None or patient.animal_group is None or patient.animal_group.head_count == count:
        return
    group = patient_pb2.AnimalGroupProfile()
    group.CopyFrom(patient.animal_group)
    group.head_count = count
    patient.animal_group = group
    record(session, happened.PatientUpdated, patient, previous_state=patient.state)


def _latest_count(session: Session, patient_id: UUID) -> int | None:
    query = select(Measurement.value).where(
        Measurement.patient_id == patient_id, Measurement.kind == HEAD_COUNT, Measurement.replaced_by_id.is_(None)
    )
    latest = session.scalars(query.order_by(Measurement.measure_time.desc(), Measurement.id.desc()).limit(1)).first()
    return None if latest is None else int(latest)


def _settle(session: Session, measured: Measurement, patient: Patient, path: str) -> None:
    at = f"{path}." if path else ""
    if measured.value <= 0:
        raise invalid(f"{at}value", "MEASURE_NOT_POSITIVE")
    if measured.kind == HEAD_COUNT:
        _settle_count(measured, patient, at)
    elif UNITS[measured.unit] not in measures.KILOGRAMS:
        raise invalid(f"{at}unit", "MEASURE_UNIT", unit=UNITS[measured.unit])
    elif not measures.fits(measured.value):
        raise invalid(f"{at}value", "MEASURE_TOO_FINE")
    _check_time(session, measured.measure_time, patient, f"{at}measure_time")


def _settle_count(measured: Measurement, patient: Patient, at: str) -> None:
    if patient.animal_group is None:
        raise invalid(f"{at}kind", "HEAD_COUNT_OF_GROUP")
    if measured.unit != HEAD:
        raise invalid(f"{at}unit", "MEASURE_UNIT", unit=UNITS[measured.unit])
    if not measures.herd_fits(measured.value):
        raise invalid(f"{at}value", "HEAD_COUNT_WHOLE")


def _check_time(session: Session, time: datetime, patient: Patient, path: str) -> None:
    """Refuse a time that has not come yet, or at which the patient did not live, by the practice's days."""
    day = time.astimezone(ZoneInfo(queries.first_time_zone(session))).date()
    born, died = birth_date(patient), patient.deceased_date
    too_early, too_late = born is not None and day < born, died is not None and day > died
    if time > clock.now(session) + GRACE or too_early or too_late:
        raise invalid(path, "MEASURE_TIME", time=time.isoformat(timespec="minutes"))

"""Keeps alerts of patients and the groups that the practice tells apart by color."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.orm import Session

from praxis.patients.v1 import alert_pb2, patient_group_pb2
from praxis.patients.v1 import alert_service_pb2 as pb
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import patient_group_service_pb2 as groups
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date
from praxis_patients.store.annotations import Alert, PatientGroup
from praxis_patients.store.mappings import ALERT, PATIENT_GROUP
from praxis_patients.store.models import Patient
from praxis_patients.usecases import contacts
from praxis_patients.usecases.states import open_patient


def raise_alert(session: Session, said: alert_pb2.Alert) -> Alert:
    """Write down what people must know of a patient."""
    alert: Alert = ALERT.new(said)
    alert.patient_id = open_patient(session, said.patient_id).id
    alert.recorded_by = str(context_of(session).actor)
    _check_dates(alert, "alert.to_date")
    session.add(alert)
    record(session, happened.AlertRaised, alert)
    return alert


def change_alert(session: Session, request: pb.UpdateAlertRequest) -> Alert:
    alert = fetch(session, Alert, request.alert.id, lock=True, etag=request.alert.etag)
    owner = alert.patient_id
    ALERT.apply(alert, request.alert, request.update_mask.paths)
    if alert.patient_id != owner:
        raise invalid("alert.patient_id", "ALERT_PATIENT_FIXED")
    _check_dates(alert, "alert.to_date")
    record(session, happened.AlertChanged, alert)
    return alert


def end_alert(session: Session, request: pb.EndAlertRequest) -> Alert:
    """Let an alert be shown no more from a day on; one that began later is over before it begins."""
    alert = fetch(session, Alert, request.id, lock=True, etag=request.etag)
    alert.to_date = read_date(request.to_date, "to_date") or contacts.today(session)
    if alert.from_date is not None and alert.from_date >= alert.to_date:
        alert.from_date = None
    record(session, happened.AlertChanged, alert)
    return alert


def alerts_of(session: Session, request: pb.ListAlertsRequest) -> Select[Any]:
    """Return the alerts that are shown today, or all; of everybody or of one patient."""
    query = select(Alert)
    if request.patient_id:
        query = query.where(Alert.patient_id == uuid_of(request.patient_id, "patient_id"))
    if request.place:
        query = query.where(or_(func.cardinality(Alert.places) == 0, Alert.places.contains([request.place])))
    if request.all_dates:
        return query
    day = contacts.today(session)
    begun = or_(Alert.from_date.is_(None), Alert.from_date <= day)
    return query.where(begun, or_(Alert.to_date.is_(None), Alert.to_date > day))


def forget(session: Session, patient: Patient) -> None:
    """Delete the alerts of a patient who is erased."""
    session.execute(delete(Alert).where(Alert.patient_id == patient.id))


def create_group(session: Session, said: patient_group_pb2.PatientGroup) -> PatientGroup:
    group: PatientGroup = PATIENT_GROUP.new(said)
    group.active = said.active if said.HasField("active") else True
    session.add(group)
    record(session, happened.PatientGroupCreated, group)
    return group


def change_group(session: Session, request: groups.UpdatePatientGroupRequest) -> PatientGroup:
    group = fetch(session, PatientGroup, request.patient_group.id, lock=True, etag=request.patient_group.etag)
    tag = group.tag
    PATIENT_GROUP.apply(group, request.patient_group, request.update_mask.paths)
    if group.tag != tag:
        raise invalid("patient_group.tag", "PATIENT_GROUP_FIXED")
    group.active = group.active is not False
    record(session, happened.PatientGroupUpdated, group)
    return group


def _check_dates(alert: Alert, path: str) -> None:
    if alert.from_date is not None and alert.to_date is not None and alert.from_date >= alert.to_date:
        raise invalid(path, "DATES_REVERSED")

"""Keeps what is left to do for patients."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from praxis.patients.v1 import errors_pb2, task_pb2
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import task_service_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import enum_words, fetch, uuid_of
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.merging import now_of
from praxis_patients.store.models import Patient
from praxis_patients.store.tasks import PatientTask

CONDOLENCE = task_pb2.PATIENT_TASK_KIND_CONDOLENCE_LETTER
OPEN, DONE, DISMISSED = (
    task_pb2.PATIENT_TASK_STATE_OPEN,
    task_pb2.PATIENT_TASK_STATE_DONE,
    task_pb2.PATIENT_TASK_STATE_DISMISSED,
)
_WORDS = enum_words(task_pb2.PatientTaskState)[0]


def open_once(session: Session, patient: Patient, kind: int, party_id: UUID | None) -> None:
    """Open a task, unless it was done before or is open; one that was dropped is taken up again."""
    task = _task_of(session, patient.id, kind)
    if task is None:
        task = PatientTask(patient_id=patient.id, kind=kind)
        session.add(task)
    elif task.state != DISMISSED:
        return
    task.state, task.party_id = OPEN, party_id
    task.close_time, task.closed_by = None, ""
    record(session, happened.PatientTaskOpened, task)


def drop(session: Session, patient: Patient, kind: int) -> None:
    """Dismiss a task that is open still."""
    task = _task_of(session, patient.id, kind)
    if task is not None and task.state == OPEN:
        _close(session, task, DISMISSED)


def close(session: Session, identifier: str, etag: str, state: int) -> PatientTask:
    task = fetch(session, PatientTask, identifier, lock=True, etag=etag)
    if task.state != OPEN:
        raise DomainError(errors_pb2.ERROR_REASON_TASK_CLOSED, state=_WORDS[task.state])
    return _close(session, task, state)


def wanted(request: pb.ListPatientTasksRequest) -> Select[Any]:
    query = select(PatientTask)
    if request.patient_id:
        query = query.where(PatientTask.patient_id == now_of(uuid_of(request.patient_id, "patient_id")))
    return query.where(PatientTask.state.in_(request.states)) if request.states else query


def _close(session: Session, task: PatientTask, state: int) -> PatientTask:
    task.state, task.close_time = state, clock.now(session)
    task.closed_by = str(context_of(session).actor)
    record(session, happened.PatientTaskClosed, task)
    return task


def _task_of(session: Session, patient_id: UUID, kind: int) -> PatientTask | None:
    query = select(PatientTask).where(PatientTask.patient_id == patient_id, PatientTask.kind == kind)
    return session.scalars(query.with_for_update()).one_or_none()

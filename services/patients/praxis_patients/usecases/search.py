"""Finds patients by what people say at the desk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from praxis.patients.v1 import patient_pb2
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis import paging
from praxis_chassis.context import context_of
from praxis_chassis.database import uuid_of
from praxis_chassis.errors import invalid
from praxis_patients.rules import search
from praxis_patients.store import finding, queries
from praxis_patients.store.mappings import PATIENT_READING
from praxis_patients.store.models import Patient
from praxis_patients.usecases import contacts, keys

NOT_LISTED = {patient_pb2.PATIENT_STATE_UNSPECIFIED, *queries.HIDDEN}
Conditions = list[ColumnElement[bool]]


@dataclass(frozen=True)
class Page:
    """Patients, the token of the next page, and whether more would be found if more were said."""

    patients: list[patient_pb2.Patient]
    token: str
    truncated: bool = False


def listed(session: Session, request: pb.ListPatientsRequest) -> Page:
    """Return the patients that meet all terms of a query, the closest first; without terms all, by name."""
    said = search.terms(request.query, contacts.search_country(session), contacts.today(session))
    scope, states = _scope(session, request), _states(request)
    if said:
        return _found(session, keys.sealed_terms(session, said), scope, states, request)
    if request.query.strip():
        return Page([], "")  # signs alone name nobody, and not everybody
    order: list[Any] = [Patient.sort_name, Patient.id]
    query = select(Patient).where(*scope, Patient.state.in_(states))
    return Page(*PATIENT_READING.page(session, query, order=order, request=request))


def _found(
    session: Session, terms: list[search.Term], scope: Conditions, states: list[int], request: pb.ListPatientsRequest
) -> Page:
    """Return a page of what is meant for certain, and of what is only near to it when that does not fill the page."""
    within = list(session.scalars(select(Patient.id).where(*scope))) if scope else None
    wider = [term.wider() for term in terms]
    size, after = paging.begun(finding.ORDER, request)
    place = after or finding.BEGINNING
    found = finding.found(session, terms, within, states, place, size + 1)
    if len(found.rows) <= size and wider != terms:
        found = finding.found(session, wider, within, states, place, size + 1)
    shown = found.rows[:size]
    token = paging.token(finding.ORDER, shown[-1], request) if len(found.rows) > size else ""
    return Page(PATIENT_READING.several(session, [row[-1] for row in shown]), token, found.cut)


def _states(request: pb.ListPatientsRequest) -> list[int]:
    return list(request.states) or [state for state in patient_pb2.PatientState.values() if state not in NOT_LISTED]


def _scope(session: Session, request: pb.ListPatientsRequest) -> Conditions:
    """Return what limits a list to a few patients, whatever they are called."""
    conditions: Conditions = []
    own = context_of(session).compartment
    if own is not None:
        conditions.append(Patient.id.in_(own.patient_ids))
    if request.party_id:
        conditions.append(queries.answered_by(uuid_of(request.party_id, "party_id")))
    if request.external_system or request.external_value:
        conditions.append(queries.referenced(_system(request), request.external_value))
    return conditions


def _system(request: pb.ListPatientsRequest) -> str:
    if not request.external_system:
        raise invalid("external_system", "EXTERNAL_SYSTEM_REQUIRED")
    return request.external_system

"""Keeps which parties belong together."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from praxis.patients.v1 import errors_pb2, household_pb2
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import household_service_pb2 as pb
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.types import new_id
from praxis_patients.store import queries
from praxis_patients.store.annotations import Household, HouseholdMember
from praxis_patients.store.models import Party, Patient, Responsibility
from praxis_patients.usecases import contacts
from praxis_patients.usecases.parties import open_party


def create(session: Session, said: household_pb2.Household) -> Household:
    household = Household(id=new_id())
    session.add(household)
    _settle(session, household, said)
    record(session, happened.HouseholdCreated, household)
    return household


def update(session: Session, request: pb.UpdateHouseholdRequest) -> Household:
    household = fetch(session, Household, request.household.id, lock=True, etag=request.household.etag)
    if not request.household.party_ids:
        raise invalid("household.party_ids", "HOUSEHOLD_EMPTY")
    _settle(session, household, request.household)
    record(session, happened.HouseholdUpdated, household)
    return household


def wanted(request: pb.ListHouseholdsRequest) -> Select[Any]:
    query = select(Household)
    if request.party_id:
        of_party = select(HouseholdMember.household_id).where(
            HouseholdMember.party_id == uuid_of(request.party_id, "party_id")
        )
        query = query.where(Household.id.in_(of_party))
    return query


def patients(session: Session, identifier: str) -> Select[Any]:
    """Return the patients whom the members answer for today, or who are members."""
    household, day = fetch(session, Household, identifier), contacts.today(session)
    begun = or_(Responsibility.from_date.is_(None), Responsibility.from_date <= day)
    lasting = or_(Responsibility.to_date.is_(None), Responsibility.to_date > day)
    answered = select(Responsibility.patient_id).where(Responsibility.party_id.in_(household.party_ids), begun, lasting)
    theirs = or_(Patient.id.in_(answered), Patient.party_id.in_(household.party_ids))
    return select(Patient).where(theirs, Patient.state.not_in(queries.HIDDEN))


def forget(session: Session, party: Party) -> None:
    """Take a party that is erased out of its household."""
    member = session.get(HouseholdMember, (context_of(session).tenant, party.id))
    if member is None:
        return
    household = fetch(session, Household, member.household_id, lock=True)
    household.members = [row for row in household.members if row.party_id != party.id]
    record(session, happened.HouseholdUpdated, household)


def _settle(session: Session, household: Household, said: household_pb2.Household) -> None:
    """Make the parties the members; those who stay keep their rows, and nobody leaves another household unsaid."""
    known = {row.party_id: row for row in household.members}
    rows = []
    for position, text in enumerate(said.party_ids):
        party_id = uuid_of(text, f"household.party_ids[{position}]")
        row = known.get(party_id) or _newcomer(session, party_id)
        row.position = position
        rows.append(row)
    household.members = rows


def _newcomer(session: Session, party_id: UUID) -> HouseholdMember:
    open_party(session, party_id, lock=True)
    other = session.get(HouseholdMember, (context_of(session).tenant, party_id))
    if other is not None:
        raise DomainError(errors_pb2.ERROR_REASON_HOUSEHOLD_TAKEN, household_id=other.household_id)
    return HouseholdMember(party_id=party_id)

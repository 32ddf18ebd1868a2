"""Keeps owners, guarantors, guardians and subscribers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, false, select
from sqlalchemy.orm import Session

from praxis.patients.v1 import errors_pb2, party_pb2
from praxis.patients.v1 import events_pb2 as happened
from praxis.patients.v1 import party_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.types import new_id
from praxis_patients.rules import names, search
from praxis_patients.store import finding, queries
from praxis_patients.store.mappings import PARTY
from praxis_patients.store.models import Party, Patient
from praxis_patients.usecases import contacts, keys
from praxis_patients.usecases.directory import display_name


def create(session: Session, request: pb.CreatePartyRequest) -> Party:
    party: Party = PARTY.new(request.party)
    party.id, party.state = new_id(), party_pb2.PARTY_STATE_ACTIVE
    _settle(session, party)
    record(session, happened.PartyCreated, party)
    keys.index_party(session, party)
    return party


def update(session: Session, request: pb.UpdatePartyRequest) -> Party:
    party = open_party(session, request.party.id, lock=True, etag=request.party.etag)
    if party.patient_id is not None:
        raise DomainError(errors_pb2.ERROR_REASON_PARTY_FOLLOWS_PATIENT, patient_id=party.patient_id)
    PARTY.apply(party, request.party, request.update_mask.paths)
    if request.party.WhichOneof("identity") == "organization":
        party.person = None
    elif request.party.WhichOneof("identity") == "person":
        party.organization = None
    _settle(session, party)
    _publish(session, party)
    return party


def open_party(session: Session, identifier: str | UUID, *, lock: bool = False, etag: str = "") -> Party:
    """Load a party that was not erased."""
    party = fetch(session, Party, identifier, lock=lock, etag=etag)
    if party.state == party_pb2.PARTY_STATE_ERASED:
        raise DomainError(errors_pb2.ERROR_REASON_PARTY_ERASED, party_id=party.id)
    return party


def own_party(session: Session, patient: Patient, wanted: UUID | None) -> Party:
    """Return the party that is the patient himself: an existing one that the caller names, or a new one."""
    if wanted is None:
        party = Party(id=new_id(), state=party_pb2.PARTY_STATE_ACTIVE, patient_id=patient.id, organization=None)
        follow(party, patient)
        record(session, happened.PartyCreated, party)
    else:
        party = open_party(session, wanted, lock=True)
        if party.person is None or party.patient_id is not None:
            raise DomainError(errors_pb2.ERROR_REASON_PARTY_UNSUITABLE, party_id=party.id)
        party.patient_id = patient.id
        follow(party, patient)
        record(session, happened.PartyUpdated, party)
    keys.index_party(session, party)
    return party


def follow(party: Party, patient: Patient) -> None:
    """Make a patient's own party say what the patient's record says."""
    human = patient.human
    assert human is not None
    party.person = party_pb2.Person(name=human.name, birth_date=human.birth_date, sex=human.sex)
    party.addresses, party.telecoms = list(human.addresses), list(human.telecoms)
    party.language = human.language
    party.display_name, party.sort_name = patient.display_name, patient.sort_name


def refresh_own_party(session: Session, patient: Patient) -> None:
    """Carry a change of a patient's record over to the own party, and to the patients it answers for."""
    party = fetch(session, Party, patient.party_id, lock=True) if patient.party_id else None
    if party is None or patient.human is None:
        return
    before = PARTY.message(party)
    follow(party, patient)
    if PARTY.message(party) != before:
        _publish(session, party, but=patient.id)


def _publish(session: Session, party: Party, but: UUID | None = None) -> None:
    """Announce a changed party, and its new name in the patients it answers for."""
    record(session, happened.PartyUpdated, party)
    keys.index_party(session, party)
    session.flush()
    for patient in queries.patients_of_party(session, party.id):
        if patient.id != but:
            record(session, happened.PatientUpdated, patient, previous_state=patient.state)
            keys.index_patient(session, patient)


def _settle(session: Session, party: Party) -> None:
    party.telecoms = contacts.telecoms(session, party.telecoms, "party.telecoms")
    contacts.check_addresses(party.addresses, "party.addresses")
    if party.person is not None:
        contacts.check_birth_date(session, party.person.birth_date, "party.person.birth_date")
        name = party.person.name
        party.display_name = display_name(name)
        party.sort_name = names.person_sort_name(name.family, name.given)
    elif party.organization is not None:
        party.display_name = party.organization.name.strip()
        party.sort_name = names.plain(party.display_name)
    else:
        raise invalid("party", "PARTY_IDENTITY_REQUIRED")
    if not party.sort_name:
        raise invalid("party", "NAME_REQUIRED")


def found(session: Session, query: str) -> Select[Any]:
    """Return the parties whose name or telephone number the query begins."""
    terms = search.terms(query, contacts.search_country(session), contacts.today(session))
    conditions = [finding.parties_with(term) for term in terms]
    if query.strip() and not terms:
        conditions.append(false())  # signs alone name nobody, and not everybody
    return select(Party).where(Party.state != party_pb2.PARTY_STATE_ERASED, *conditions)

"""What scheduling does about events of others: it keeps its copies up to date, and frees the times of who is gone."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from praxis.billing.v1 import events_pb2 as billing
from praxis.claims.v1 import events_pb2 as claims
from praxis.patients.v1 import events_pb2, patient_pb2
from praxis_chassis.events import reaction
from praxis_scheduling.usecases import (
    authorizations,
    contacts,
    departures,
    directory,
    feeds,
    merges,
    recalls,
    waitlist,
)

PatientChanged = events_pb2.PatientRegistered | events_pb2.ResponsibilityChanged


@reaction(events_pb2.PatientRegistered, events_pb2.ResponsibilityChanged)
def copy_patient(session: Session, event: PatientChanged) -> None:
    directory.copy_patient(session, event.patient)


@reaction(events_pb2.PatientUpdated)
def follow_patient(session: Session, event: events_pb2.PatientUpdated) -> None:
    directory.copy_patient(session, event.patient)
    departures.follow(session, event.patient, event.previous_state)
    if event.patient.state != patient_pb2.PATIENT_STATE_ACTIVE:
        recalls.patient_left(session, UUID(event.patient.id))


@reaction(events_pb2.PatientErased)
def erase_patient(session: Session, event: events_pb2.PatientErased) -> None:
    waitlist.end_all(session, UUID(event.patient_id), "")
    directory.erase_patient(session, event.patient_id)
    recalls.erase_patient(session, UUID(event.patient_id))
    feeds.erase_patient(session, UUID(event.patient_id))


@reaction(events_pb2.PatientMerged)
def merge_patient(session: Session, event: events_pb2.PatientMerged) -> None:
    merges.unite(session, event)


@reaction(events_pb2.PatientUnmerged)
def part_patients(session: Session, event: events_pb2.PatientUnmerged) -> None:
    merges.part(session, event)


@reaction(events_pb2.LocationCreated, events_pb2.LocationUpdated)
def copy_location(session: Session, event: events_pb2.LocationCreated | events_pb2.LocationUpdated) -> None:
    directory.copy_location(session, event.location)


@reaction(events_pb2.PractitionerCreated, events_pb2.PractitionerUpdated)
def copy_practitioner(session: Session, event: events_pb2.PractitionerCreated | events_pb2.PractitionerUpdated) -> None:
    directory.copy_practitioner(session, event.practitioner.id, event.practitioner.display_name)


@reaction(events_pb2.PartyCreated, events_pb2.PartyUpdated)
def copy_party(session: Session, event: events_pb2.PartyCreated | events_pb2.PartyUpdated) -> None:
    contacts.copy_party(session, event.party)


@reaction(events_pb2.PartyErased)
def erase_party(session: Session, event: events_pb2.PartyErased) -> None:
    contacts.erase_party(session, UUID(event.party_id))


@reaction(events_pb2.PracticeCreated, events_pb2.PracticeUpdated)
def copy_practice(session: Session, event: events_pb2.PracticeCreated | events_pb2.PracticeUpdated) -> None:
    contacts.copy_practice(session, event.practice)


@reaction(events_pb2.ContactPreferencesChanged)
def copy_preferences(session: Session, event: events_pb2.ContactPreferencesChanged) -> None:
    contacts.copy_preferences(session, event.contact_preferences)


@reaction(billing.EncounterPosted)
def recall_after_charges(session: Session, event: billing.EncounterPosted) -> None:
    recalls.charged(session, event.encounter)


@reaction(billing.EncounterReversed)
def forget_charges(session: Session, event: billing.EncounterReversed) -> None:
    recalls.uncharged(session, UUID(event.encounter.id))


@reaction(
    claims.AuthorizationRecorded,
    claims.AuthorizationUpdated,
    claims.AuthorizationClosed,
    claims.AuthorizationReserved,
    claims.AuthorizationReleased,
    claims.AuthorizationConsumed,
)
def copy_authorization(session: Session, event: claims.AuthorizationRecorded) -> None:
    authorizations.copy(session, event.authorization)

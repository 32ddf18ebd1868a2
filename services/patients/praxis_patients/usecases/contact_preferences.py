"""Keeps how and for what parties may be contacted."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import delete
from sqlalchemy.orm import Session

from praxis.patients.v1 import contact_preferences_service_pb2 as pb
from praxis.patients.v1 import events_pb2 as happened
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import check_etag, uuid_of
from praxis_chassis.errors import invalid
from praxis_chassis.events import record
from praxis_patients.store.contact import CHANNEL_WORDS, PURPOSE_WORDS, ContactDecision, ContactPreferences
from praxis_patients.store.contact_mappings import CONTACT_PREFERENCES
from praxis_patients.store.models import Party
from praxis_patients.usecases import contacts
from praxis_patients.usecases.parties import open_party


def shown(session: Session, party_id: str) -> ContactPreferences:
    """Return what a party said, or what counts for one that has said nothing."""
    return _known(session, open_party(session, uuid_of(party_id, "party_id")).id)


def update(session: Session, request: pb.UpdateContactPreferencesRequest) -> ContactPreferences:
    said = request.contact_preferences
    preferences = _for_change(session, uuid_of(said.party_id, "contact_preferences.party_id"))
    check_etag(preferences, said.etag, "contact preferences")
    CONTACT_PREFERENCES.apply(preferences, said, set(request.update_mask.paths))
    _settle(session, preferences)
    record(session, happened.ContactPreferencesChanged, preferences)
    return preferences


def opt_out(session: Session, request: pb.OptOutRequest) -> ContactPreferences:
    """Refuse channels for purposes; what is not named is meant as a whole."""
    channels = list(request.channels) or [number for number in CHANNEL_WORDS if number]
    purposes = list(request.purposes) or [number for number in PURPOSE_WORDS if number]
    return _decide(session, request, channels, purposes, allowed=False)


def opt_in(session: Session, request: pb.OptInRequest) -> ContactPreferences:
    return _decide(session, request, list(request.channels), list(request.purposes), allowed=True)


def forget(session: Session, party: Party) -> None:
    """Forget what an erased party said; that and when it was said stays, because it may have to be shown."""
    session.execute(delete(ContactPreferences).where(ContactPreferences.id == party.id))


def _decide(
    session: Session,
    request: pb.OptOutRequest | pb.OptInRequest,
    channels: Sequence[int],
    purposes: Sequence[int],
    *,
    allowed: bool,
) -> ContactPreferences:
    preferences = _for_change(session, uuid_of(request.id))
    preferences.decide(channels, purposes, allowed=allowed)
    record(session, happened.ContactPreferencesChanged, preferences)
    said = {
        "party_id": preferences.id,
        "allowed": allowed,
        "source": request.source,
        "recorded_by": str(context_of(session).actor),
        "decide_time": clock.now(session),
    }
    session.add_all(
        ContactDecision(channel=channel, purpose=purpose, **said) for channel in channels for purpose in purposes
    )
    return preferences


def _for_change(session: Session, party_id: UUID) -> ContactPreferences:
    """Load the preferences under the lock of their party, because a first word has no row of its own yet."""
    return _known(session, open_party(session, party_id, lock=True).id)


def _known(session: Session, party_id: UUID) -> ContactPreferences:
    found = session.get(ContactPreferences, (context_of(session).tenant, party_id))
    return found or ContactPreferences.unsaid(party_id)


def _settle(session: Session, preferences: ContactPreferences) -> None:
    path = "contact_preferences"
    if bool(preferences.quiet_from_time) != bool(preferences.quiet_to_time):
        missing = "quiet_to_time" if preferences.quiet_from_time else "quiet_from_time"
        raise invalid(f"{path}.{missing}", "QUIET_HOURS_HALF")
    if preferences.quiet_from_time and preferences.quiet_from_time == preferences.quiet_to_time:
        raise invalid(f"{path}.quiet_to_time", "QUIET_HOURS_EMPTY")
    if preferences.time_zone and preferences.time_zone not in available_timezones():
        raise invalid(f"{path}.time_zone", "TIME_ZONE_UNKNOWN", time_zone=preferences.time_zone)
    preferences.confidential_telecoms = contacts.telecoms(
        session, preferences.confidential_telecoms, f"{path}.confidential_telecoms"
    )

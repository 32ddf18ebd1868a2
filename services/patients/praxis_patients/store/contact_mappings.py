"""How contact preferences correspond to their messages."""

from __future__ import annotations

from uuid import UUID

from praxis.patients.v1 import contact_preferences_pb2 as pb
from praxis_chassis.mapping import Mapping, Special
from praxis_patients.store.contact import ContactDecision, ContactPreferences


def _party_id(preferences: ContactPreferences) -> UUID:
    return preferences.id


CONTACT_PREFERENCES = Mapping(
    ContactPreferences, pb.ContactPreferences, read_only={"allowed"}, special={"party_id": Special(read=_party_id)}
)
CONTACT_DECISION = Mapping(ContactDecision, pb.ContactDecision)

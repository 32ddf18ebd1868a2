"""The tables of how and for what parties may be contacted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from praxis.patients.v1 import contact_preferences_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis.database import Aggregate, Tenanted, enum_column, enum_words, message_column, messages_column
from praxis_chassis.types import new_id
from praxis_patients.rules import contact
from praxis_patients.store.models import Base

CHANNEL_WORDS: Any
PURPOSE_WORDS: Any
CHANNELS: Any
PURPOSES: Any
CHANNEL_WORDS, CHANNELS = enum_words(pb.ContactChannel)
PURPOSE_WORDS, PURPOSES = enum_words(pb.ContactPurpose)
_UNSAID = "unspecified"


class ContactPreferences(Aggregate, Base):
    """What one party said about being contacted; its id is the party's."""

    __tablename__ = "contact_preferences"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "id"], ["parties.tenant_id", "parties.id"]),)

    preferred_channel: Mapped[int] = enum_column(pb.ContactChannel)
    language: Mapped[str]
    quiet_from_time: Mapped[str]
    quiet_to_time: Mapped[str]
    time_zone: Mapped[str]
    allowed: Mapped[list[pb.AllowedChannels]] = messages_column(pb.AllowedChannels)
    confidential_address: Mapped[type_pb2.Address | None] = message_column(type_pb2.Address)
    confidential_telecoms: Mapped[list[type_pb2.Telecom]] = messages_column(type_pb2.Telecom)

    @classmethod
    def unsaid(cls, party_id: UUID) -> ContactPreferences:
        """Return what counts for a party that has said nothing."""
        allowed = contact.unsaid(CHANNELS.keys() - {_UNSAID}, PURPOSES.keys() - {_UNSAID})
        return cls(
            id=party_id,
            preferred_channel=pb.CONTACT_CHANNEL_UNSPECIFIED,
            language="",
            quiet_from_time="",
            quiet_to_time="",
            time_zone="",
            allowed=_messages(allowed),
            confidential_telecoms=[],
            version=0,
        )

    def decide(self, channels: Sequence[int], purposes: Sequence[int], *, allowed: bool) -> None:
        """Allow or refuse channels for purposes."""
        known = {purpose: frozenset[str]() for purpose in PURPOSES if purpose != _UNSAID}
        known |= {
            PURPOSE_WORDS[item.purpose]: frozenset(map(CHANNEL_WORDS.get, item.channels)) for item in self.allowed
        }
        named = [CHANNEL_WORDS[channel] for channel in channels]
        self.allowed = _messages(
            contact.decided(known, named, [PURPOSE_WORDS[purpose] for purpose in purposes], allowed=allowed)
        )


def _messages(allowed: contact.Allowed) -> list[pb.AllowedChannels]:
    found = [
        pb.AllowedChannels(purpose=PURPOSES[purpose], channels=sorted(CHANNELS[channel] for channel in channels))
        for purpose, channels in allowed.items()
    ]
    return sorted(found, key=lambda item: item.purpose)


class ContactDecision(Tenanted, Base):
    """What was once said about one channel and purpose; rows are only ever added."""

    __tablename__ = "contact_decisions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "party_id"], ["parties.tenant_id", "parties.id"]),
        Index(None, "tenant_id", "party_id", "id"),
        {"info": {"grants": "SELECT, INSERT"}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    party_id: Mapped[UUID]
    channel: Mapped[int] = enum_column(pb.ContactChannel)
    purpose: Mapped[int] = enum_column(pb.ContactPurpose)
    allowed: Mapped[bool]
    source: Mapped[int] = enum_column(pb.ContactSource)
    recorded_by: Mapped[str]
    decide_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))

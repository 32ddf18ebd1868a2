"""The tables of what is sent to people: plans, words, settings, each message, and who does not want any."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, Uuid, column
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from praxis.patients.v1.contact_preferences_pb2 import ContactPreferences
from praxis.scheduling.v1 import communication_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis.database import (
    Aggregate,
    ProtoEnum,
    Tenanted,
    enum_column,
    enum_words,
    message_column,
    messages_column,
)
from praxis_chassis.merging import KEPT
from praxis_scheduling.store.models import Base, PatientCopy

KINDS = enum_words(pb.CommunicationKind)[0]
CHANNELS = enum_words(pb.CommunicationChannel)[0]


def _channels() -> ARRAY[int]:
    kind: Any = pb.CommunicationChannel
    return ARRAY(ProtoEnum(kind))


class PartyCopy(Tenanted, Base):
    """How scheduling reaches somebody who answers for patients; the owner is the patients service."""

    __tablename__ = "party_copies"
    __table_args__ = (Index("ix_party_copies_patient", "tenant_id", "patient_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID | None] = mapped_column(info=KEPT)
    display_name: Mapped[str]
    language: Mapped[str]
    telecoms: Mapped[list[type_pb2.Telecom]] = messages_column(type_pb2.Telecom)
    preferences: Mapped[ContactPreferences | None] = message_column(ContactPreferences)
    erased: Mapped[bool] = mapped_column(default=False)


class PracticeCopy(Tenanted, Base):
    """What messages say of a practice."""

    __tablename__ = "practice_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    phone: Mapped[str]
    locale: Mapped[str]


class ReminderPlan(Aggregate, Base):
    """What is sent about appointments of some types at some locations."""

    __tablename__ = "reminder_plans"

    name: Mapped[str]
    appointment_type_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    location_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    channels: Mapped[list[int]] = mapped_column(_channels())
    communications: Mapped[list[pb.PlannedCommunication]] = messages_column(pb.PlannedCommunication)
    active: Mapped[bool]

    def covers(self, appointment_type: UUID, location: UUID) -> bool:
        """Tell whether it is for appointments of this type at this location."""
        return (not self.appointment_type_ids or appointment_type in self.appointment_type_ids) and (
            not self.location_ids or location in self.location_ids
        )


class MessageTemplate(Aggregate, Base):
    """Words of the practice for one message, channel and language."""

    __tablename__ = "message_templates"
    __table_args__ = (
        Index(
            "uq_message_templates_name", "tenant_id", "name", "channel", "language",
            unique=True, postgresql_where=column("active"),
        ),
    )  # fmt: skip

    name: Mapped[str]
    channel: Mapped[int] = enum_column(pb.CommunicationChannel)
    language: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    active: Mapped[bool]


class CommunicationSettings(Aggregate, Base):
    """How a practice group sends; its one row has the tenant's id."""

    __tablename__ = "communication_settings"

    paused: Mapped[bool] = mapped_column(default=False)
    from_name: Mapped[str] = mapped_column(default="")
    from_email: Mapped[str] = mapped_column(default="")
    reply_to_email: Mapped[str] = mapped_column(default="")
    quiet_from: Mapped[str] = mapped_column(default="")
    quiet_until: Mapped[str] = mapped_column(default="")
    sms_from: Mapped[str] = mapped_column(default="")
    sms_account: Mapped[str] = mapped_column(default="")
    sms_sealed_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    cancel_by_text: Mapped[bool] = mapped_column(default=False)

    @property
    def sms_secret_stored(self) -> bool:
        """True when a secret is stored."""
        return self.sms_sealed_secret is not None


class Communication(Aggregate, Base):
    """One message to one recipient; `occasion` says what it is for, so that it exists once however often it is planned.

    The row is the intent: it stands before anything leaves.
    """

    __tablename__ = "communications"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patient_copies.tenant_id", "patient_copies.id"]),
        ForeignKeyConstraint(["tenant_id", "appointment_id"], ["appointments.tenant_id", "appointments.id"]),
        Index("uq_communications_occasion", "tenant_id", "occasion", unique=True),
        Index("ix_communications_open", "tenant_id", "next_try_time", postgresql_where=column("is_open")),
        Index("ix_communications_due", "tenant_id", "due_time", "id"),
        Index("ix_communications_appointment", "tenant_id", "appointment_id"),
        Index("ix_communications_patient", "tenant_id", "patient_id", "due_time"),
        Index("ix_communications_recall", "tenant_id", "recall_id"),
        Index("ix_communications_provider", "tenant_id", "provider_reference"),
        Index("ix_communications_address", "tenant_id", "address_index", "send_time"),
    )

    occasion: Mapped[str]
    is_open: Mapped[bool] = mapped_column(default=True)
    kind: Mapped[int] = enum_column(pb.CommunicationKind)
    channel: Mapped[int] = enum_column(pb.CommunicationChannel)
    state: Mapped[int] = enum_column(pb.CommunicationState, default=pb.COMMUNICATION_STATE_QUEUED)
    problem: Mapped[int] = enum_column(pb.CommunicationProblem, default=pb.COMMUNICATION_PROBLEM_UNSPECIFIED)
    patient_id: Mapped[UUID | None] = mapped_column(info={"patient": True})
    party_id: Mapped[UUID | None]
    appointment_id: Mapped[UUID | None]
    appointment_version: Mapped[int | None]
    start_time: Mapped[datetime | None]
    recall_id: Mapped[UUID | None]
    waitlist_offer_id: Mapped[UUID | None]
    location_id: Mapped[UUID | None]
    template_name: Mapped[str] = mapped_column(default="")
    other_channels: Mapped[list[int]] = mapped_column(_channels(), default=list)
    due_time: Mapped[datetime]
    next_try_time: Mapped[datetime]
    sending_time: Mapped[datetime | None]
    send_time: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    language: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    address_index: Mapped[str] = mapped_column(default="")
    subject: Mapped[str] = mapped_column(default="")
    body: Mapped[str] = mapped_column(default="")
    message_id: Mapped[str] = mapped_column(default="")
    provider_reference: Mapped[str] = mapped_column(default="")
    decided_by: Mapped[str] = mapped_column(default="")
    patient: Mapped[PatientCopy | None] = relationship(viewonly=True, lazy="selectin")

    def put(self, state: int, problem: int = pb.COMMUNICATION_PROBLEM_UNSPECIFIED) -> None:
        """Bring it to a state; only what is queued or being sent is looked at by the job."""
        self.state, self.problem = state, problem
        self.is_open = state in (pb.COMMUNICATION_STATE_QUEUED, pb.COMMUNICATION_STATE_SENDING)


class ContactBlock(Tenanted, Base):
    """An address that is not written to on a channel: a keyed digest, so that no address outlives its owner."""

    __tablename__ = "contact_blocks"

    channel: Mapped[int] = enum_column(pb.CommunicationChannel, primary_key=True)
    address_index: Mapped[str] = mapped_column(primary_key=True)
    problem: Mapped[int] = enum_column(pb.CommunicationProblem)
    source: Mapped[str]
    create_time: Mapped[datetime]


class InboundText(Tenanted, Base):
    """A text message that came in; the provider's id makes it count once."""

    __tablename__ = "inbound_texts"

    provider_reference: Mapped[str] = mapped_column(primary_key=True)
    address_index: Mapped[str]
    wish: Mapped[str]
    appointment_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    create_time: Mapped[datetime]

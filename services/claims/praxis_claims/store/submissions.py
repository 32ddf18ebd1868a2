"""Files of claims that were sent, the answers to them, and every file that came in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, Integer, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis.claims.v1 import submission_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.database import Aggregate, Tenanted, enum_column, message_column, money
from praxis_chassis.types import new_id
from praxis_claims.store.base import Base


class Submission(Aggregate, Base):
    """One file of claims; its row is the intent to send, and stands before the file leaves."""

    __tablename__ = "submissions"

    state: Mapped[int] = enum_column(submission_pb2.SubmissionState)
    sender_id: Mapped[str] = mapped_column(Text)
    receiver_id: Mapped[str] = mapped_column(Text)
    interchange_control_number: Mapped[int] = mapped_column(BigInteger)
    group_control_number: Mapped[int] = mapped_column(BigInteger)
    transaction_control_number: Mapped[str] = mapped_column(Text)
    claim_count: Mapped[int] = mapped_column(Integer)
    currency_code: Mapped[str] = mapped_column(Text)
    charge_amount_minor: Mapped[int] = mapped_column(BigInteger)
    charge_amount = money("charge_amount_minor")
    file: Mapped[type_pb2.FileReference] = message_column(type_pb2.FileReference)
    file_name: Mapped[str] = mapped_column(Text)
    # Of the dates and times in the file, which are the practice's.
    time_zone: Mapped[str] = mapped_column(Text, default="UTC")
    send_attempts: Mapped[int] = mapped_column(Integer, default=0)
    send_error: Mapped[str] = mapped_column(Text, default="")
    send_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        Index("ix_submissions_interchange", "tenant_id", "interchange_control_number"),
        Index("ix_submissions_state", "tenant_id", "state"),
    )


class Acknowledgment(Tenanted, Base):
    """One answer to a file or to one claim in it, kept as received even when it came too late to count."""

    __tablename__ = "acknowledgments"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[int] = enum_column(submission_pb2.AcknowledgmentKind)
    submission_id: Mapped[UUID | None]
    claim_id: Mapped[UUID | None]
    code: Mapped[str] = mapped_column(Text)
    details: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    file_id: Mapped[UUID]
    receive_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (Index("ix_acknowledgments_submission", "tenant_id", "submission_id", "id"),)


class InboundFile(Tenanted, Base):
    """A file that a connector brought; it is stored before it is moved away from where it lay."""

    __tablename__ = "inbound_files"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(Text)
    file_id: Mapped[UUID]
    receive_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    # Empty when the file was read and its answers were applied; otherwise why it waits for a person.
    fault: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (UniqueConstraint("tenant_id", "kind", "name", "sha256", name="uq_inbound_files_content"),)


class ArrivedFile(Base):
    """A file in a connector's folder, and the practices that it belongs to and that have not stored it yet.

    Global on purpose: several practices share a folder. Each file is judged once, whoever it belongs to.
    """

    __tablename__ = "arrived_files"

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    waiting: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    arrive_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = {"info": {"global": True}}

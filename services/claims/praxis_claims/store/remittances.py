"""Remittance files, the remittances in them, and what the payer decided on each claim."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from praxis.claims.v1 import remittance_pb2
from praxis_chassis.database import Aggregate, Tenanted, enum_column, messages_column, money
from praxis_chassis.types import new_id
from praxis_claims.store.base import Base


class RemittanceFile(Tenanted, Base):
    """One upload; the same content again is a row of its own that points to the first."""

    __tablename__ = "remittance_files"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    sha256: Mapped[str] = mapped_column(Text)
    # Hash of the segments without layout, so that re-wrapped bytes are known again.
    content_sha256: Mapped[str] = mapped_column(Text)
    duplicate_of: Mapped[UUID | None]
    file_id: Mapped[UUID]
    # True once all remittances in it are discarded: the same content is then read anew.
    discarded: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    create_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        Index(
            "uq_remittance_files_counting",
            "tenant_id",
            "content_sha256",
            unique=True,
            postgresql_where="duplicate_of IS NULL AND NOT discarded",
        ),
    )


class Remittance(Aggregate, Base):
    """One transaction set: one payment with the claims it pays. The unit of success or quarantine."""

    __tablename__ = "remittances"

    remittance_file_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(Integer)
    control_number: Mapped[str] = mapped_column(Text)
    payer_id: Mapped[UUID | None]
    payer_name: Mapped[str] = mapped_column(Text)
    # Id of the payer as written in the file; with trace number and payee it tells whether a payment was seen before.
    payer_identifier: Mapped[str] = mapped_column(Text, default="")
    payee_identifier: Mapped[str] = mapped_column(Text, default="")
    trace_number: Mapped[str] = mapped_column(Text)
    payment_date: Mapped[date | None] = mapped_column(Date)
    payment_method_code: Mapped[str] = mapped_column(Text)
    currency_code: Mapped[str] = mapped_column(Text)
    payment_amount_minor: Mapped[int] = mapped_column(BigInteger)
    charge_amount_minor: Mapped[int] = mapped_column(BigInteger)
    paid_amount_minor: Mapped[int] = mapped_column(BigInteger)
    provider_adjustment_amount_minor: Mapped[int] = mapped_column(BigInteger)
    payment_amount = money("payment_amount_minor")
    charge_amount = money("charge_amount_minor")
    paid_amount = money("paid_amount_minor")
    provider_adjustment_amount = money("provider_adjustment_amount_minor")
    # Sums by group code, in minor units.
    adjustment_amounts: Mapped[dict[str, int]] = mapped_column(JSONB, default=dict)
    claim_count: Mapped[int] = mapped_column(Integer)
    line_count: Mapped[int] = mapped_column(Integer)
    balances: Mapped[bool] = mapped_column(Boolean)
    state: Mapped[int] = enum_column(remittance_pb2.RemittanceState)
    findings: Mapped[list[remittance_pb2.RemittanceFinding]] = messages_column(remittance_pb2.RemittanceFinding)
    provider_adjustments: Mapped[list[remittance_pb2.ProviderAdjustment]] = messages_column(
        remittance_pb2.ProviderAdjustment
    )
    held_claim_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    held_amount_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    held_amount = money("held_amount_minor")
    # True once billing wrote the payment itself, whatever became of its claims.
    payment_posted: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    discard_reason: Mapped[str] = mapped_column(Text, default="", server_default="")

    __table_args__ = (
        UniqueConstraint("tenant_id", "remittance_file_id", "position", name="uq_remittances_position"),
        ForeignKeyConstraint(
            ["tenant_id", "remittance_file_id"], ["remittance_files.tenant_id", "remittance_files.id"]
        ),
        Index("ix_remittances_identity", "tenant_id", "trace_number", "payer_identifier"),
        Index("ix_remittances_state", "tenant_id", "state"),
    )


class RemittanceClaim(Tenanted, Base):
    """What the payer decided on one claim, as received; lines and adjustments stay in one document for bulk loads."""

    __tablename__ = "remittance_claims"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    remittance_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(Integer)
    claim_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None] = mapped_column(info={"patient": True})
    claim_number: Mapped[str] = mapped_column(Text)
    status_code: Mapped[str] = mapped_column(Text)
    payer_control_number: Mapped[str] = mapped_column(Text)
    currency_code: Mapped[str] = mapped_column(Text)
    charge_amount_minor: Mapped[int] = mapped_column(BigInteger)
    paid_amount_minor: Mapped[int] = mapped_column(BigInteger)
    patient_responsibility_amount_minor: Mapped[int] = mapped_column(BigInteger)
    charge_amount = money("charge_amount_minor")
    paid_amount = money("paid_amount_minor")
    patient_responsibility_amount = money("patient_responsibility_amount_minor")
    state: Mapped[int] = enum_column(remittance_pb2.RemittanceClaimState)
    match_method: Mapped[str] = mapped_column(Text, default="")
    # The earlier decision that this one takes back; each can be taken back once.
    reverses_id: Mapped[UUID | None]
    adjustments: Mapped[list[remittance_pb2.RemittanceAdjustment]] = messages_column(
        remittance_pb2.RemittanceAdjustment
    )
    lines: Mapped[list[remittance_pb2.RemittanceLine]] = messages_column(remittance_pb2.RemittanceLine)
    findings: Mapped[list[remittance_pb2.RemittanceFinding]] = messages_column(remittance_pb2.RemittanceFinding)
    remark_codes: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    patient_name: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        UniqueConstraint("tenant_id", "remittance_id", "position", name="uq_remittance_claims_position"),
        ForeignKeyConstraint(["tenant_id", "remittance_id"], ["remittances.tenant_id", "remittances.id"]),
        UniqueConstraint("tenant_id", "reverses_id", name="uq_remittance_claims_reverses"),
        Index("ix_remittance_claims_claim", "tenant_id", "claim_id"),
        Index("ix_remittance_claims_control", "tenant_id", "payer_control_number"),
    )

"""Payers: who pays claims, and how they want to receive them."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Boolean, Index, Integer, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis.claims.v1 import payer_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.database import Aggregate, ProtoEnum, enum_column, message_column
from praxis_claims.store.base import Base

DEFAULT_FILING_LIMIT_DAYS = 365


class Payer(Aggregate, Base):
    __tablename__ = "payers"

    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[int] = enum_column(payer_pb2.PayerKind)
    electronic_id: Mapped[str] = mapped_column(Text, default="")
    claim_filing_indicator: Mapped[str] = mapped_column(Text, default="")
    filing_limit_days: Mapped[int] = mapped_column(Integer, default=0)
    contractual_reasons: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    formats: Mapped[list[int]] = mapped_column(ARRAY(ProtoEnum(cast("Any", payer_pb2.ClaimFormat))), default=list)
    submitter_id: Mapped[str] = mapped_column(Text, default="")
    receiver_id: Mapped[str] = mapped_column(Text, default="")
    receiver_name: Mapped[str] = mapped_column(Text, default="")
    test_mode: Mapped[bool] = mapped_column(Boolean, default=False)
    member_id_pattern: Mapped[str] = mapped_column(Text, default="")
    approve_remittances: Mapped[bool] = mapped_column(Boolean, default=False)
    address: Mapped[type_pb2.Address | None] = message_column(type_pb2.Address, nullable=True)
    phone: Mapped[str] = mapped_column(Text, default="")
    retired: Mapped[bool] = mapped_column(Boolean, default=False)

    __table_args__ = (
        UniqueConstraint("tenant_id", "name", name="uq_payers_name"),
        Index(
            "uq_payers_electronic_id",
            "tenant_id",
            "electronic_id",
            unique=True,
            postgresql_where="electronic_id <> '' AND NOT retired",
        ),
    )

    @property
    def takes_electronic_claims(self) -> bool:
        """Insurers of animals are billed with a claim pack, not with X12."""
        return self.kind != payer_pb2.PAYER_KIND_PET

    @property
    def filing_limit(self) -> int:
        return self.filing_limit_days or DEFAULT_FILING_LIMIT_DAYS

"""The tables of merges: who became whom, and which services have done their part."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from praxis.patients.v1 import merge_pb2
from praxis_chassis.database import Aggregate, Tenanted, enum_column
from praxis_chassis.merging import KEPT
from praxis_patients.store.models import Base

# Who has to do something when two patients become one.
SERVICES = ("scheduling", "billing", "claims", "reporting")


class PatientMerge(Aggregate, Base):
    """A merge, with what of the two records it changed, so that it can be taken back."""

    __tablename__ = "patient_merges"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "survivor_id"], ["patients.tenant_id", "patients.id"]),
        ForeignKeyConstraint(["tenant_id", "absorbed_id"], ["patients.tenant_id", "patients.id"]),
        Index(None, "tenant_id", "survivor_id"),
        Index(None, "tenant_id", "absorbed_id"),
    )

    survivor_id: Mapped[UUID] = mapped_column(info=KEPT)
    absorbed_id: Mapped[UUID] = mapped_column(info=KEPT)
    state: Mapped[int] = enum_column(merge_pb2.MergeState)
    reason: Mapped[str]
    reversal_reason: Mapped[str] = mapped_column(default="")
    # State of the absorbed patient before, numbers that went over, and rank and subscriber of coverages before.
    snapshot: Mapped[dict[str, Any]] = mapped_column(JSONB)
    acknowledgments: Mapped[list[MergeAcknowledgment]] = relationship(
        order_by="MergeAcknowledgment.service", lazy="selectin"
    )

    @property
    def complete(self) -> bool:
        """Whether every service has done its part of the last step."""
        wanted = self.state == merge_pb2.MERGE_STATE_REVERSED
        return {row.service for row in self.acknowledgments if row.reversed == wanted} >= set(SERVICES)


class MergeAcknowledgment(Tenanted, Base):
    __tablename__ = "merge_acknowledgments"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "merge_id"], ["patient_merges.tenant_id", "patient_merges.id"]),
    )

    merge_id: Mapped[UUID] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    moved: Mapped[int]
    reversed: Mapped[bool]
    acknowledge_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))

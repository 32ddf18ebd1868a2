"""The tables of recalls: the rules, and who is to come again."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, Text, Uuid, column
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from praxis.scheduling.v1 import appointment_type_pb2
from praxis.scheduling.v1 import recall_pb2 as pb
from praxis_chassis.database import Aggregate, ProtoEnum, enum_column, message_column, messages_column
from praxis_scheduling.store.models import Base, PatientCopy

OPEN = (pb.RECALL_STATE_PENDING, pb.RECALL_STATE_DUE, pb.RECALL_STATE_BOOKED)


def _kinds() -> ARRAY[int]:
    kind: Any = appointment_type_pb2.PatientKind
    return ARRAY(ProtoEnum(kind))


class RecallRule(Aggregate, Base):
    """When patients are recalled by themselves."""

    __tablename__ = "recall_rules"

    name: Mapped[str]
    item_sold: Mapped[pb.ItemSold | None] = message_column(pb.ItemSold)
    diagnosed: Mapped[pb.Diagnosed | None] = message_column(pb.Diagnosed)
    visited: Mapped[pb.Visited | None] = message_column(pb.Visited)
    aged: Mapped[pb.Aged | None] = message_column(pb.Aged)
    patient_kinds: Mapped[list[int]] = mapped_column(_kinds(), default=list)
    species_codes: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    interval_months: Mapped[int]
    interval_days: Mapped[int]
    wanted_appointment_type_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    satisfying_catalog_item_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    steps: Mapped[list[pb.RecallStep]] = messages_column(pb.RecallStep)
    expire_after_days: Mapped[int]
    active: Mapped[bool]

    def covers(self, patient: PatientCopy) -> bool:
        """Tell whether it is for a patient."""
        kind = not self.patient_kinds or patient.kind in self.patient_kinds
        return kind and (not self.species_codes or patient.species_code in self.species_codes)


class Recall(Aggregate, Base):
    """One patient who is to come again; of each rule at most one is open for a patient."""

    __tablename__ = "recalls"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patient_copies.tenant_id", "patient_copies.id"]),
        ForeignKeyConstraint(["tenant_id", "rule_id"], ["recall_rules.tenant_id", "recall_rules.id"]),
        Index("uq_recalls_open", "tenant_id", "patient_id", "rule_id", unique=True, postgresql_where=column("is_open")),
        Index("ix_recalls_next", "tenant_id", "next_step_date", postgresql_where=column("is_open")),
        Index("ix_recalls_due", "tenant_id", "due_date", "id"),
        Index("ix_recalls_source", "tenant_id", "source_id"),
    )

    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    rule_id: Mapped[UUID | None]
    name: Mapped[str]
    due_date: Mapped[date]
    location_id: Mapped[UUID | None]
    wanted_appointment_type_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    satisfying_catalog_item_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    steps: Mapped[list[pb.RecallStep]] = messages_column(pb.RecallStep)
    expire_after_days: Mapped[int] = mapped_column(default=0)
    steps_taken: Mapped[int] = mapped_column(default=0)
    next_step_date: Mapped[date]
    # Before this day a visit or an item belongs to what caused the recall, not to the recall.
    counts_from_date: Mapped[date]
    state: Mapped[int] = enum_column(pb.RecallState)
    is_open: Mapped[bool] = mapped_column(default=True)
    stop_reason: Mapped[int] = enum_column(pb.RecallStopReason)
    appointment_id: Mapped[UUID | None]
    source_id: Mapped[UUID | None]
    patient: Mapped[PatientCopy] = relationship(viewonly=True, lazy="selectin")

    def put(self, state: int) -> None:
        """Bring it to a state."""
        self.state, self.is_open = state, state in OPEN

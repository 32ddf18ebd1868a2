"""The table of causes for which another insurer than the health plan may be liable."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from praxis.patients.v1 import related_cause_pb2 as pb
from praxis_chassis.database import Aggregate, enum_column
from praxis_chassis.mapping import Mapping
from praxis_patients.store.models import PATIENT, Base


class RelatedCause(Aggregate, Base):
    __tablename__ = "related_causes"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        Index(None, "tenant_id", "patient_id"),
    )

    patient_id: Mapped[UUID] = mapped_column(info=PATIENT)
    kind: Mapped[int] = enum_column(pb.CauseKind)
    state: Mapped[int] = enum_column(pb.CauseState)
    accident_date: Mapped[date]
    accident_state_code: Mapped[str]
    claim_number: Mapped[str]
    adjuster_name: Mapped[str]
    adjuster_phone: Mapped[str]

    def blank(self) -> None:
        """Forget the case; kind and day stay, because the money refers to them."""
        self.state = pb.CAUSE_STATE_ERASED
        self.claim_number = self.adjuster_name = self.adjuster_phone = ""


RELATED_CAUSE = Mapping(RelatedCause, pb.RelatedCause, read_only={"state"})

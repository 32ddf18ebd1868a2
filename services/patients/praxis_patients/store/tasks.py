"""The table of what is left to do for patients."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from praxis.patients.v1 import task_pb2
from praxis_chassis.database import Aggregate, enum_column
from praxis_patients.store.models import PATIENT, Base


class PatientTask(Aggregate, Base):
    """Something that is done for a patient once; it holds ids only, so that nothing of it is erased."""

    __tablename__ = "patient_tasks"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        ForeignKeyConstraint(["tenant_id", "party_id"], ["parties.tenant_id", "parties.id"]),
        UniqueConstraint("tenant_id", "patient_id", "kind"),
    )

    patient_id: Mapped[UUID] = mapped_column(info=PATIENT)
    kind: Mapped[int] = enum_column(task_pb2.PatientTaskKind)
    state: Mapped[int] = enum_column(task_pb2.PatientTaskState)
    party_id: Mapped[UUID | None]
    close_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closed_by: Mapped[str]

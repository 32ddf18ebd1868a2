"""The table of pairs that may be one patient."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis.patients.v1 import duplicate_candidate_pb2, patient_service_pb2
from praxis_chassis.database import Aggregate, ProtoEnum, enum_column
from praxis_chassis.mapping import Mapping, Special
from praxis_chassis.merging import KEPT
from praxis_patients.store.models import Base


def _enums(enum: Any) -> ARRAY[int]:
    return ARRAY(ProtoEnum(enum))


class DuplicateCandidate(Aggregate, Base):
    """Two records, the one that was registered first first.

    No foreign keys to patients: they would lock the other record of each pair, and two people who correct the two
    records at once would wait for each other. Patients are never deleted. A merge leaves the ids as they are, because
    the pair is what it settles.
    """

    __tablename__ = "duplicate_candidates"
    __table_args__ = (
        UniqueConstraint("tenant_id", "patient_id", "other_patient_id"),
        CheckConstraint("patient_id < other_patient_id", name="order"),
        Index(None, "tenant_id", "other_patient_id"),
        Index(None, "tenant_id", "score", "id"),
    )

    patient_id: Mapped[UUID] = mapped_column(info=KEPT)
    other_patient_id: Mapped[UUID] = mapped_column(info=KEPT)
    score: Mapped[float]
    reasons: Mapped[list[int]] = mapped_column(_enums(patient_service_pb2.MatchReason))
    maybe_relatives: Mapped[bool]
    state: Mapped[int] = enum_column(duplicate_candidate_pb2.DuplicateCandidateState)
    # How alike they were when somebody said that they are different; nothing while that does not count.
    dismissed_score: Mapped[float | None]
    dismiss_reason: Mapped[str]
    dismissed_by: Mapped[str]
    dismiss_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


DUPLICATE_CANDIDATE = Mapping(
    DuplicateCandidate,
    duplicate_candidate_pb2.DuplicateCandidate,
    # Names are read with the whole page, see usecases/duplicates.py.
    special={"patient": Special(read=None), "other_patient": Special(read=None)},
)

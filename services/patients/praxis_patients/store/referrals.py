"""The tables of referrals and of the visits that were counted on them."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis.patients.v1 import referral_pb2 as pb
from praxis_chassis.database import Aggregate, Tenanted, enum_column
from praxis_chassis.mapping import Mapping
from praxis_patients.store.models import PATIENT, Base


class Referral(Aggregate, Base):
    __tablename__ = "referrals"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        ForeignKeyConstraint(["tenant_id", "referrer_id"], ["referrers.tenant_id", "referrers.id"]),
        ForeignKeyConstraint(["tenant_id", "practitioner_id"], ["practitioners.tenant_id", "practitioners.id"]),
        CheckConstraint("visits_allowed IS NULL OR visits_used <= visits_allowed", name="visits"),
        Index(None, "tenant_id", "patient_id"),
    )

    patient_id: Mapped[UUID] = mapped_column(info=PATIENT)
    referrer_id: Mapped[UUID]
    practitioner_id: Mapped[UUID | None]
    state: Mapped[int] = enum_column(pb.ReferralState)
    number: Mapped[str]
    reason: Mapped[str]
    diagnosis_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    from_date: Mapped[date | None]
    to_date: Mapped[date | None]
    visits_allowed: Mapped[int | None]
    visits_used: Mapped[int]

    @property
    def is_used_up(self) -> bool:
        return self.visits_allowed is not None and self.visits_used >= self.visits_allowed

    def counts_on(self, day: date) -> bool:
        return (self.from_date or date.min) <= day < (self.to_date or date.max)

    def blank(self) -> None:
        """Forget what the patient was sent for; who sent him and the dates stay, because claims refer to them."""
        self.state = pb.REFERRAL_STATE_ERASED
        self.number = self.reason = ""
        self.diagnosis_codes = []


class ReferralVisit(Tenanted, Base):
    """That a visit was counted; the key lets an appointment count once on a referral."""

    __tablename__ = "referral_visits"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "referral_id"], ["referrals.tenant_id", "referrals.id"]),)

    referral_id: Mapped[UUID] = mapped_column(primary_key=True)
    appointment_id: Mapped[UUID] = mapped_column(primary_key=True)


REFERRAL = Mapping(Referral, pb.Referral, read_only={"state", "visits_used"})

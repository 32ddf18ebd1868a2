"""Local copies of what patients owns, fed by its events, with no more than claims are written from."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import Boolean, Date, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from praxis.claims.v1 import claim_pb2
from praxis.patients.v1 import coverage_pb2
from praxis_chassis.database import Tenanted, enum_column, message_column
from praxis_chassis.merging import KEPT
from praxis_claims.store.base import Base


class PatientCopy(Tenanted, Base):
    __tablename__ = "patient_copies"

    patient_id: Mapped[UUID] = mapped_column(primary_key=True, info={"patient": True})
    survivor_id: Mapped[UUID | None] = mapped_column(info=KEPT)
    human: Mapped[bool] = mapped_column(Boolean)
    person: Mapped[claim_pb2.ClaimPerson] = message_column(claim_pb2.ClaimPerson)
    erased: Mapped[bool] = mapped_column(Boolean, default=False)


class PartyCopy(Tenanted, Base):
    """A party that may be a subscriber."""

    __tablename__ = "party_copies"

    party_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID | None] = mapped_column(info=KEPT)
    person: Mapped[claim_pb2.ClaimPerson] = message_column(claim_pb2.ClaimPerson)


class CoverageCopy(Tenanted, Base):
    __tablename__ = "coverage_copies"

    coverage_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(info=KEPT)
    kind: Mapped[int] = enum_column(coverage_pb2.CoverageKind)
    payer_id: Mapped[UUID]
    rank: Mapped[int] = mapped_column(Integer)
    member_id: Mapped[str] = mapped_column(Text)
    group_number: Mapped[str] = mapped_column(Text)
    plan_name: Mapped[str] = mapped_column(Text)
    subscriber_relationship: Mapped[int] = enum_column(coverage_pb2.SubscriberRelationship)
    subscriber_party_id: Mapped[UUID | None]
    from_date: Mapped[date | None] = mapped_column(Date)
    to_date: Mapped[date | None] = mapped_column(Date)
    benefits_not_assigned: Mapped[bool] = mapped_column(Boolean)

    __table_args__ = (Index("ix_coverage_copies_patient", "tenant_id", "patient_id"),)


class ProviderCopy(Tenanted, Base):
    """A practice, a practitioner or a referrer, as it stands on claims."""

    __tablename__ = "provider_copies"

    provider_id: Mapped[UUID] = mapped_column(primary_key=True)
    provider: Mapped[claim_pb2.ClaimProvider] = message_column(claim_pb2.ClaimProvider)


class LocationCopy(Tenanted, Base):
    __tablename__ = "location_copies"

    location_id: Mapped[UUID] = mapped_column(primary_key=True)
    practice_id: Mapped[UUID]
    time_zone: Mapped[str] = mapped_column(Text)
    place_of_service_code: Mapped[str] = mapped_column(Text)
    facility: Mapped[claim_pb2.ClaimProvider] = message_column(claim_pb2.ClaimProvider)

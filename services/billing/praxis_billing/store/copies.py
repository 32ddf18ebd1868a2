"""Local copies of what other services own; each holds only what billing needs."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, Uuid, false, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis.billing.v1 import catalog_pb2
from praxis.scheduling.v1 import visit_pb2
from praxis.type.v1 import type_pb2
from praxis_billing.store.base import Base
from praxis_chassis.database import Tenanted, enum_column, message_column, messages_column, money
from praxis_chassis.merging import KEPT
from praxis_chassis.types import Money


class PatientCopy(Tenanted, Base):
    __tablename__ = "patient_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True, info={"patient": True})
    survivor_id: Mapped[UUID | None] = mapped_column(info=KEPT)
    display_name: Mapped[str] = mapped_column(default="")
    sector: Mapped[int] = enum_column(catalog_pb2.Sector)
    deceased_date: Mapped[date | None]
    statements_held: Mapped[bool] = mapped_column(server_default=false(), default=False)


class ResponsibilityCopy(Tenanted, Base):
    __tablename__ = "responsibility_copies"
    __table_args__ = (Index("ix_responsibility_copies_party", "tenant_id", "party_id"),)

    patient_id: Mapped[UUID] = mapped_column(primary_key=True, info={"patient": True})
    position: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[UUID]
    basis_points: Mapped[int]
    from_date: Mapped[date | None]
    to_date: Mapped[date | None]
    revenue_groups: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))


class PartyCopy(Tenanted, Base):
    __tablename__ = "party_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID | None] = mapped_column(info=KEPT)
    display_name: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(default="")
    addresses: Mapped[list[Any]] = messages_column(type_pb2.Address)


class CoverageCopy(Tenanted, Base):
    __tablename__ = "coverage_copies"
    __table_args__ = (Index("ix_coverage_copies_patient", "tenant_id", "patient_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(info=KEPT)
    payer_id: Mapped[UUID]
    rank: Mapped[int]
    billed: Mapped[bool]
    related_cause_id: Mapped[UUID | None]
    from_date: Mapped[date | None]
    to_date: Mapped[date | None]
    copay_minor: Mapped[int | None]
    currency_code: Mapped[str] = mapped_column(default="USD")
    copay: Money | None = money("copay_minor")


class PayerCopy(Tenanted, Base):
    __tablename__ = "payer_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]


class VisitCopy(Tenanted, Base):
    __tablename__ = "visit_copies"
    __table_args__ = (Index("ix_visit_copies_date", "tenant_id", "local_date", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    state: Mapped[int | None] = enum_column(visit_pb2.VisitState, nullable=True)
    local_date: Mapped[date | None]
    location_id: Mapped[UUID | None]
    practitioner_id: Mapped[UUID | None]
    appointment_type_id: Mapped[UUID | None]


class AppointmentTypeCopy(Tenanted, Base):
    __tablename__ = "appointment_type_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    default_catalog_item_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)


class PracticeCopy(Tenanted, Base):
    __tablename__ = "practice_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    phone: Mapped[str] = mapped_column(default="")
    currency_code: Mapped[str]
    locale: Mapped[str]
    billing_address: Mapped[Any] = message_column(type_pb2.Address, nullable=True)


class LocationCopy(Tenanted, Base):
    __tablename__ = "location_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    practice_id: Mapped[UUID]
    name: Mapped[str]
    time_zone: Mapped[str]
    place_of_service_code: Mapped[str] = mapped_column(default="")


class PractitionerCopy(Tenanted, Base):
    """That a practitioner exists; charges name nobody else."""

    __tablename__ = "practitioner_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)


class ReferrerCopy(Tenanted, Base):
    """That a referrer exists."""

    __tablename__ = "referrer_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)

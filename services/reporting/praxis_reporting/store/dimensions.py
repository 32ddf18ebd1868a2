"""Who and what facts are about; names of people stand apart, so that erasing and hiding them is one table each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from praxis.patients.v1 import patient_pb2
from praxis_chassis.database import Tenanted, enum_column
from praxis_chassis.merging import KEPT
from praxis_reporting.store.base import Base


class Patient(Tenanted, Base):
    __tablename__ = "patients"

    patient_id: Mapped[UUID] = mapped_column(primary_key=True, info={"patient": True})
    survivor_id: Mapped[UUID | None] = mapped_column(info=KEPT)
    chart_number: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    state: Mapped[Any] = enum_column(patient_pb2.PatientState)


class PatientName(Tenanted, Base):
    __tablename__ = "patient_names"

    patient_id: Mapped[UUID] = mapped_column(primary_key=True, info={"patient": True})
    display_name: Mapped[str] = mapped_column(Text)


class PartyName(Tenanted, Base):
    __tablename__ = "party_names"

    party_id: Mapped[UUID] = mapped_column(primary_key=True)
    display_name: Mapped[str] = mapped_column(Text)


class Account(Tenanted, Base):
    """An account; its number is empty until the event that opened it arrives."""

    __tablename__ = "accounts"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(Text, default="")
    party_id: Mapped[UUID | None]


class Payer(Tenanted, Base):
    """An insurer; its name is empty until the event that added it arrives."""

    __tablename__ = "payers"

    payer_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, default="")


class Location(Tenanted, Base):
    __tablename__ = "locations"

    location_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    time_zone: Mapped[str] = mapped_column(Text)


class Practitioner(Tenanted, Base):
    __tablename__ = "practitioners"

    practitioner_id: Mapped[UUID] = mapped_column(primary_key=True)
    display_name: Mapped[str] = mapped_column(Text)


class CatalogItem(Tenanted, Base):
    __tablename__ = "catalog_items"

    catalog_item_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    revenue_group: Mapped[str] = mapped_column(Text)

"""The tables of what the practice adds to patients and parties: alerts, groups, own fields, households."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, Text, UniqueConstraint, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from praxis.patients.v1 import alert_pb2, custom_field_pb2
from praxis_chassis.database import Aggregate, ProtoEnum, Tenanted, enum_column
from praxis_patients.store.models import PATIENT, Base


def _enums(enum: Any) -> ARRAY[int]:
    return ARRAY(ProtoEnum(enum))


class Alert(Aggregate, Base):
    __tablename__ = "alerts"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        Index(None, "tenant_id", "patient_id"),
    )

    patient_id: Mapped[UUID] = mapped_column(info=PATIENT)
    severity: Mapped[int] = enum_column(alert_pb2.AlertSeverity)
    text: Mapped[str]
    places: Mapped[list[int]] = mapped_column(_enums(alert_pb2.AlertPlace))
    from_date: Mapped[date | None]
    to_date: Mapped[date | None]
    recorded_by: Mapped[str]


class PatientGroup(Aggregate, Base):
    __tablename__ = "patient_groups"
    __table_args__ = (UniqueConstraint("tenant_id", "tag"),)

    tag: Mapped[str]
    title: Mapped[str]
    color: Mapped[str]
    active: Mapped[bool] = mapped_column(server_default=true(), default=True)


class CustomField(Aggregate, Base):
    __tablename__ = "custom_fields"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    title: Mapped[str]
    type: Mapped[int] = enum_column(custom_field_pb2.CustomFieldType)
    kinds: Mapped[list[int]] = mapped_column(_enums(custom_field_pb2.CustomFieldKind))
    choices: Mapped[list[str]] = mapped_column(ARRAY(Text))
    required: Mapped[bool]
    active: Mapped[bool] = mapped_column(server_default=true(), default=True)


class Household(Aggregate, Base):
    """Parties that belong together; ids only, so that nothing of it is erased but its members."""

    __tablename__ = "households"

    members: Mapped[list[HouseholdMember]] = relationship(
        cascade="all, delete-orphan", order_by="HouseholdMember.position", lazy="selectin"
    )

    @property
    def party_ids(self) -> list[UUID]:
        return [member.party_id for member in self.members]


class HouseholdMember(Tenanted, Base):
    """That a party belongs to a household; the key lets it belong to one."""

    __tablename__ = "household_members"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "household_id"], ["households.tenant_id", "households.id"]),
        ForeignKeyConstraint(["tenant_id", "party_id"], ["parties.tenant_id", "parties.id"]),
        Index(None, "tenant_id", "household_id"),
    )

    party_id: Mapped[UUID] = mapped_column(primary_key=True)
    household_id: Mapped[UUID]
    position: Mapped[int]

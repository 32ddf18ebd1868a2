"""Tables of the catalog, the fee schedules and the tax rates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from praxis.billing.v1 import catalog_pb2
from praxis_billing.rules.fees import FeeOption
from praxis_billing.rules.pricing import Rate
from praxis_billing.store.base import Base, within_tenant
from praxis_chassis.database import Aggregate, Tenanted, enum_column, money
from praxis_chassis.types import Money


class CatalogItem(Aggregate, Base):
    __tablename__ = "catalog_items"
    __table_args__ = (Index("uq_catalog_items_code", "tenant_id", "code_system", "code", unique=True),)

    kind: Mapped[int] = enum_column(catalog_pb2.ItemKind)
    name: Mapped[str]
    code_system: Mapped[int] = enum_column(catalog_pb2.CodeSystem)
    code: Mapped[str]
    revenue_group: Mapped[str]
    tax_class: Mapped[str] = mapped_column(default="")
    sector: Mapped[int] = enum_column(catalog_pb2.Sector)
    unit: Mapped[str] = mapped_column(default="")
    ndc: Mapped[str] = mapped_column(default="")
    retired: Mapped[bool] = mapped_column(default=False)


class FeeSchedule(Aggregate, Base):
    __tablename__ = "fee_schedules"
    __table_args__ = (CheckConstraint("end_date IS NULL OR end_date > start_date", name="dates"),)

    name: Mapped[str]
    payer_id: Mapped[UUID | None]
    location_id: Mapped[UUID | None]
    practitioner_id: Mapped[UUID | None]
    start_date: Mapped[date]
    end_date: Mapped[date | None]
    fees: Mapped[list[Fee]] = relationship(
        order_by="Fee.position", cascade="all, delete-orphan", lazy="selectin", back_populates="schedule"
    )


class Fee(Tenanted, Base):
    __tablename__ = "fees"
    __table_args__ = (
        within_tenant("fee_schedule_id", "fee_schedules"),
        within_tenant("catalog_item_id", "catalog_items"),
        CheckConstraint("amount_minor >= 0", name="amount"),
        Index("ix_fees_item", "tenant_id", "catalog_item_id"),
    )

    fee_schedule_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    catalog_item_id: Mapped[UUID]
    modifiers: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    amount_minor: Mapped[int]
    currency_code: Mapped[str]
    amount: Money = money("amount_minor")
    schedule: Mapped[FeeSchedule] = relationship(back_populates="fees")

    def option(self) -> FeeOption:
        """Return the fee with the conditions of its schedule."""
        schedule = self.schedule
        return FeeOption(
            schedule_id=schedule.id,
            payer_id=schedule.payer_id,
            location_id=schedule.location_id,
            practitioner_id=schedule.practitioner_id,
            start_date=schedule.start_date,
            end_date=schedule.end_date,
            modifiers=tuple(self.modifiers),
            amount=self.amount,
        )


class TaxRate(Aggregate, Base):
    __tablename__ = "tax_rates"
    __table_args__ = (CheckConstraint("end_date IS NULL OR end_date > start_date", name="dates"),)

    name: Mapped[str]
    jurisdiction: Mapped[str]
    tax_class: Mapped[str]
    sector: Mapped[int] = enum_column(catalog_pb2.Sector)
    percent: Mapped[Decimal] = mapped_column(Numeric(6, 4))
    inclusive: Mapped[bool] = mapped_column(default=False)
    location_id: Mapped[UUID | None]
    start_date: Mapped[date]
    end_date: Mapped[date | None]

    def rate(self) -> Rate:
        """Return the rate as the pricing rules take it."""
        return Rate(self.id, self.name, self.jurisdiction, self.percent, self.inclusive)

"""Tables of encounters, their charges, and the shares that are the open items of the ledger."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, DateTime, Index, Integer, Numeric, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from praxis.billing.v1 import catalog_pb2, encounter_pb2
from praxis_billing.rules.ledger import Dimensions
from praxis_billing.store.base import Base, within_tenant
from praxis_chassis.database import Aggregate, Tenanted, enum_column, messages_column, money
from praxis_chassis.types import Money, new_id


class Encounter(Aggregate, Base):
    __tablename__ = "encounters"
    __table_args__ = (
        Index("uq_encounters_number", "tenant_id", "number", unique=True),
        Index(
            "uq_encounters_visit",
            "tenant_id",
            "visit_id",
            unique=True,
            postgresql_where=text("visit_id IS NOT NULL AND state = 'posted'"),
        ),
        Index(
            "uq_encounters_external_reference",
            "tenant_id",
            "external_reference",
            unique=True,
            postgresql_where=text("external_reference <> ''"),
        ),
        Index("ix_encounters_patient", "tenant_id", "patient_id", "service_date"),
        Index("ix_encounters_service_date", "tenant_id", "service_date", "id"),
    )

    number: Mapped[str]
    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    visit_id: Mapped[UUID | None]
    service_date: Mapped[date]
    location_id: Mapped[UUID]
    rendering_practitioner_id: Mapped[UUID]
    referrer_id: Mapped[UUID | None]
    diagnoses: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    self_pay: Mapped[bool] = mapped_column(default=False)
    place_of_service_code: Mapped[str] = mapped_column(default="")
    authorization_number: Mapped[str] = mapped_column(default="")
    related_cause: Mapped[int] = enum_column(encounter_pb2.RelatedCause)
    related_date: Mapped[date | None]
    related_cause_id: Mapped[UUID | None]
    external_reference: Mapped[str] = mapped_column(default="")
    state: Mapped[int] = enum_column(encounter_pb2.EncounterState)
    total_minor: Mapped[int]
    currency_code: Mapped[str]
    total: Money = money("total_minor")
    posted_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reversed_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reversal_reason: Mapped[str] = mapped_column(default="")
    charges: Mapped[list[Charge]] = relationship(
        order_by="Charge.position", lazy="selectin", back_populates="encounter"
    )

    @property
    def shares(self) -> list[Share]:
        """All shares of all charges."""
        return [share for charge in self.charges for share in charge.shares]


class Charge(Tenanted, Base):
    __tablename__ = "charges"
    __table_args__ = (
        within_tenant("encounter_id", "encounters"),
        within_tenant("catalog_item_id", "catalog_items"),
        Index("ix_charges_encounter", "tenant_id", "encounter_id"),
        CheckConstraint("units > 0 AND gross_minor >= 0 AND discount_minor >= 0 AND tax_minor >= 0", name="signs"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    encounter_id: Mapped[UUID]
    position: Mapped[int]
    catalog_item_id: Mapped[UUID]
    code_system: Mapped[int] = enum_column(catalog_pb2.CodeSystem)
    procedure_code: Mapped[str]
    description: Mapped[str]
    modifiers: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    diagnosis_pointers: Mapped[list[int]] = mapped_column(ARRAY(Integer), default=list)
    units: Mapped[Decimal] = mapped_column(Numeric(12, 3))
    currency_code: Mapped[str]
    unit_price_minor: Mapped[int]
    unit_price: Money = money("unit_price_minor")
    gross_minor: Mapped[int]
    gross: Money = money("gross_minor")
    discount_basis_points: Mapped[int] = mapped_column(default=0)
    discount_minor: Mapped[int]
    discount: Money = money("discount_minor")
    taxes: Mapped[list[Any]] = messages_column(encounter_pb2.TaxLine)
    tax_minor: Mapped[int]
    tax: Money = money("tax_minor")
    total_minor: Mapped[int]
    total: Money = money("total_minor")
    rendering_practitioner_id: Mapped[UUID | None]
    revenue_group: Mapped[str]
    ndc: Mapped[str] = mapped_column(default="")
    encounter: Mapped[Encounter] = relationship(back_populates="charges")
    shares: Mapped[list[Share]] = relationship(order_by="Share.id", lazy="selectin", back_populates="charge")


class Share(Tenanted, Base):
    """An open item: its figures follow the ledger and are written by `post` alone."""

    __tablename__ = "shares"

    assigned_at_first = 0  # what the split gave it, until the ledger has it
    __table_args__ = (
        within_tenant("charge_id", "charges"),
        within_tenant("encounter_id", "encounters"),
        within_tenant("account_id", "accounts"),
        CheckConstraint("open_minor >= 0", name="open"),
        CheckConstraint("(payer_id IS NULL) = (coverage_id IS NULL)", name="payer"),
        Index("ix_shares_charge", "tenant_id", "charge_id"),
        Index("ix_shares_encounter", "tenant_id", "encounter_id"),
        Index("ix_shares_account_open", "tenant_id", "account_id", postgresql_where=text("open_minor <> 0")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    encounter_id: Mapped[UUID]
    charge_id: Mapped[UUID]
    account_id: Mapped[UUID]
    coverage_id: Mapped[UUID | None]
    payer_id: Mapped[UUID | None]
    rank: Mapped[int] = mapped_column(default=0)
    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    location_id: Mapped[UUID]
    service_date: Mapped[date]
    currency_code: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(default=0)
    amount: Money = money("amount_minor")
    paid_minor: Mapped[int] = mapped_column(default=0)
    paid: Money = money("paid_minor")
    adjusted_minor: Mapped[int] = mapped_column(default=0)
    adjusted: Money = money("adjusted_minor")
    open_minor: Mapped[int] = mapped_column(Computed("amount_minor - paid_minor - adjusted_minor", persisted=True))
    charge: Mapped[Charge] = relationship(back_populates="shares")

    @property
    def open(self) -> Money:
        """What is still open; worked out here so that it is right before the row is read again."""
        return Money(self.currency_code, self.amount_minor - self.paid_minor - self.adjusted_minor)

    def dimensions(self, payment_id: UUID | None = None) -> Dimensions:
        """Return what a ledger line on this share is about."""
        return Dimensions(
            patient_id=self.patient_id,
            account_id=self.account_id,
            payer_id=self.payer_id,
            location_id=self.location_id,
            encounter_id=self.encounter_id,
            charge_id=self.charge_id,
            share_id=self.id,
            payment_id=payment_id,
        )

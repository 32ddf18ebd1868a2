"""Tables of payments, their uses, and adjustments."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from praxis.billing.v1 import payment_pb2
from praxis_billing.store.base import Base, within_tenant
from praxis_chassis.database import Aggregate, Tenanted, enum_column, money
from praxis_chassis.types import Money, new_id


class Payment(Aggregate, Base):
    __tablename__ = "payments"
    __table_args__ = (
        within_tenant("account_id", "accounts"),
        CheckConstraint("amount_minor >= 0", name="amount"),
        CheckConstraint("payer_id IS NOT NULL OR unapplied_minor BETWEEN 0 AND amount_minor", name="unapplied"),
        CheckConstraint("(account_id IS NULL) <> (payer_id IS NULL)", name="payer"),
        Index("uq_payments_number", "tenant_id", "number", unique=True),
        Index(
            "uq_payments_remittance",
            "tenant_id",
            "remittance_id",
            unique=True,
            postgresql_where=text("remittance_id IS NOT NULL"),
        ),
        Index("ix_payments_account", "tenant_id", "account_id", "received_date"),
        Index("ix_payments_received_date", "tenant_id", "received_date", "id"),
    )

    number: Mapped[str]
    payer_kind: Mapped[int] = enum_column(payment_pb2.PayerKind)
    account_id: Mapped[UUID | None]
    payer_id: Mapped[UUID | None]
    method: Mapped[int] = enum_column(payment_pb2.PaymentMethod)
    reference: Mapped[str] = mapped_column(default="")
    currency_code: Mapped[str]
    amount_minor: Mapped[int]
    amount: Money = money("amount_minor")
    unapplied_minor: Mapped[int]
    unapplied: Money = money("unapplied_minor")
    received_date: Mapped[date]
    location_id: Mapped[UUID | None]
    allocation_policy: Mapped[int] = enum_column(payment_pb2.AllocationPolicy)
    state: Mapped[int] = enum_column(payment_pb2.PaymentState)
    remittance_id: Mapped[UUID | None]
    reversed_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reversal_reason: Mapped[str] = mapped_column(default="")
    allocations: Mapped[list[Allocation]] = relationship(order_by="Allocation.id", lazy="selectin")


class Allocation(Tenanted, Base):
    __tablename__ = "allocations"
    __table_args__ = (
        within_tenant("payment_id", "payments"),
        within_tenant("share_id", "shares"),
        CheckConstraint("amount_minor <> 0", name="amount"),
        Index("ix_allocations_payment", "tenant_id", "payment_id"),
        Index("ix_allocations_share", "tenant_id", "share_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    payment_id: Mapped[UUID]
    share_id: Mapped[UUID]
    encounter_id: Mapped[UUID]
    charge_id: Mapped[UUID]
    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    account_id: Mapped[UUID]
    payer_id: Mapped[UUID | None]
    amount_minor: Mapped[int]
    currency_code: Mapped[str]
    amount: Money = money("amount_minor")
    effective_date: Mapped[date]
    allocate_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Adjustment(Aggregate, Base):
    __tablename__ = "adjustments"
    __table_args__ = (
        within_tenant("share_id", "shares"),
        CheckConstraint("amount_minor <> 0", name="amount"),
        Index("ix_adjustments_encounter", "tenant_id", "encounter_id"),
        Index("ix_adjustments_patient", "tenant_id", "patient_id"),
    )

    share_id: Mapped[UUID]
    reason: Mapped[int] = enum_column(payment_pb2.AdjustmentReason)
    amount_minor: Mapped[int]
    currency_code: Mapped[str]
    amount: Money = money("amount_minor")
    note: Mapped[str] = mapped_column(default="")
    group_code: Mapped[str] = mapped_column(default="")
    reason_code: Mapped[str] = mapped_column(default="")
    encounter_id: Mapped[UUID]
    charge_id: Mapped[UUID]
    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    account_id: Mapped[UUID]
    payer_id: Mapped[UUID | None]
    remittance_id: Mapped[UUID | None]
    journal_id: Mapped[UUID | None]
    effective_date: Mapped[date]
    state: Mapped[int] = enum_column(payment_pb2.AdjustmentState)

"""Tables of the ledger: rows are inserted once; triggers of the first migration refuse everything else."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from praxis.billing.v1 import ledger_pb2
from praxis_billing.rules.ledger import Dimensions, Effect, Line
from praxis_billing.store.base import Base, within_tenant
from praxis_chassis.database import Aggregate, Tenanted, enum_column, money
from praxis_chassis.types import Money

APPEND_ONLY = {"grants": "SELECT, INSERT"}


class LedgerAccount(Tenanted, Base):
    __tablename__ = "ledger_accounts"
    __table_args__ = ({"info": APPEND_ONLY},)

    code: Mapped[str] = mapped_column(primary_key=True)
    currency_code: Mapped[str] = mapped_column(primary_key=True)


class Journal(Tenanted, Base):
    __tablename__ = "journals"
    __table_args__ = (
        UniqueConstraint("tenant_id", "idempotency_key", name="uq_journals_idempotency_key"),
        UniqueConstraint("tenant_id", "reverses_id", name="uq_journals_reverses_id"),
        within_tenant("reverses_id", "journals"),
        Index("ix_journals_source", "tenant_id", "source_id"),
        Index("ix_journals_effective_date", "tenant_id", "effective_date", "id"),
        {"info": APPEND_ONLY},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[int] = enum_column(ledger_pb2.JournalKind)
    idempotency_key: Mapped[str]
    effective_date: Mapped[date]
    post_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    source_type: Mapped[str]
    source_id: Mapped[UUID]
    reverses_id: Mapped[UUID | None]
    entries: Mapped[list[Entry]] = relationship(order_by="Entry.line", lazy="selectin", viewonly=True)


class Entry(Tenanted, Base):
    __tablename__ = "entries"
    __table_args__ = (
        within_tenant("journal_id", "journals"),
        ForeignKeyConstraint(
            ["tenant_id", "ledger_account", "currency_code"],
            ["ledger_accounts.tenant_id", "ledger_accounts.code", "ledger_accounts.currency_code"],
        ),
        within_tenant("share_id", "shares"),
        CheckConstraint("amount_minor <> 0", name="amount"),
        CheckConstraint("effect IS NULL OR effect IN ('assigned', 'paid', 'adjusted')", name="effect"),
        CheckConstraint("(effect IS NULL) = (left(ledger_account, 3) <> 'ar_')", name="receivable"),
        Index("ix_entries_share", "tenant_id", "share_id"),
        Index("ix_entries_account", "tenant_id", "account_id"),
        Index("ix_entries_charge", "tenant_id", "charge_id"),
        Index("ix_entries_payment", "tenant_id", "payment_id"),
        {"info": APPEND_ONLY},
    )

    journal_id: Mapped[UUID] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    ledger_account: Mapped[str]
    currency_code: Mapped[str]
    amount_minor: Mapped[int]
    amount: Money = money("amount_minor")
    effect: Mapped[str | None] = mapped_column(Text)
    effective_date: Mapped[date]
    patient_id: Mapped[UUID | None] = mapped_column(info={"patient": True})
    account_id: Mapped[UUID | None]
    payer_id: Mapped[UUID | None]
    location_id: Mapped[UUID | None]
    encounter_id: Mapped[UUID | None]
    charge_id: Mapped[UUID | None]
    share_id: Mapped[UUID | None]
    payment_id: Mapped[UUID | None]

    def as_line(self) -> Line:
        """Return the entry as the rules take it."""
        dimensions = Dimensions(
            patient_id=self.patient_id,
            account_id=self.account_id,
            payer_id=self.payer_id,
            location_id=self.location_id,
            encounter_id=self.encounter_id,
            charge_id=self.charge_id,
            share_id=self.share_id,
            payment_id=self.payment_id,
        )
        return Line(self.ledger_account, self.amount, dimensions, Effect(self.effect) if self.effect else None)


class RemittancePosting(Aggregate, Base):
    __tablename__ = "remittance_postings"
    __table_args__ = (
        UniqueConstraint("tenant_id", "key", name="uq_remittance_postings_key"),
        Index("ix_remittance_postings_remittance", "tenant_id", "remittance_id"),
        Index("ix_remittance_postings_encounter", "tenant_id", "encounter_id"),
    )

    key: Mapped[str]
    remittance_id: Mapped[UUID]
    remittance_claim_id: Mapped[UUID | None]
    reverses_remittance_claim_id: Mapped[UUID | None]
    claim_id: Mapped[UUID | None]
    encounter_id: Mapped[UUID | None]
    payer_id: Mapped[UUID | None]
    payment_id: Mapped[UUID | None]
    journal_id: Mapped[UUID | None]
    state: Mapped[int] = enum_column(ledger_pb2.RemittancePostingState)
    refusal_reason: Mapped[str] = mapped_column(default="")
    currency_code: Mapped[str]
    paid_minor: Mapped[int] = mapped_column(default=0)
    paid: Money = money("paid_minor")
    adjusted_minor: Mapped[int] = mapped_column(default=0)
    adjusted: Money = money("adjusted_minor")
    transferred_minor: Mapped[int] = mapped_column(default=0)
    transferred: Money = money("transferred_minor")
    held_minor: Mapped[int] = mapped_column(default=0)
    held: Money = money("held_minor")
    effective_date: Mapped[date]


class ControlTotals(Aggregate, Base):
    """When the ledger was last summed up for the others; the only row of a tenant, under the tenant's id."""

    __tablename__ = "control_totals"

"""What happened: postings, movements of receivables, payments, appointments, visits, claims."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Computed, Date, DateTime, Index, Integer, Numeric, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis.billing.v1 import payment_pb2
from praxis.claims.v1 import claim_pb2
from praxis.reporting.v1 import report_pb2
from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2, visit_pb2
from praxis_chassis.database import Tenanted, enum_column
from praxis_chassis.merging import FIXED
from praxis_reporting.store.base import Base


class Entry(Tenanted, Base):
    """One posting, as the day sheet shows it; what is taken back is a second entry with the opposite sign."""

    __tablename__ = "entries"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[Any] = enum_column(report_pb2.EntryKind)
    entry_date: Mapped[date] = mapped_column(Date)
    entry_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    service_date: Mapped[date | None] = mapped_column(Date)
    patient_id: Mapped[UUID | None] = mapped_column(info=FIXED)
    account_id: Mapped[UUID | None]
    payer_id: Mapped[UUID | None]
    location_id: Mapped[UUID | None]
    practitioner_id: Mapped[UUID | None]
    catalog_item_id: Mapped[UUID | None]
    procedure_code: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="")
    units: Mapped[Decimal | None] = mapped_column(Numeric(12, 3))
    method: Mapped[Any] = enum_column(payment_pb2.PaymentMethod, default=0)
    reason: Mapped[Any] = enum_column(payment_pb2.AdjustmentReason, default=0)
    encounter_id: Mapped[UUID | None]
    charge_id: Mapped[UUID | None]
    payment_id: Mapped[UUID | None]
    adjustment_id: Mapped[UUID | None]
    currency_code: Mapped[str] = mapped_column(Text)
    gross_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    discount_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    tax_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    amount_minor: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index("ix_entries_date", "tenant_id", "entry_date", "entry_time"),
        Index("ix_entries_charge", "tenant_id", "charge_id"),
        Index("ix_entries_encounter", "tenant_id", "encounter_id"),
        Index("ix_entries_patient", "tenant_id", "patient_id"),
    )


class Receivable(Tenanted, Base):
    """One share of a charge as it stands; payments may arrive here before the encounter does."""

    __tablename__ = "receivables"

    share_id: Mapped[UUID] = mapped_column(primary_key=True)
    encounter_id: Mapped[UUID | None]
    charge_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None] = mapped_column(info=FIXED)
    account_id: Mapped[UUID | None]
    payer_id: Mapped[UUID | None]
    service_date: Mapped[date | None] = mapped_column(Date)
    currency_code: Mapped[str] = mapped_column(Text)
    assigned_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    paid_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    adjusted_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    open_minor: Mapped[int] = mapped_column(
        BigInteger, Computed("assigned_minor - paid_minor - adjusted_minor", persisted=True)
    )

    __table_args__ = (
        Index("ix_receivables_encounter", "tenant_id", "encounter_id"),
        Index("ix_receivables_open", "tenant_id", "account_id", "payer_id", postgresql_where=text("open_minor <> 0")),
    )


class Movement(Tenanted, Base):
    """One change of a receivable, as the events told it: what the ledger's control accounts add up from."""

    __tablename__ = "movements"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    share_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    payer_id: Mapped[UUID | None]
    payment_id: Mapped[UUID | None]
    effective_date: Mapped[date | None] = mapped_column(Date)
    currency_code: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index("ix_movements_share", "tenant_id", "share_id"),
        Index("ix_movements_payment", "tenant_id", "payment_id"),
    )


class Payment(Tenanted, Base):
    __tablename__ = "payments"

    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    payer_kind: Mapped[Any] = enum_column(payment_pb2.PayerKind)
    account_id: Mapped[UUID | None]
    payer_id: Mapped[UUID | None]
    received_date: Mapped[date | None] = mapped_column(Date)
    state: Mapped[Any] = enum_column(payment_pb2.PaymentState)
    currency_code: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    unapplied_minor: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_payments_account", "tenant_id", "account_id"),)


class Appointment(Tenanted, Base):
    __tablename__ = "appointments"

    appointment_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(info=FIXED)
    appointment_type_id: Mapped[UUID | None]
    appointment_type_name: Mapped[str] = mapped_column(Text)
    location_id: Mapped[UUID | None]
    practitioner_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    state: Mapped[Any] = enum_column(appointment_pb2.AppointmentState)
    channel: Mapped[Any] = enum_column(appointment_type_pb2.Channel)
    local_date: Mapped[date] = mapped_column(Date)
    local_start: Mapped[str] = mapped_column(Text)
    start_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    end_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    book_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    overridden: Mapped[bool] = mapped_column(Boolean)
    cancelled_by: Mapped[Any] = enum_column(appointment_pb2.CancelledBy, default=0)
    late_cancellation: Mapped[bool] = mapped_column(Boolean, default=False)
    move_count: Mapped[int] = mapped_column(Integer, default=0)

    __table_args__ = (
        Index("ix_appointments_date", "tenant_id", "local_date", "start_time"),
        Index("ix_appointments_patient", "tenant_id", "patient_id"),
    )


class Visit(Tenanted, Base):
    __tablename__ = "visits"

    visit_id: Mapped[UUID] = mapped_column(primary_key=True)
    appointment_id: Mapped[UUID | None]
    patient_id: Mapped[UUID] = mapped_column(info=FIXED)
    location_id: Mapped[UUID | None]
    practitioner_id: Mapped[UUID | None]
    state: Mapped[Any] = enum_column(visit_pb2.VisitState)
    local_date: Mapped[date | None] = mapped_column(Date)
    arrive_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    room_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    complete_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        Index("ix_visits_appointment", "tenant_id", "appointment_id"),
        Index("ix_visits_patient", "tenant_id", "patient_id"),
    )


class Claim(Tenanted, Base):
    __tablename__ = "claims"

    claim_id: Mapped[UUID] = mapped_column(primary_key=True)
    claim_number: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[UUID] = mapped_column(info=FIXED)
    encounter_id: Mapped[UUID | None]
    payer_id: Mapped[UUID | None]
    coverage_rank: Mapped[int] = mapped_column(Integer)
    state: Mapped[Any] = enum_column(claim_pb2.ClaimState)
    state_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    outcome: Mapped[Any] = enum_column(claim_pb2.ClaimOutcome)
    service_date: Mapped[date] = mapped_column(Date)
    currency_code: Mapped[str] = mapped_column(Text)
    charge_minor: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index("ix_claims_state", "tenant_id", "state", "service_date"),
        Index("ix_claims_patient", "tenant_id", "patient_id"),
    )


class ClaimTransition(Tenanted, Base):
    """One event of a claim, under the id of that event."""

    __tablename__ = "claim_transitions"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    claim_id: Mapped[UUID]
    verb: Mapped[str] = mapped_column(Text)
    previous_state: Mapped[Any] = enum_column(claim_pb2.ClaimState)
    state: Mapped[Any] = enum_column(claim_pb2.ClaimState)
    transition_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (Index("ix_claim_transitions_claim", "tenant_id", "claim_id"),)


class LedgerCheck(Tenanted, Base):
    """What billing's ledger came to and what was kept here, when both had last seen the same events."""

    __tablename__ = "ledger_checks"

    code: Mapped[str] = mapped_column(Text, primary_key=True)
    currency_code: Mapped[str] = mapped_column(Text, primary_key=True)
    expected_minor: Mapped[int] = mapped_column(BigInteger)
    actual_minor: Mapped[int] = mapped_column(BigInteger)

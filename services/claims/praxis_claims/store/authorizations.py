"""What payers permit in advance, and the units that are kept of it."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, DateTime, ForeignKeyConstraint, Index, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis.claims.v1 import authorization_pb2 as pb
from praxis_chassis.database import Aggregate, enum_column
from praxis_claims.rules.units import Stock
from praxis_claims.store.base import Base


class Authorization(Aggregate, Base):
    __tablename__ = "authorizations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "payer_id"], ["payers.tenant_id", "payers.id"]),
        CheckConstraint("from_date < to_date", "dates"),
        # The last word when two reserve at once: what is promised is never more than what is permitted.
        CheckConstraint("units_reserved >= 0 AND units_used >= 0 AND units_reserved + units_used <= units", "stock"),
        Index(
            "uq_authorizations_number",
            "tenant_id",
            "payer_id",
            "number",
            unique=True,
            postgresql_where="number <> ''",
        ),
        Index(None, "tenant_id", "patient_id"),
    )

    state: Mapped[int] = enum_column(pb.AuthorizationState)
    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    payer_id: Mapped[UUID]
    coverage_id: Mapped[UUID | None]
    number: Mapped[str] = mapped_column(Text)
    service_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    appointment_type_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    diagnosis_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    units: Mapped[int] = mapped_column(Integer)
    units_reserved: Mapped[int] = mapped_column(Integer, default=0)
    units_used: Mapped[int] = mapped_column(Integer, default=0)
    from_date: Mapped[date | None] = mapped_column(Date)
    to_date: Mapped[date | None] = mapped_column(Date)
    note: Mapped[str] = mapped_column(Text)

    @property
    def stock(self) -> Stock:
        return Stock(self.units, self.units_reserved or 0, self.units_used or 0)

    @stock.setter
    def stock(self, stock: Stock) -> None:
        self.units_reserved, self.units_used = stock.reserved, stock.used

    @property
    def units_remaining(self) -> int:
        return self.units - (self.units_reserved or 0) - (self.units_used or 0)

    def blank(self) -> None:
        """Forget the payer's number and what people wrote; units and dates stay with the money."""
        self.state = pb.AUTHORIZATION_STATE_ERASED
        self.number = self.note = ""


class UnitReservation(Aggregate, Base):
    __tablename__ = "unit_reservations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "authorization_id"], ["authorizations.tenant_id", "authorizations.id"]),
        CheckConstraint("units_held BETWEEN 0 AND units", "held"),
        Index(None, "tenant_id", "authorization_id", "id"),
        Index("ix_unit_reservations_running_out", "tenant_id", "expire_time", postgresql_where="state = 'held'"),
    )

    authorization_id: Mapped[UUID]
    state: Mapped[int] = enum_column(pb.UnitReservationState)
    units: Mapped[int] = mapped_column(Integer)
    units_held: Mapped[int] = mapped_column(Integer)
    reference_id: Mapped[UUID | None]
    expire_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    @property
    def open(self) -> bool:
        return self.state in {pb.UNIT_RESERVATION_STATE_HELD, pb.UNIT_RESERVATION_STATE_CONFIRMED}

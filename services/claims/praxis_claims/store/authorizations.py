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

_LIVING = (pb.AUTHORIZATION_STATE_ACTIVE, pb.AUTHORIZATION_STATE_EXHAUSTED)


class Authorization(Aggregate, Base):
    __tablename__ = "authorizations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "payer_id"], ["payers.tenant_id", "payers.id"]),
        CheckConstraint("from_date < to_date", "dates"),
        # The last word when two reserve at once: what is promised by hand is never more than what is permitted.
        CheckConstraint(
            "units_reserved >= 0 AND units_used >= 0 AND units_booked BETWEEN 0 AND units_reserved + units_used "
            "AND units_reserved + units_used - units_booked <= units",
            "stock",
        ),
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
    units_booked: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    from_date: Mapped[date | None] = mapped_column(Date)
    to_date: Mapped[date | None] = mapped_column(Date)
    note: Mapped[str] = mapped_column(Text)

    @property
    def stock(self) -> Stock:
        return Stock(self.units, self.units_reserved or 0, self.units_used or 0, self.units_booked or 0)

    @stock.setter
    def stock(self, stock: Stock) -> None:
        self.units_reserved, self.units_used, self.units_booked = stock.reserved, stock.used, stock.booked
        self.notice_exhaustion()

    @property
    def units_remaining(self) -> int:
        return self.units - (self.units_reserved or 0) - (self.units_used or 0)

    @property
    def usable(self) -> bool:
        """True unless it was closed or erased; more units bring one that is exhausted back."""
        return self.state in _LIVING

    def notice_exhaustion(self) -> None:
        """Be exhausted once all units are used, and active again when a visit is taken back or units are added."""
        if self.usable:
            used_up = (self.units_used or 0) >= self.units
            self.state = pb.AUTHORIZATION_STATE_EXHAUSTED if used_up else pb.AUTHORIZATION_STATE_ACTIVE

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
        Index(
            "uq_unit_reservations_appointment",
            "tenant_id",
            "appointment_id",
            "authorization_id",
            unique=True,
            postgresql_where="appointment_id IS NOT NULL",
        ),
        Index("ix_unit_reservations_running_out", "tenant_id", "expire_time", postgresql_where="state = 'held'"),
    )

    authorization_id: Mapped[UUID]
    state: Mapped[int] = enum_column(pb.UnitReservationState)
    units: Mapped[int] = mapped_column(Integer)
    units_held: Mapped[int] = mapped_column(Integer)
    reference_id: Mapped[UUID | None]
    expire_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    appointment_id: Mapped[UUID | None]

    @property
    def open(self) -> bool:
        return self.state in {pb.UNIT_RESERVATION_STATE_HELD, pb.UNIT_RESERVATION_STATE_CONFIRMED}

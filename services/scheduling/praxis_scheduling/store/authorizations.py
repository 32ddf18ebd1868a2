"""What scheduling knows of a payer's authorization; the owner is claims."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis.claims.v1 import authorization_pb2
from praxis_chassis.database import Tenanted, enum_column
from praxis_chassis.merging import FIXED
from praxis_scheduling.store.models import Base


class AuthorizationCopy(Tenanted, Base):
    """How many units a payer permits, to whom, for what and when."""

    __tablename__ = "authorization_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(info=FIXED)
    state: Mapped[int] = enum_column(authorization_pb2.AuthorizationState)
    appointment_type_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    from_date: Mapped[date | None]
    to_date: Mapped[date | None]
    units: Mapped[int]
    # Reserved or used by anything but appointments; those are counted here, where they are booked.
    units_elsewhere: Mapped[int]

    def permits(self, day: date) -> bool:
        return (self.from_date is None or self.from_date <= day) and (self.to_date is None or day < self.to_date)

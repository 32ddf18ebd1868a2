"""Local copies of what other services own; each holds only what patients needs."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from praxis_chassis.database import Tenanted
from praxis_patients.store.models import PATIENT, Base


class PayerCopy(Tenanted, Base):
    """A payer that coverages may name; claims owns it."""

    __tablename__ = "payer_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)


class CompletedAppointment(Tenanted, Base):
    """An appointment that took place, which referrals may count; scheduling owns it."""

    __tablename__ = "completed_appointments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(info=PATIENT)
    visit_date: Mapped[date]

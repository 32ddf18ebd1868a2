"""Local copies of what other services own; each holds only what patients needs."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from praxis_chassis.database import Tenanted
from praxis_patients.store.models import Base


class PayerCopy(Tenanted, Base):
    """A payer that coverages may name; claims owns it."""

    __tablename__ = "payer_copies"

    id: Mapped[UUID] = mapped_column(primary_key=True)

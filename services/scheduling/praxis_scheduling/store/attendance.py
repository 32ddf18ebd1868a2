"""What a practice group makes of missed appointments."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from praxis_chassis.database import Aggregate
from praxis_scheduling.store.models import Base


class AttendancePolicy(Aggregate, Base):
    """From when on missed appointments have consequences; its one row has the tenant's id."""

    __tablename__ = "attendance_policies"

    counted_days: Mapped[int] = mapped_column(default=0)
    count_late_cancellations: Mapped[bool] = mapped_column(default=False)
    warning_limit: Mapped[int] = mapped_column(default=0)
    booking_limit: Mapped[int] = mapped_column(default=0)

"""The table of what people said was not forgotten for a visit."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis_billing.store.base import Base
from praxis_chassis.database import Tenanted
from praxis_chassis.types import new_id


class MissedChargeDismissal(Tenanted, Base):
    """What somebody dismissed for a visit at once; whose visit it is, its copy says."""

    __tablename__ = "missed_charge_dismissals"

    visit_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    catalog_item_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    nothing_charged: Mapped[bool]
    reason: Mapped[str]
    dismissed_by: Mapped[str]
    dismiss_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))

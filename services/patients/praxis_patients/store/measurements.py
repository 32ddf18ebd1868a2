"""The table of what is measured of patients."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Index, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from praxis.patients.v1 import measurement_pb2
from praxis_chassis.database import Aggregate, enum_column, enum_words
from praxis_patients.rules import measures
from praxis_patients.store.models import PATIENT, Base

UNITS = enum_words(measurement_pb2.MeasurementUnit)[0]


class Measurement(Aggregate, Base):
    """One measure as it was read; a wrong one stays and names the one that took its place."""

    __tablename__ = "measurements"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        Index(None, "tenant_id", "patient_id", "measure_time"),
    )

    patient_id: Mapped[UUID] = mapped_column(info=PATIENT)
    kind: Mapped[int] = enum_column(measurement_pb2.MeasurementKind)
    value: Mapped[Decimal] = mapped_column(Numeric(11, 3))
    unit: Mapped[int] = enum_column(measurement_pb2.MeasurementUnit)
    measure_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_by: Mapped[str]
    note: Mapped[str]
    replaces_id: Mapped[UUID | None]
    replaced_by_id: Mapped[UUID | None]

    @property
    def kilograms(self) -> Decimal | None:
        return measures.kilograms(self.value, UNITS[self.unit])

    @property
    def pounds(self) -> Decimal | None:
        return measures.pounds(self.value, UNITS[self.unit])

"""The table of what patients agreed to."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from praxis.patients.v1 import consent_pb2, contact_preferences_pb2
from praxis_chassis.database import Aggregate, enum_column
from praxis_chassis.mapping import Mapping
from praxis_patients.store.models import PATIENT, Base


class Consent(Aggregate, Base):
    """What was said once; rows are only ever added, and hold no words that an erasure would have to blank."""

    __tablename__ = "consents"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "patient_id"], ["patients.tenant_id", "patients.id"]),
        ForeignKeyConstraint(["tenant_id", "party_id"], ["parties.tenant_id", "parties.id"]),
        Index(None, "tenant_id", "patient_id", "id"),
        {"info": {"grants": "SELECT, INSERT"}},
    )

    patient_id: Mapped[UUID] = mapped_column(info=PATIENT)
    kind: Mapped[int] = enum_column(consent_pb2.ConsentKind)
    decision: Mapped[int] = enum_column(consent_pb2.ConsentDecision)
    party_id: Mapped[UUID]
    source: Mapped[int] = enum_column(contact_preferences_pb2.ContactSource)
    expire_date: Mapped[date | None]
    recorded_by: Mapped[str]

    in_force = False  # said when it is read, because later words and days decide it


CONSENT = Mapping(Consent, consent_pb2.Consent, read_only={"in_force", "recorded_by"})

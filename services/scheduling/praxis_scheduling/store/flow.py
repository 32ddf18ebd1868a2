"""The tables of the flow board: visits, and the steps that brought each to where it is."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from praxis.scheduling.v1 import visit_pb2
from praxis_chassis.database import Aggregate, Tenanted, enum_column, enum_words
from praxis_scheduling.rules import lifecycle
from praxis_scheduling.rules.flow import Step
from praxis_scheduling.store.models import Base, PatientCopy, Resource, next_state, refers

VISIT_STATES = enum_words(visit_pb2.VisitState)[0]
IN_A_ROOM = (
    visit_pb2.VISIT_STATE_ROOMED,
    visit_pb2.VISIT_STATE_WITH_TECH,
    visit_pb2.VISIT_STATE_WITH_CLINICIAN,
)
OPEN = (visit_pb2.VISIT_STATE_ARRIVED, *IN_A_ROOM, visit_pb2.VISIT_STATE_READY_FOR_CHECKOUT)


class Visit(Aggregate, Base):
    """One stay of a patient in the practice."""

    __tablename__ = "visits"
    __table_args__ = (
        refers("patient_id", "patient_copies"),
        refers("appointment_id", "appointments"),
        refers("location_id", "location_copies"),
        refers("appointment_type_id", "appointment_types"),
        refers("room_id", "resources"),
        Index("ix_visits_date", "tenant_id", "local_date", "location_id"),
        Index("ix_visits_patient", "tenant_id", "patient_id", "arrive_time"),
        Index(
            "uq_visits_appointment", "tenant_id", "appointment_id",
            unique=True, postgresql_where=text("state <> 'entered_in_error'"),
        ),
    )  # fmt: skip

    appointment_id: Mapped[UUID | None]
    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    location_id: Mapped[UUID]
    practitioner_id: Mapped[UUID | None]
    appointment_type_id: Mapped[UUID | None]
    walk_in: Mapped[bool]
    state: Mapped[int] = enum_column(visit_pb2.VisitState)
    room_id: Mapped[UUID | None]
    local_date: Mapped[date]
    scheduled_time: Mapped[datetime | None]
    arrive_time: Mapped[datetime]
    room_time: Mapped[datetime | None]
    tech_start_time: Mapped[datetime | None]
    clinician_start_time: Mapped[datetime | None]
    ready_time: Mapped[datetime | None]
    complete_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    leave_time: Mapped[datetime | None]
    reason: Mapped[str]
    urgency: Mapped[int] = enum_column(visit_pb2.VisitUrgency)
    staff_resource_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    patient: Mapped[PatientCopy] = relationship(viewonly=True, lazy="selectin")
    room: Mapped[Resource | None] = relationship(viewonly=True, lazy="selectin")

    def go(self, verb: str) -> None:
        """Change the state by a verb, or refuse."""
        self.state = next_state("visit", self.state, verb, VISIT_STATES, lifecycle.VISIT)


class VisitStatusEvent(Tenanted, Base):
    """One step of a visit; the service may add steps and blank a reason, and change nothing else."""

    __tablename__ = "visit_status_events"
    __table_args__ = (refers("visit_id", "visits"), {"info": {"grants": "SELECT, INSERT, UPDATE (reason)"}})

    visit_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    from_state: Mapped[int] = enum_column(visit_pb2.VisitState)
    to_state: Mapped[int] = enum_column(visit_pb2.VisitState)
    change_time: Mapped[datetime]
    changed_by: Mapped[str]
    reason: Mapped[str]
    undoes_sequence: Mapped[int]
    previous_room_id: Mapped[UUID | None]
    previous_practitioner_id: Mapped[UUID | None]

    @property
    def step(self) -> Step:
        """The step in the terms of the rules."""
        source, target = VISIT_STATES[self.from_state], VISIT_STATES[self.to_state]
        return Step(self.sequence, source, target, self.change_time, self.undoes_sequence)

"""The table of calendar feeds, and the appointments that a feed shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Select, exists, func, or_, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Mapped, Session, mapped_column

from praxis.scheduling.v1 import appointment_pb2, feed_pb2
from praxis_chassis.database import Aggregate, enum_column
from praxis_scheduling.store.models import Appointment, Base, LocationCopy, PatientCopy, Reservation, refers

MOST_EVENTS = 5_000
CANCELLED = Appointment.state == appointment_pb2.APPOINTMENT_STATE_CANCELLED


class CalendarFeed(Aggregate, Base):
    """An address at which calendar programs read the appointments of a resource or a patient."""

    __tablename__ = "calendar_feeds"
    __table_args__ = (
        refers("resource_id", "resources"),
        refers("patient_id", "patient_copies"),
        Index("ix_calendar_feeds_created", "tenant_id", "create_time"),
        CheckConstraint("num_nonnulls(resource_id, patient_id) = 1", name="subject"),
    )

    title: Mapped[str]
    resource_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None] = mapped_column(info={"patient": True})
    detail: Mapped[int] = enum_column(feed_pb2.FeedDetail)
    state: Mapped[int] = enum_column(feed_pb2.FeedState)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a feed may show of an appointment."""

    id: UUID
    version: int
    update_time: datetime
    start: datetime
    end: datetime
    cancelled: bool
    type_name: str
    location_name: str
    patient_name: str


def appointments(session: Session, feed: CalendarFeed, since: datetime, until: datetime) -> list[Shown]:
    """Return the appointments of a feed by time: live ones, and those cancelled since the window begins."""
    if feed.resource_id:
        queries = [_live_at(feed.resource_id, since, until), _cancelled_at(feed.resource_id, since, until)]
    else:
        queries = [_of_patient(feed.patient_id, since, until)]
    shown = [Shown(*row) for query in queries for row in session.execute(query.limit(MOST_EVENTS))]
    return sorted(shown, key=lambda each: (each.start, each.id))[:MOST_EVENTS]


def _columns(start: Any, end: Any) -> Select[Any]:
    """Select what a feed may show, in the order of its fields."""
    own = (Appointment.id, Appointment.version, Appointment.update_time, start, end, CANCELLED)
    names = (Appointment.appointment_type_name, LocationCopy.name, PatientCopy.name)
    return (
        select(*own, *names)
        .join(LocationCopy, LocationCopy.id == Appointment.location_id)
        .join(PatientCopy, PatientCopy.id == Appointment.patient_id)
        .order_by(start, Appointment.id)
    )


def _of_patient(patient_id: UUID | None, since: datetime, until: datetime) -> Select[Any]:
    inside = (Appointment.start_time >= since, Appointment.start_time < until)
    kept = or_(~CANCELLED, Appointment.update_time >= since)
    return _columns(Appointment.start_time, Appointment.end_time).where(
        Appointment.patient_id == patient_id, *inside, kept
    )


def _live_at(resource_id: UUID, since: datetime, until: datetime) -> Select[Any]:
    """Return who takes a resource, at the times it is taken, which may be a part of the appointment."""
    taken = (
        select(
            Reservation.appointment_id,
            func.min(func.lower(Reservation.during)).label("start"),
            func.max(func.upper(Reservation.during)).label("end"),
        )
        .where(Reservation.resource_id == resource_id, Reservation.live, Reservation.appointment_id.is_not(None))
        .where(Reservation.during.overlaps(Range(since, until)))
        .group_by(Reservation.appointment_id)
        .subquery()
    )
    return _columns(taken.c.start, taken.c.end).join(taken, taken.c.appointment_id == Appointment.id)


def _cancelled_at(resource_id: UUID, since: datetime, until: datetime) -> Select[Any]:
    """Return the cancelled appointments that had a resource at the time that they were to be."""
    had = (
        Reservation.appointment_id == Appointment.id,
        Reservation.resource_id == resource_id,
        func.lower(Reservation.during) < Appointment.end_time,
        func.upper(Reservation.during) > Appointment.start_time,
    )
    days = Appointment.local_date.between(since.date(), until.date())
    return _columns(Appointment.start_time, Appointment.end_time).where(
        days, CANCELLED, Appointment.update_time >= since, exists().where(*had)
    )

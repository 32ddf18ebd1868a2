"""The tables of the waitlist: who waits, what they were offered, and times that became free and are looked at next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index, Uuid, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from praxis.scheduling.v1 import waitlist_pb2 as pb
from praxis_chassis.database import Aggregate, Tenanted, enum_column, enum_words, messages_column
from praxis_chassis.mapping import read_date
from praxis_chassis.types import new_id
from praxis_scheduling.rules import lifecycle
from praxis_scheduling.rules.hours import MINUTES_PER_DAY, minute_of_day
from praxis_scheduling.rules.waitlist import Window
from praxis_scheduling.store.models import Base, PatientCopy, Reservation, next_state, refers

WAITLIST_STATES = enum_words(pb.WaitlistState)[0]
OPEN = pb.WAITLIST_OFFER_STATE_OPEN


class WaitlistOffer(Tenanted, Base):
    """A time that was offered to somebody; while it is open, reservations keep its resources."""

    __tablename__ = "waitlist_offers"
    __table_args__ = (
        refers("entry_id", "waitlist_entries"),
        Index("ix_waitlist_offers_entry", "tenant_id", "entry_id", "create_time"),
        Index("uq_waitlist_offers_open", "tenant_id", "entry_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_waitlist_offers_due", "tenant_id", "expire_time", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    entry_id: Mapped[UUID]
    state: Mapped[int] = enum_column(pb.WaitlistOfferState)
    start_time: Mapped[datetime]
    end_time: Mapped[datetime]
    local_date: Mapped[date]
    local_start: Mapped[str]
    resource_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    expire_time: Mapped[datetime]
    decide_time: Mapped[datetime | None]
    decided_by: Mapped[str] = mapped_column(default="")
    create_time: Mapped[datetime]


class WaitlistEntry(Aggregate, Base):
    """Somebody who waits for a time."""

    __tablename__ = "waitlist_entries"
    __table_args__ = (
        refers("patient_id", "patient_copies"),
        refers("appointment_type_id", "appointment_types"),
        refers("location_id", "location_copies"),
        refers("appointment_id", "appointments"),
        Index(
            "ix_waitlist_entries_waiting", "tenant_id", "location_id", text("priority DESC"), "create_time",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_waitlist_entries_patient", "tenant_id", "patient_id"),
    )  # fmt: skip

    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    appointment_type_id: Mapped[UUID]
    location_id: Mapped[UUID]
    state: Mapped[int] = enum_column(pb.WaitlistState)
    duration_minutes: Mapped[int]
    practitioner_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    resource_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    windows: Mapped[list[pb.WaitlistWindow]] = messages_column(pb.WaitlistWindow)
    notice_minutes: Mapped[int]
    priority: Mapped[int]
    offer_minutes: Mapped[int]
    reason: Mapped[str]
    appointment_id: Mapped[UUID | None]
    close_reason: Mapped[str] = mapped_column(default="")
    patient: Mapped[PatientCopy] = relationship(viewonly=True, lazy="selectin")
    offers: Mapped[list[WaitlistOffer]] = relationship(
        viewonly=True, lazy="selectin", order_by=lambda: [WaitlistOffer.create_time, WaitlistOffer.id]
    )

    def go(self, verb: str) -> None:
        """Change the state by a verb, or refuse."""
        self.state = next_state("waitlist entry", self.state, verb, WAITLIST_STATES, lifecycle.WAITLIST)


class FreedTime(Tenanted, Base):
    """A time that became free and that the waitlist has not been asked about yet."""

    __tablename__ = "freed_times"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    location_id: Mapped[UUID]
    resource_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    start_time: Mapped[datetime]
    end_time: Mapped[datetime]


def windows_of(windows: Sequence[pb.WaitlistWindow]) -> list[Window]:
    """Return windows of the contract in the terms of the rules."""
    return [
        Window(
            first=read_date(item.from_date, "from_date"),
            last=read_date(item.until_date, "until_date"),
            weekdays=frozenset(map(int, item.weekdays)),
            start=minute_of_day(item.local_from) if item.local_from else 0,
            end=minute_of_day(item.local_until) if item.local_until else MINUTES_PER_DAY,
        )
        for item in windows
    ]


def kept_for(session: Session, offer_id: UUID) -> list[UUID]:
    """Return the reservations that keep the time of an offer."""
    query = select(Reservation.id).where(Reservation.offer_id == offer_id, Reservation.live)
    return list(session.scalars(query))

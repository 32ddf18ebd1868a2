"""The table of series, and how the occurrences of one deviate from its rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import Index, Uuid, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column, object_session, relationship

from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2, series_pb2
from praxis_chassis.database import Aggregate, enum_column, enum_words, message_column
from praxis_chassis.mapping import read_date
from praxis_scheduling.rules.recurrence import Frequency, Recurrence
from praxis_scheduling.store.models import Appointment, Base, PatientCopy, refers

MOST_OCCURRENCES = 104
FREQUENCIES = enum_words(series_pb2.Frequency)[0]
FREQUENCY_NUMBERS = enum_words(series_pb2.Frequency)[1]
CANCELLED = appointment_pb2.APPOINTMENT_STATE_CANCELLED


class Series(Aggregate, Base):
    """Appointments that repeat by a rule in local time; each occurrence is a row of its own."""

    __tablename__ = "series"
    __table_args__ = (
        refers("patient_id", "patient_copies"),
        refers("appointment_type_id", "appointment_types"),
        refers("location_id", "location_copies"),
        refers("previous_series_id", "series"),
        refers("authorization_id", "authorization_copies"),
        Index("ix_series_patient", "tenant_id", "patient_id", "create_time"),
    )

    patient_id: Mapped[UUID] = mapped_column(info={"patient": True})
    appointment_type_id: Mapped[UUID]
    location_id: Mapped[UUID]
    state: Mapped[int] = enum_column(series_pb2.SeriesState)
    channel: Mapped[int] = enum_column(appointment_type_pb2.Channel)
    first_date: Mapped[date]
    local_start: Mapped[str]
    time_zone: Mapped[str]
    duration_minutes: Mapped[int]
    rule: Mapped[series_pb2.RecurrenceRule] = message_column(series_pb2.RecurrenceRule)
    resource_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    reason: Mapped[str]
    previous_series_id: Mapped[UUID | None]
    authorization_id: Mapped[UUID | None]
    patient: Mapped[PatientCopy] = relationship(viewonly=True, lazy="selectin")

    @property
    def recurrence(self) -> Recurrence:
        """The rule in the terms of the rules."""
        return recurrence_of(self.rule)

    @property
    def dates(self) -> list[date]:
        """The dates that the rule names."""
        return self.recurrence.dates(self.first_date, MOST_OCCURRENCES)

    @property
    def appointments(self) -> list[Appointment]:
        """The occurrences in the order of the rule's dates."""
        session = object_session(self)
        return [] if session is None else occurrences_of(session, self.id)

    @property
    def appointment_ids(self) -> list[UUID]:
        """The ids of the occurrences."""
        return [item.id for item in self.appointments]

    @property
    def exceptions(self) -> list[series_pb2.SeriesException]:
        """The dates that deviate from the rule."""
        by_date: dict[date | None, list[Appointment]] = {}
        for item in self.appointments:
            by_date.setdefault(item.occurrence_date, []).append(item)
        found = ((day, *self._deviation(day, by_date.get(day, []))) for day in self.dates)
        return [
            series_pb2.SeriesException(
                occurrence_date=day.isoformat(), kind=kind, appointment_id=str(item.id) if item else ""
            )
            for day, kind, item in found
            if kind is not None
        ]

    def _deviation(
        self, day: date, rows: Sequence[Appointment]
    ) -> tuple[series_pb2.SeriesExceptionKind.ValueType | None, Appointment | None]:
        if not rows:
            return series_pb2.SERIES_EXCEPTION_KIND_SKIPPED, None
        item = min(rows, key=lambda row: row.state == CANCELLED)
        if item.state == CANCELLED:
            return series_pb2.SERIES_EXCEPTION_KIND_CANCELLED, item
        if (item.local_date, item.local_start) != (day, self.local_start):
            return series_pb2.SERIES_EXCEPTION_KIND_MOVED, item
        same = item.appointment_type_id == self.appointment_type_id and item.duration_minutes == self.duration_minutes
        fits = same and set(self.resource_ids) <= set(item.resource_ids)
        return (None if fits else series_pb2.SERIES_EXCEPTION_KIND_CHANGED), item


def occurrences_of(session: Session, series_id: UUID) -> list[Appointment]:
    """Return the appointments of a series in the order of the rule's dates."""
    query = select(Appointment).where(Appointment.series_id == series_id)
    return list(session.scalars(query.order_by(Appointment.occurrence_date, Appointment.create_time, Appointment.id)))


def recurrence_of(rule: series_pb2.RecurrenceRule, path: str = "rule") -> Recurrence:
    """Return a rule of the contract in the terms of the rules."""
    return Recurrence(
        frequency=Frequency(FREQUENCIES[rule.frequency]),
        interval=rule.interval or 1,
        weekdays=frozenset(rule.weekdays),
        month_day=rule.month_day,
        week_of_month=rule.week_of_month,
        count=rule.count,
        until=read_date(rule.until_date, f"{path}.until_date"),
    )


def rule_of(recurrence: Recurrence) -> series_pb2.RecurrenceRule:
    """Return a rule in the terms of the contract."""
    return series_pb2.RecurrenceRule(
        frequency=FREQUENCY_NUMBERS[recurrence.frequency.value],  # type: ignore[arg-type]
        interval=recurrence.interval,
        weekdays=sorted(recurrence.weekdays),  # type: ignore[arg-type]
        month_day=recurrence.month_day,
        week_of_month=recurrence.week_of_month,
        count=recurrence.count,
        until_date=recurrence.until.isoformat() if recurrence.until else "",
    )

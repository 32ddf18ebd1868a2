"""Book a series: each date of the rule is an appointment of its own, booked by the same engine as all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_type_pb2, events_pb2, series_pb2
from praxis.scheduling.v1 import series_service_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.errors import invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import check_calendar_date
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.store.series import MOST_OCCURRENCES, Series, recurrence_of
from praxis_scheduling.usecases import attempts, authorizations, booking, directory
from praxis_scheduling.usecases.availability import active_type

BOOKED = series_pb2.OCCURRENCE_RESULT_BOOKED
MONTHLY = series_pb2.FREQUENCY_MONTHLY


@dataclass(frozen=True, slots=True)
class Outcome:
    """A series after a call, and what became of the dates that the call was about."""

    series: Series
    occurrences: Sequence[series_pb2.Occurrence]


def wanted(request: pb.ListSeriesRequest) -> Select[Any]:
    """Return the query of a list."""
    query = select(Series)
    if request.patient_id:
        query = query.where(Series.patient_id == UUID(request.patient_id))
    return query.where(Series.state.in_(request.states)) if request.states else query


def book(session: Session, series: Series, request: pb.CreateSeriesRequest) -> Outcome:
    """Book all dates of a new series, or those that can be had."""
    _settle(session, series)
    dates = dates_of(series.rule, series.first_date, "series.rule")
    record(session, events_pb2.SeriesCreated, series)
    session.flush()
    occurrences = [book_date(session, series, day) for day in dates]
    judge(occurrences, request)
    return Outcome(series, occurrences)


def _settle(session: Session, series: Series) -> None:
    kind = active_type(session, series.appointment_type_id)
    location = directory.known_location(session, series.location_id)
    directory.known_patient(session, series.patient_id)
    if series.authorization_id is not None:
        authorizations.known_authorization(session, series.authorization_id)
    check_calendar_date(series.first_date, "series.first_date")
    if series.first_date < clock.today(session, location.time_zone):
        raise invalid("series.first_date", "SERIES_IN_PAST")
    series.time_zone = location.time_zone
    series.duration_minutes = series.duration_minutes or kind.duration_minutes
    series.channel = series.channel or appointment_type_pb2.CHANNEL_DESK
    series.state = series_pb2.SERIES_STATE_ACTIVE


def dates_of(rule: series_pb2.RecurrenceRule, first: date, path: str) -> list[date]:
    """Return the dates of a rule that somebody asks for, or say what is wrong with it."""
    recurrence = recurrence_of(rule, path)
    if bool(rule.count) == bool(rule.until_date):
        raise invalid(f"{path}.count", "RULE_NEEDS_END")
    by_month = bool(rule.month_day) + bool(rule.week_of_month)
    if by_month > (rule.frequency == MONTHLY):
        raise invalid(f"{path}.month_day", "RULE_FOR_MONTHS")
    dates = recurrence.dates(first, MOST_OCCURRENCES + 1)
    if not dates:
        raise invalid(path, "NO_DATES")
    if len(dates) > MOST_OCCURRENCES:
        raise invalid(path, "TOO_MANY_DATES", most=MOST_OCCURRENCES)
    return dates


def book_date(session: Session, series: Series, day: date) -> series_pb2.Occurrence:
    """Book one date of a series, or return what stands against it."""
    return attempts.attempt(session, day, BOOKED, lambda: booking.book(session, _occurrence(series, day)))


def _occurrence(series: Series, day: date) -> Appointment:
    return Appointment(
        patient_id=series.patient_id,
        appointment_type_id=series.appointment_type_id,
        location_id=series.location_id,
        channel=series.channel,
        start_time=attempts.start_on(day, series.local_start, series.time_zone),
        duration_minutes=series.duration_minutes,
        resource_ids=list(series.resource_ids),
        reason=series.reason,
        notes="",
        override_reason="",
        series_id=series.id,
        occurrence_date=day,
        authorization_id=series.authorization_id,
    )


def judge(
    occurrences: Sequence[series_pb2.Occurrence], request: pb.CreateSeriesRequest | pb.ChangeSeriesRequest
) -> None:
    """Refuse conflicts that the caller does not bear, or when nothing else is left; a preview refuses nothing."""
    conflicts = sum(item.result == attempts.CONFLICT for item in occurrences)
    borne = request.on_conflict == pb.ON_CONFLICT_SKIP and conflicts < len(occurrences)
    if conflicts and not (borne or request.validate_only):
        raise attempts.refusal_of(occurrences)

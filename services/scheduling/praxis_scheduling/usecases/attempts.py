"""Do something to each date of a series on its own, so that one that cannot be had leaves the others as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from praxis.scheduling.v1 import errors_pb2, series_pb2
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError, reason_name
from praxis_chassis.mapping import instant
from praxis_scheduling.rules.hours import instant_of, minute_of_day
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.usecases import booking

CONFLICT = series_pb2.OCCURRENCE_RESULT_CONFLICT
# Refusals that are about one date; all others are about the whole call.
OF_A_DATE = frozenset(
    {
        errors_pb2.ERROR_REASON_START_IN_PAST,
        errors_pb2.ERROR_REASON_TOO_SOON,
        errors_pb2.ERROR_REASON_BEYOND_HORIZON,
        errors_pb2.ERROR_REASON_PATIENT_DECEASED,
        errors_pb2.ERROR_REASON_LOCAL_TIME_SKIPPED,
        errors_pb2.ERROR_REASON_AUTHORIZATION_OUTSIDE_DATES,
        errors_pb2.ERROR_REASON_AUTHORIZATION_UNITS_SHORT,
    }
)
DETAILS_BYTES = 4000  # what the trailers of a refusal have room for
DATES_IN_TEXT = 5


@contextmanager
def rehearsed(session: Session, only: bool) -> Iterator[None]:
    """Undo everything at the end, events included, when the caller asked only what would happen."""
    if not only:
        yield
        return
    recorded = context_of(session).recorded
    before = len(recorded)
    with session.begin_nested() as savepoint:
        yield
        savepoint.rollback()
    del recorded[before:]


def attempt(session: Session, day: date, result: int, act: Callable[[], Appointment]) -> series_pb2.Occurrence:
    """Do something to one date; when its time stands against it, undo that and say why."""
    recorded = context_of(session).recorded
    before = len(recorded)
    try:
        with session.begin_nested():
            appointment = act()
            session.flush()
    except DomainError as refusal:
        del recorded[before:]
        if not _is_of_a_date(refusal):
            raise
        return _conflict(session, day, refusal)
    return shown(session, day, result, appointment)


def shown(session: Session, day: date, result: int, appointment: Appointment) -> series_pb2.Occurrence:
    """Return what became of a date that has its appointment."""
    warned = result in (series_pb2.OCCURRENCE_RESULT_BOOKED, series_pb2.OCCURRENCE_RESULT_CHANGED)
    return series_pb2.Occurrence(
        occurrence_date=day.isoformat(),
        result=result,  # type: ignore[arg-type]
        appointment_id=str(appointment.id),
        start_time=instant(appointment.start_time),
        local_date=appointment.local_date.isoformat(),
        local_start=appointment.local_start,
        warnings=booking.warnings(session, appointment, appointment.channel) if warned else (),
    )


def _is_of_a_date(refusal: DomainError) -> bool:
    return refusal.enum is None and (refusal.reason in OF_A_DATE or bool(_alternatives(refusal)))


def _alternatives(refusal: DomainError) -> list[errors_pb2.SlotAlternatives]:
    return [detail for detail in refusal.details if isinstance(detail, errors_pb2.SlotAlternatives)]


def _conflict(session: Session, day: date, refusal: DomainError) -> series_pb2.Occurrence:
    context = context_of(session)
    name = reason_name(errors_pb2.ErrorReason, refusal.reason)[0]
    return series_pb2.Occurrence(
        occurrence_date=day.isoformat(),
        result=CONFLICT,
        local_date=day.isoformat(),
        reason=name,
        text=context.runtime.catalog.render(context.locale, refusal.text_key or name, refusal.arguments),
        alternatives=[slot for detail in _alternatives(refusal) for slot in detail.slots],
    )


def refusal_of(occurrences: Sequence[series_pb2.Occurrence]) -> DomainError:
    """Return the refusal of a whole series; it names the first conflicts, as far as there is room for them."""
    conflicts = [item for item in occurrences if item.result == CONFLICT]
    detail = errors_pb2.SeriesConflicts()
    for item in conflicts:
        if detail.ByteSize() + item.ByteSize() < DETAILS_BYTES:
            detail.occurrences.append(item)
    named = ", ".join(item.occurrence_date for item in conflicts[:DATES_IN_TEXT])
    return DomainError(
        errors_pb2.ERROR_REASON_SERIES_CONFLICTS,
        details=[detail],
        count=len(conflicts),
        total=len(occurrences),
        dates=named + (" …" if len(conflicts) > DATES_IN_TEXT else ""),
    )


def start_on(day: date, local_start: str, zone: str) -> datetime:
    """Return the instant of a local time on a date; one that the clock skips is refused rather than shifted."""
    start = instant_of(day, minute_of_day(local_start), ZoneInfo(zone))
    if f"{start.astimezone(ZoneInfo(zone)):%H:%M}" != local_start:
        raise DomainError(errors_pb2.ERROR_REASON_LOCAL_TIME_SKIPPED, date=day, time=local_start, zone=zone)
    return start

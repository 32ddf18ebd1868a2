"""Change and cancel occurrences of a series that are still to come: this one, from a date on, or all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import (
    appointment_pb2,
    appointment_service_pb2,
    errors_pb2,
    events_pb2,
    series_pb2,
)
from praxis.scheduling.v1 import series_service_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import instant, read_calendar_date
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.store.series import Series, rule_of
from praxis_scheduling.usecases import appointments, attempts, authorizations, booking
from praxis_scheduling.usecases.availability import active_type
from praxis_scheduling.usecases.series import Outcome, book_date, dates_of, judge

DAY = timedelta(days=1)
CHANGED, KEPT = series_pb2.OCCURRENCE_RESULT_CHANGED, series_pb2.OCCURRENCE_RESULT_KEPT
CANCELLED = series_pb2.OCCURRENCE_RESULT_CANCELLED
THIS, ALL = pb.SERIES_SCOPE_THIS, pb.SERIES_SCOPE_ALL
OF_TIME = ("appointment_type_id", "duration_minutes", "resource_ids")
CHANGES = ("local_start", "first_date", *OF_TIME, "authorization_id")


@dataclass(frozen=True, slots=True)
class Move:
    """An occurrence with the date of the rule that it is to stand for, and the local day it is to take place on."""

    appointment: Appointment
    stands_for: date
    day: date


@dataclass(frozen=True, slots=True)
class Layout:
    """What a change makes of the occurrences: moved, cancelled because the new rule has no date for them, or new."""

    moves: Sequence[Move]
    surplus: Sequence[Appointment] = ()
    more: Sequence[date] = field(default=())


def change(session: Session, request: pb.ChangeSeriesRequest) -> Outcome:
    """Change occurrences that are still to come, and the rule with them."""
    series = fetch(session, Series, request.id, lock=True, etag=request.etag)
    since = _since(request)
    if not request.HasField("rule") and not any(getattr(request, name) for name in CHANGES):
        raise invalid("scope", "NOTHING_TO_CHANGE")
    targets = _to_come(session, series, request.scope, since)
    if request.scope == THIS:
        return _change_one(session, series, targets[0], request)
    since = _stands_for(targets[0])
    layout, rule, first = _laid_out(series, targets, since, request)
    changed = _split(session, series, since)
    _write(session, changed, request, rule, first)
    occurrences = _carry_out(session, changed, layout, request)
    judge(occurrences, request)
    return Outcome(changed, occurrences)


def _since(request: pb.ChangeSeriesRequest | pb.CancelSeriesRequest) -> date | None:
    since = read_calendar_date(request.occurrence_date, "occurrence_date")
    if (since is None) != (request.scope == ALL):
        raise invalid("occurrence_date", "DATE_NEEDED" if since is None else "DATE_NOT_WANTED")
    return since


def _to_come(session: Session, series: Series, scope: int, since: date | None) -> list[Appointment]:
    """Take the occurrences that a call is about; what has begun, arrived or was cancelled is never among them."""
    query = select(Appointment).where(
        Appointment.series_id == series.id,
        Appointment.state.in_(appointments.TO_COME),
        Appointment.start_time > clock.now(session),
    )
    if since is not None:
        query = query.where(
            Appointment.occurrence_date == since if scope == THIS else Appointment.occurrence_date >= since
        )
    ordered = query.order_by(Appointment.occurrence_date, Appointment.id).with_for_update()
    found = list(session.scalars(ordered, execution_options={"populate_existing": True}))
    if not found:
        raise DomainError(errors_pb2.ERROR_REASON_NOTHING_TO_COME)
    return found


def _stands_for(appointment: Appointment) -> date:
    assert appointment.occurrence_date is not None, "an occurrence stands for a date of its rule"
    return appointment.occurrence_date


def _change_one(session: Session, series: Series, target: Appointment, request: pb.ChangeSeriesRequest) -> Outcome:
    if request.HasField("rule"):
        raise invalid("rule", "NOT_FOR_ONE")
    day = read_calendar_date(request.first_date, "first_date") or target.local_date
    occurrence = _moved(session, Move(target, _stands_for(target), day), request)
    judge([occurrence], request)
    record(session, events_pb2.SeriesChanged, series)
    return Outcome(series, [occurrence])


def _laid_out(
    series: Series, targets: Sequence[Appointment], since: date, request: pb.ChangeSeriesRequest
) -> tuple[Layout, series_pb2.RecurrenceRule, date]:
    """Decide which occurrence takes which date, and return the rule that says so with its first date."""
    left = [day for day in series.dates if day >= since]
    first = read_calendar_date(request.first_date, "first_date")
    if request.HasField("rule"):
        dates = dates_of(request.rule, first or since, "rule")
        moves = [Move(item, day, day) for item, day in zip(targets, dates, strict=False)]
        return Layout(moves, targets[len(dates) :], dates[len(targets) :]), request.rule, first or since
    rule = series.recurrence.shortened(len(left))
    if first is None:
        return Layout([Move(item, _stands_for(item), item.local_date) for item in targets]), rule_of(rule), since
    rule = rule.shortened(len(left)).moved(since, first)
    dates = rule.ended(first + 5 * 366 * DAY).dates(first, len(left))
    renamed = dict(zip(left, dates, strict=False))
    moves = [Move(item, day, day) for item in targets if (day := renamed.get(_stands_for(item)))]
    surplus = [item for item in targets if _stands_for(item) not in renamed]
    if rule.until is not None:
        rule = rule.ended(max(dates, default=first))
    return Layout(moves, surplus), rule_of(rule), first


def _split(session: Session, series: Series, since: date) -> Series:
    """End the series before a date and return a new one that goes on; what has no earlier date is not split."""
    before = [day for day in series.dates if day < since]
    if not before:
        return series
    rest = Series(
        **{name: getattr(series, name) for name in (
            "patient_id", "appointment_type_id", "location_id", "state", "channel", "local_start", "time_zone",
            "duration_minutes", "resource_ids", "reason", "authorization_id",
        )},
        first_date=since, rule=series.rule, previous_series_id=series.id,
    )  # fmt: skip
    series.rule = rule_of(series.recurrence.ended(before[-1]))
    record(session, events_pb2.SeriesChanged, series)
    return rest


def _write(
    session: Session, series: Series, request: pb.ChangeSeriesRequest, rule: series_pb2.RecurrenceRule, first: date
) -> None:
    series.rule, series.first_date = rule, first
    if request.appointment_type_id:
        kind = active_type(session, request.appointment_type_id)
        series.appointment_type_id, series.duration_minutes = kind.id, kind.duration_minutes
    series.local_start = request.local_start or series.local_start
    series.duration_minutes = request.duration_minutes or series.duration_minutes
    if request.resource_ids:
        series.resource_ids = [uuid_of(key) for key in request.resource_ids]
    if request.authorization_id:
        series.authorization_id = authorizations.known_authorization(session, uuid_of(request.authorization_id)).id
    new = series.id is None
    record(session, events_pb2.SeriesCreated if new else events_pb2.SeriesChanged, series)
    session.flush()


def _carry_out(
    session: Session, series: Series, layout: Layout, request: pb.ChangeSeriesRequest
) -> list[series_pb2.Occurrence]:
    """Cancel first, then move, then book, so that what becomes free can be used."""
    by_practice = pb.CancelSeriesRequest(by=appointment_pb2.CANCELLED_BY_PRACTICE)
    found = [_cancelled(session, item, by_practice) for item in layout.surplus]
    for item in layout.surplus:
        item.series_id = series.id
    found += _move_all(session, series, layout.moves, request)
    found += [book_date(session, series, day) for day in layout.more]
    return sorted(found, key=lambda item: item.occurrence_date)


def _move_all(
    session: Session, series: Series, moves: Sequence[Move], request: pb.ChangeSeriesRequest
) -> list[series_pb2.Occurrence]:
    """Move from the end towards which they go, and again while one makes room for another."""
    later = bool(moves) and moves[0].day > moves[0].appointment.local_date
    waiting, found = list(reversed(moves) if later else moves), []
    while waiting:
        tried = [(move, _moved(session, move, request)) for move in waiting]
        left = [move for move, occurrence in tried if occurrence.result == attempts.CONFLICT]
        done = len(left) in (0, len(waiting)) or len(waiting) == 1
        found += [item for _, item in tried if done or item.result != attempts.CONFLICT]
        waiting = [] if done else left
    for move in moves:
        _adopt(session, series, move)
    return found


def _adopt(session: Session, series: Series, move: Move) -> None:
    """Let an occurrence belong to the series that goes on, also where it could not be moved."""
    item = move.appointment
    if (item.series_id, item.occurrence_date) == (series.id, move.stands_for):
        return
    item.series_id, item.occurrence_date = series.id, move.stands_for
    record(session, events_pb2.AppointmentUpdated, item)


def _moved(session: Session, move: Move, request: pb.ChangeSeriesRequest) -> series_pb2.Occurrence:
    item = move.appointment
    local_start = request.local_start or item.local_start
    same_time = (move.day, local_start) == (item.local_date, item.local_start)
    stays = same_time and not any(getattr(request, name) for name in OF_TIME)
    if stays and request.authorization_id in ("", str(item.authorization_id)):
        return attempts.shown(session, move.stands_for, KEPT, item)

    def go() -> Appointment:
        if stays:  # nothing that its patient must be told of, and nothing to confirm again
            item.authorization_id = uuid_of(request.authorization_id)
            return booking.annotate(session, item)
        start = item.start_time if same_time else attempts.start_on(move.day, local_start, item.time_zone)
        wanted = appointment_service_pb2.RescheduleAppointmentRequest(
            id=str(item.id),
            start_time=instant(start),
            duration_minutes=request.duration_minutes,
            resource_ids=request.resource_ids,
            appointment_type_id=request.appointment_type_id,
            authorization_id=request.authorization_id,
        )
        return booking.reschedule(session, wanted)

    occurrence = attempts.attempt(session, move.stands_for, CHANGED, go)
    occurrence.appointment_id = str(item.id)
    return occurrence


def cancel(session: Session, request: pb.CancelSeriesRequest) -> Outcome:
    """Cancel occurrences that are still to come; the rule ends where nothing comes any more."""
    series = fetch(session, Series, request.id, lock=True, etag=request.etag)
    since = _since(request)
    targets = _to_come(session, series, request.scope, since)
    occurrences = [_cancelled(session, item, request) for item in targets]
    if request.scope == THIS:
        record(session, events_pb2.SeriesChanged, series)
    else:
        _end(session, series, since or _stands_for(targets[0]))
    return Outcome(series, occurrences)


def _cancelled(session: Session, item: Appointment, request: pb.CancelSeriesRequest) -> series_pb2.Occurrence:
    appointments.cancel(
        session,
        appointment_service_pb2.CancelAppointmentRequest(id=str(item.id), by=request.by, reason=request.reason),
    )
    return attempts.shown(session, _stands_for(item), CANCELLED, item)


def _end(session: Session, series: Series, since: date) -> None:
    before = [day for day in series.dates if day < since]
    if before:
        series.rule = rule_of(series.recurrence.ended(before[-1]))
    series.state = series_pb2.SERIES_STATE_CANCELLED
    record(session, events_pb2.SeriesCancelled, series)

"""Suggest closures for public holidays; people confirm them by closing, so nothing is closed by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import closure_service_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.mapping import instant
from praxis_scheduling.rules.holidays import public_holidays
from praxis_scheduling.rules.hours import MINUTES_PER_DAY, instant_of
from praxis_scheduling.store.models import Appointment, Closure, LocationCopy
from praxis_scheduling.usecases.appointments import HOLDS_TIME
from praxis_scheduling.usecases.clock_changes import asked_dates, asked_locations


def suggest(session: Session, request: pb.SuggestHolidaysRequest) -> pb.SuggestHolidaysResponse:
    """Return the holidays at one location or all, by date, and the locations whose holidays are not known."""
    found: list[pb.Holiday] = []
    unknown: list[str] = []
    for location in asked_locations(session, request.location_id):
        today = clock.today(session, location.time_zone)
        named = _named(session, location, *asked_dates(request.from_date, request.until_date, today))
        if named is None:
            unknown.append(str(location.id))
        elif named:
            found += _messages(session, location, named)
    found.sort(key=lambda item: (item.local_date, item.location_name, item.location_id))
    return pb.SuggestHolidaysResponse(holidays=found, unknown_location_ids=unknown)


def _named(session: Session, location: LocationCopy, first: date, last: date) -> dict[date, str] | None:
    """Return the names of a location's holidays by date; of a place without a calendar nothing is known."""
    if not location.country_code:
        return None
    named: dict[date, str] = {}
    for year in range(first.year, last.year + 1):
        known = public_holidays(location.country_code, location.region_code, year, context_of(session).locale)
        if known is None:
            return None
        named |= {day: name for day, name in known.items() if first <= day <= last}
    return named


def _messages(session: Session, location: LocationCopy, named: dict[date, str]) -> list[pb.Holiday]:
    zone = ZoneInfo(location.time_zone)
    closures, booked = _closures(session, location, named, zone), _booked(session, location, named)
    found = []
    for day, name in named.items():
        start, end = instant_of(day, 0, zone), instant_of(day, MINUTES_PER_DAY, zone)
        closed = next((each.id for each in closures if each.start_time <= start and each.end_time >= end), "")
        message = pb.Holiday(
            location_id=str(location.id),
            location_name=location.name,
            local_date=day.isoformat(),
            name=name,
            start_time=instant(start),
            end_time=instant(end),
            closure_id=str(closed),
            appointment_count=booked[day],
        )
        found.append(message)
    return found


def _closures(session: Session, location: LocationCopy, named: dict[date, str], zone: ZoneInfo) -> Sequence[Closure]:
    start, end = instant_of(min(named), 0, zone), instant_of(max(named), MINUTES_PER_DAY, zone)
    wanted = select(Closure).where(
        Closure.location_id == location.id,
        Closure.resource_id.is_(None),
        Closure.active,
        Closure.start_time < end,
        Closure.end_time > start,
    )
    return session.scalars(wanted.order_by(Closure.start_time, Closure.id)).all()


def _booked(session: Session, location: LocationCopy, named: dict[date, str]) -> Counter[date]:
    wanted = (
        select(Appointment.local_date, func.count())
        .where(
            Appointment.location_id == location.id,
            Appointment.local_date.in_(named),
            Appointment.state.in_(HOLDS_TIME),
        )
        .group_by(Appointment.local_date)
    )
    return Counter(dict(session.execute(wanted).all()))

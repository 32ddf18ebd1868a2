"""Show changes of the clock before they come: which appointments, dates of series and hours they touch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import clock_change_pb2 as pb
from praxis.scheduling.v1 import clock_change_service_pb2, series_pb2, template_pb2
from praxis_chassis import clock
from praxis_chassis.database import enum_words, fetch
from praxis_chassis.errors import invalid
from praxis_chassis.mapping import instant, read_calendar_date
from praxis_scheduling.rules.clock_changes import ClockChange, LocalTimes, clock_changes, minutes_on
from praxis_scheduling.rules.grid import MINUTE
from praxis_scheduling.rules.hours import DAY, MINUTES_PER_DAY, instant_of, minute_of_day
from praxis_scheduling.store.models import (
    Appointment,
    LocationCopy,
    Resource,
    Template,
    TemplateException,
    weekly_block,
)
from praxis_scheduling.store.series import Series
from praxis_scheduling.usecases.appointments import HOLDS_TIME

USUAL_RANGE, LONGEST_RANGE = timedelta(days=365), timedelta(days=731)
EFFECTS = enum_words(pb.ClockChangeEffect)[1]


@dataclass(frozen=True, slots=True)
class Place:
    """A location with all changes of its clock that are asked for."""

    location: LocationCopy
    changes: Sequence[ClockChange]

    @property
    def zone(self) -> ZoneInfo:
        """The zone whose clock is changed."""
        return ZoneInfo(self.location.time_zone)

    @property
    def times(self) -> list[LocalTimes]:
        """All local times that are skipped or shown twice."""
        return [times for change in self.changes for times in change.times]


def preview(session: Session, request: clock_change_service_pb2.PreviewClockChangesRequest) -> list[pb.ClockChange]:
    """Return the changes at one location or all, earliest first, and what each touches."""
    places = [_place(session, location, request) for location in asked_locations(session, request.location_id)]
    found = [message for place in places if place.changes for message in _messages(session, place)]
    return sorted(found, key=lambda item: (item.change_time.ToNanoseconds(), item.location_name, item.location_id))


def asked_locations(session: Session, identifier: str) -> Sequence[LocationCopy]:
    """Return the location that was named, or all."""
    if identifier:
        return [fetch(session, LocationCopy, identifier)]
    return session.scalars(select(LocationCopy).order_by(LocationCopy.name, LocationCopy.id)).all()


def _place(
    session: Session, location: LocationCopy, request: clock_change_service_pb2.PreviewClockChangesRequest
) -> Place:
    first, last = asked_dates(request.from_date, request.until_date, clock.today(session, location.time_zone))
    zone = ZoneInfo(location.time_zone)
    start, end = instant_of(first, 0, zone), instant_of(last, MINUTES_PER_DAY, zone)
    return Place(location, list(clock_changes(zone, start, end)))


def asked_dates(from_date: str, until_date: str, today: date) -> tuple[date, date]:
    """Read the first and the last date that somebody wants to look ahead over."""
    first = read_calendar_date(from_date, "from_date") or today
    last = read_calendar_date(until_date, "until_date") or first + USUAL_RANGE
    if last < first:
        raise invalid("until_date", "ENDS_BEFORE_START")
    if last - first > LONGEST_RANGE:
        raise invalid("until_date", "SEARCH_TOO_LONG", days=LONGEST_RANGE.days)
    return first, last


def _messages(session: Session, place: Place) -> Iterator[pb.ClockChange]:
    appointments, series = _appointments(session, place), _series(session, place)
    hours = _Hours.of(session, place)
    for change in place.changes:
        yield _message(place, change, [*_touched(change, appointments), *_skipped(change, series)], hours.met(change))


def _message(
    place: Place,
    change: ClockChange,
    appointments: Sequence[pb.ClockChangeAppointment],
    blocks: Sequence[pb.ClockChangeBlock],
) -> pb.ClockChange:
    start, end = change.local
    kind = pb.CLOCK_CHANGE_KIND_FORWARD if change.forward else pb.CLOCK_CHANGE_KIND_BACK

    def start_of(item: pb.ClockChangeAppointment) -> int:
        shown = item.start_time if item.HasField("start_time") else instant(change.moment)
        return shown.ToNanoseconds()

    return pb.ClockChange(
        location_id=str(place.location.id),
        location_name=place.location.name,
        time_zone=place.location.time_zone,
        change_time=instant(change.moment),
        kind=kind,
        offset_before_minutes=change.before // MINUTE,
        offset_after_minutes=change.after // MINUTE,
        local_date=start.date().isoformat(),
        local_from=f"{start:%H:%M}",
        local_until=f"{end:%H:%M}",
        appointments=sorted(appointments, key=start_of),
        blocks=blocks,
    )


def _appointments(session: Session, place: Place) -> Sequence[Appointment]:
    """Return the appointments that stand and go on while the clock is changed, or at times that it shows twice."""
    around = [_while(change.around, change.times) for change in place.changes]
    stands = (Appointment.location_id == place.location.id, Appointment.state.in_(HOLDS_TIME))
    return session.scalars(select(Appointment).where(*stands, or_(*around)).order_by(Appointment.start_time)).all()


def _while(around: tuple[datetime, datetime], times: Sequence[LocalTimes]) -> ColumnElement[bool]:
    near = Appointment.local_date.between(times[0].day - DAY, times[-1].day + DAY)  # what the index knows
    return and_(near, Appointment.start_time < around[1], Appointment.end_time > around[0])


def _touched(change: ClockChange, appointments: Sequence[Appointment]) -> Iterator[pb.ClockChangeAppointment]:
    for item in appointments:
        effect = change.effect(item.start_time, item.end_time)
        if effect is not None:
            yield pb.ClockChangeAppointment(
                effect=EFFECTS[effect.value],  # type: ignore[arg-type]
                appointment_id=str(item.id),
                series_id=str(item.series_id or ""),
                patient_id=str(item.patient_id),
                patient_name=item.patient.name,
                local_date=item.local_date.isoformat(),
                local_start=item.local_start,
                start_time=instant(item.start_time),
                end_time=instant(item.end_time),
            )


def _series(session: Session, place: Place) -> Sequence[Series]:
    """Return the series at such local times that the clock skips; those that it shows twice have appointments."""
    skipped = [times for change in place.changes if change.forward for times in change.times]
    if not skipped:
        return []
    between = [
        and_(Series.local_start >= _wall(times.start), Series.local_start < _wall(times.end)) for times in skipped
    ]
    wanted = select(Series).where(
        Series.location_id == place.location.id, Series.state == series_pb2.SERIES_STATE_ACTIVE, or_(*between)
    )
    return session.scalars(wanted.order_by(Series.id)).all()


def _wall(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _skipped(change: ClockChange, series: Sequence[Series]) -> Iterator[pb.ClockChangeAppointment]:
    """Yield the dates of series that have no appointment because the clock skips their time."""
    for times in change.times if change.forward else ():
        for item in series:
            if times.holds(minute_of_day(item.local_start)) and _lacks(item, times.day):
                yield pb.ClockChangeAppointment(
                    effect=pb.CLOCK_CHANGE_EFFECT_SKIPPED,
                    series_id=str(item.id),
                    patient_id=str(item.patient_id),
                    patient_name=item.patient.name,
                    local_date=times.day.isoformat(),
                    local_start=item.local_start,
                )


def _lacks(series: Series, day: date) -> bool:
    return day in series.dates and day not in {item.occurrence_date for item in series.appointments}


@dataclass(frozen=True, slots=True)
class _Hours:
    """The hours of a location's resources around the changes of its clock."""

    zone: ZoneInfo
    resources: Sequence[Resource]
    templates: Sequence[Template]
    exceptions: dict[tuple[UUID, date], TemplateException]

    @classmethod
    def of(cls, session: Session, place: Place) -> _Hours:
        here = select(Resource).where(Resource.location_id == place.location.id, Resource.active)
        resources = session.scalars(here.order_by(Resource.name, Resource.id)).all()
        ids, days = [resource.id for resource in resources], {times.day for times in place.times}
        templates = session.scalars(select(Template).where(Template.resource_id.in_(ids)).order_by(Template.id)).all()
        wanted = select(TemplateException).where(
            TemplateException.resource_id.in_(ids), TemplateException.active, TemplateException.local_date.in_(days)
        )
        exceptions = {(item.resource_id, item.local_date): item for item in session.scalars(wanted)}
        return cls(place.zone, resources, templates, exceptions)

    def met(self, change: ClockChange) -> list[pb.ClockChangeBlock]:
        """Return the blocks that have some of the local times of a change."""
        return [
            self._message(resource, source, block, times)
            for resource in self.resources
            for times in change.times
            for source, block in self._blocks(resource, times.day)
            if times.meets(weekly_block(block))
        ]

    def _blocks(
        self, resource: Resource, day: date
    ) -> Iterator[tuple[Template | TemplateException, template_pb2.Block]]:
        exception = self.exceptions.get((resource.id, day))
        if exception is not None:
            yield from ((exception, block) for block in exception.blocks)
            return
        for template in self.templates:
            if template.resource_id == resource.id and template.hours.counts_on(day):
                yield from ((template, block) for block in template.blocks if block.weekday == day.isoweekday())

    def _message(
        self,
        resource: Resource,
        source: Template | TemplateException,
        block: template_pb2.Block,
        times: LocalTimes,
    ) -> pb.ClockChangeBlock:
        weekly = weekly_block(block)
        return pb.ClockChangeBlock(
            resource_id=str(resource.id),
            resource_name=resource.name,
            template_id=str(source.id) if isinstance(source, Template) else "",
            template_exception_id=str(source.id) if isinstance(source, TemplateException) else "",
            local_date=times.day.isoformat(),
            local_start=block.local_start,
            local_end=block.local_end,
            kind=block.kind,
            usual_minutes=weekly.end - weekly.start,
            actual_minutes=minutes_on(weekly, times.day, self.zone),
        )

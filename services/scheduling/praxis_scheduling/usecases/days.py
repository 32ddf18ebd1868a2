"""Some days of a calendar in one answer: columns with their hours, and appointments with lanes, visits and colors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2, calendar_pb2, calendar_service_pb2, resource_pb2, template_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import enum_words, fetch
from praxis_chassis.errors import invalid, not_found
from praxis_chassis.mapping import instant, read_calendar_date
from praxis_scheduling.rules import contrast
from praxis_scheduling.rules.availability import Guest, openness
from praxis_scheduling.rules.colors import Rule, Verdict, decide
from praxis_scheduling.rules.grid import Grid
from praxis_scheduling.rules.hours import Span, instant_of
from praxis_scheduling.store import calendar, days
from praxis_scheduling.store.models import AppointmentType, Resource
from praxis_scheduling.store.views import CalendarView, ColorScheme, color_rule
from praxis_scheduling.usecases import views
from praxis_scheduling.usecases.availability import spans_of

MOST_COLUMNS = 100
DAY, MIDNIGHT = timedelta(days=1), 24 * 60
ANY_TYPE = UUID(int=0)
BLOCK_NUMBERS = enum_words(template_pb2.BlockKind)[1]
CANCELLED = appointment_pb2.APPOINTMENT_STATE_CANCELLED
# What is used where the practice has made no scheme: what a status says goes before the color of the type.
STANDARD: tuple[tuple[str, Any, str, str, str], ...] = (
    ("NO_SHOW", {"states": frozenset([appointment_pb2.APPOINTMENT_STATE_NO_SHOW])}, "#fde0e0", "", "x"),
    ("OVER", {"states": frozenset([CANCELLED, appointment_pb2.APPOINTMENT_STATE_COMPLETED])}, "#e4e8ee", "", "check"),
    ("HERE", {"states": frozenset([appointment_pb2.APPOINTMENT_STATE_ARRIVED])}, "#d0f0ee", "", "user-check"),
    ("TYPE", {}, "", "appointment_type", ""),
    ("BLOCK", {}, "", "block", ""),
    ("RESOURCE", {}, "", "resource", ""),
)


@dataclass(frozen=True, slots=True)
class Column:
    """A resource with the time zone of its location and the occurrences of its blocks."""

    resource: Resource
    zone: ZoneInfo
    spans: Sequence[Span] | None


@dataclass(frozen=True, slots=True)
class Window:
    """The local dates that are asked for, and the instants that they reach over in all time zones."""

    first: date
    last: date
    start: datetime
    until: datetime

    @property
    def grid(self) -> Grid:
        """The minutes of the window."""
        return Grid.around(self.start, self.until)

    @property
    def dates(self) -> list[date]:
        """All days."""
        return [self.first + number * DAY for number in range((self.last - self.first).days + 1)]


def show(
    session: Session, request: calendar_service_pb2.GetCalendarRequest
) -> calendar_service_pb2.GetCalendarResponse:
    """Return what a calendar shows."""
    view = views.view(session, request.view_id) if request.view_id else None
    resources = _resources(session, request, view)
    window = _window(request, [ZoneInfo(zone) for zone in _zones(session, resources).values()])
    columns = _columns(session, resources, window)
    guest = Guest(ANY_TYPE, frozenset(), clock.now(session))
    ids = [resource.id for resource in resources]
    places = days.PLACES.rows(session, resources=ids, start=window.start, until=window.until)
    scheme_id = request.color_scheme_id or str((view and view.color_scheme_id) or "")
    painter = _painter(session, scheme_id, columns)
    shown = _appointments(session, painter, window, _hidden(request, view), places)
    wanted = set(view.weekdays) if view and view.weekdays else set()
    locations = list({each.location_id for each in resources})
    closures = days.CLOSURES.rows(session, locations=locations, start=window.start, until=window.until)
    counts = Counter(item.state for item in shown)
    return calendar_service_pb2.GetCalendarResponse(
        columns=[_column_message(column, window, guest, wanted, closures, places, shown) for column in columns],
        appointments=shown,
        counts=[calendar_pb2.StateCount(state=state, count=counts[state]) for state in sorted(counts)],
        color_scheme_id=scheme_id,
    )


def _resources(
    session: Session, request: calendar_service_pb2.GetCalendarRequest, view: CalendarView | None
) -> list[Resource]:
    named = [UUID(key) for key in request.resource_ids]
    places = [UUID(key) for key in request.location_ids]
    if not named and not places and view:
        named, places = list(view.resource_ids), list(view.location_ids)
    if not named:
        found = calendar.resources_for(session, [resource_pb2.RESOURCE_KIND_PROVIDER], places)
        if len(found) > MOST_COLUMNS:
            raise invalid("location_ids", "TOO_MANY_COLUMNS", most=MOST_COLUMNS)
        return found
    known = {resource.id: resource for resource in calendar.resources_of(session, named)}
    if missing := [key for key in named if key not in known]:
        raise not_found("resource", missing[0])
    return [known[key] for key in named if not places or known[key].location_id in places]


def _zones(session: Session, resources: Sequence[Resource]) -> dict[UUID, str]:
    return calendar.zones(session, {resource.location_id for resource in resources})


def _window(request: calendar_service_pb2.GetCalendarRequest, zones: Collection[ZoneInfo]) -> Window:
    first = read_calendar_date(request.from_date, "from_date")
    assert first is not None, "the contract asks for it"
    last = first + ((request.days or 1) - 1) * DAY
    known = list(zones) or [ZoneInfo("UTC")]
    start = min(instant_of(first, 0, zone) for zone in known)
    return Window(first, last, start, max(instant_of(last, MIDNIGHT, zone) for zone in known))


def _columns(session: Session, resources: Sequence[Resource], window: Window) -> list[Column]:
    """Return the columns with their hours: by templates, and by the exceptions of single days."""
    ids = [resource.id for resource in resources]
    hours = calendar.hours_of(session, ids)
    exceptions = calendar.exceptions_of(session, ids, window.first - 2 * DAY, window.last + 2 * DAY)
    zones, grid = _zones(session, resources), window.grid
    return [
        Column(each, zone, spans_of(each, hours.get(each.id, []), exceptions.get(each.id, {}), zone, grid))
        for each in resources
        for zone in [ZoneInfo(zones[each.location_id])]
    ]


def _hidden(request: calendar_service_pb2.GetCalendarRequest, view: CalendarView | None) -> set[int]:
    hidden: set[int] = set(view.hidden_states) if view and view.hidden_states else {CANCELLED}
    return hidden - {CANCELLED} if request.include_cancelled else hidden


# ── columns ───────────────────────────────────────────────────────────────────────────────────────────


def _column_message(
    column: Column, window: Window, guest: Guest, wanted: set[int], closures: Sequence[Any], places: Sequence[Any],
    shown: Sequence[calendar_pb2.CalendarAppointment],
) -> calendar_pb2.CalendarColumn:  # fmt: skip
    resource = column.resource
    closed = [row for row in closures if row[0] == resource.location_id and row[1] in (None, resource.id)]
    key = str(resource.id)
    begun = Counter(item.local_date for item in shown if key in item.resource_ids)
    grid = window.grid
    opened = openness(grid, column.spans, [(row[2], row[3]) for row in closed], guest)
    bookable = opened.open | opened.wave | opened.foreign | opened.reserved
    free = bookable & ~_full(grid, resource, places)
    return calendar_pb2.CalendarColumn(
        resource_id=key,
        name=resource.name,
        kind=resource.kind,  # type: ignore[arg-type] # the number of an enum
        practitioner_id=str(resource.practitioner_id or ""),
        location_id=str(resource.location_id),
        time_zone=column.zone.key,
        color=resource.color,
        capacity=resource.capacity,
        double_booking_enabled=resource.double_booking_enabled,
        days=[
            _day(column, day, grid, bookable, free, closed, begun[day.isoformat()])
            for day in window.dates
            if not wanted or day.isoweekday() in wanted
        ],
    )


def _full(grid: Grid, resource: Resource, places: Sequence[Any]) -> int:
    """Return the minutes in which every place within the capacity is taken."""
    full = grid.all
    for lane in range(resource.capacity):
        full &= grid.union((row[3], row[4]) for row in places if row[1] == resource.id and row[2] == lane)
    return full


def _day(
    column: Column, day: date, grid: Grid, bookable: int, free: int, closed: Sequence[Any], count: int
) -> calendar_pb2.CalendarDay:
    start, end = instant_of(day, 0, column.zone), instant_of(day, MIDNIGHT, column.zone)
    mask = grid.mask(grid.minute(start), grid.minute(end))
    return calendar_pb2.CalendarDay(
        local_date=day.isoformat(),
        blocks=[_block(span) for span in column.spans or () if span.start < end and span.end > start],
        closures=[
            calendar_pb2.CalendarClosure(start_time=instant(row[2]), end_time=instant(row[3]), reason=row[4])
            for row in closed
            if row[2] < end and row[3] > start
        ],
        open_minutes=(bookable & mask).bit_count(),
        free_minutes=(free & mask).bit_count(),
        appointment_count=count,
    )


def _block(span: Span) -> calendar_pb2.CalendarBlock:
    return calendar_pb2.CalendarBlock(
        start_time=instant(span.start),
        end_time=instant(span.end),
        kind=BLOCK_NUMBERS[span.kind],  # type: ignore[arg-type] # the number of an enum
        color=span.color,
        wave_size=span.wave_size,
        allowed_appointment_type_ids=sorted(map(str, span.allowed)),
    )


# ── appointments and their colors ─────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Painter:
    """What colors are decided by: the rules, and the colors of types, resources and blocks."""

    rules: Sequence[Rule]
    types: Mapping[UUID, str]
    columns: Mapping[UUID, Column]

    def paint(self, row: Any, *, new_patient: bool) -> calendar_pb2.AppointmentColor:
        """Return the color of an appointment."""
        block = self._block(row)
        facts = {
            "states": frozenset([row[9]]),
            "visit_states": frozenset([row[21]]) if row[21] else frozenset(),
            "tags": frozenset(row[5]),
            "appointment_type_ids": frozenset([str(row[6])]),
            "practitioner_ids": frozenset(map(str, row[16])),
            "patient_kinds": frozenset([row[4]]),
            "channels": frozenset([row[10]]),
            "block_kinds": frozenset([BLOCK_NUMBERS[block.kind]]) if block else frozenset(),
            "overridden": frozenset([bool(row[17])]),
            "new_patient": frozenset([new_patient]),
        }
        colored = [self.columns[key].resource.color for key in row[15] if key in self.columns]
        sources = {
            "appointment_type": self.types.get(row[6], ""),
            "resource": next(filter(None, colored), ""),
            "block": block.color if block else "",
        }
        return _color(decide(self.rules, facts, sources))

    def _block(self, row: Any) -> Span | None:
        """Return the block in which an appointment begins, of the first of its columns that has one."""
        found = (
            span
            for key in row[15]
            if key in self.columns
            for span in self.columns[key].spans or ()
            if span.start <= row[11] < span.end
        )
        return next(found, None)


def _color(verdict: Verdict) -> calendar_pb2.AppointmentColor:
    rule = verdict.rule
    text = (rule.text_color if rule else "") or contrast.ink_for(verdict.color)
    return calendar_pb2.AppointmentColor(
        color=verdict.color,
        text_color=text,
        contrast_ratio=contrast.shown(contrast.ratio(verdict.color, text)),
        rule_name=rule.name if rule else "",
        rule_position=verdict.position,
        icon=rule.icon if rule else "",
        label=rule.label if rule else "",
    )


def _painter(session: Session, scheme_id: str, columns: Sequence[Column]) -> Painter:
    rules = [color_rule(rule) for rule in fetch(session, ColorScheme, scheme_id).rules] if scheme_id else None
    types = session.execute(select(AppointmentType.id, AppointmentType.color))
    return Painter(
        rules if rules is not None else _standard(session),
        {row.id: row.color for row in types},
        {column.resource.id: column for column in columns},
    )


def _standard(session: Session) -> list[Rule]:
    context = context_of(session)
    names = [context.runtime.catalog.render(context.locale, f"COLOR_RULE_{key}", {}) for key, *_ in STANDARD]
    return [
        Rule(name, conditions, color, source, "", icon)
        for name, (_, conditions, color, source, icon) in zip(names, STANDARD, strict=True)
    ]


def _appointments(
    session: Session, painter: Painter, window: Window, hidden: set[int], places: Sequence[Any]
) -> list[calendar_pb2.CalendarAppointment]:
    rows = days.APPOINTMENTS.rows(
        session, first=window.first - DAY, last=window.last, start=window.start, until=window.until,
        resources=list(painter.columns),
    )  # fmt: skip
    rows = [row for row in rows if row[9] not in hidden]
    known = dict(days.KNOWN.rows(session, patients=list({row[2] for row in rows})))
    taken: dict[UUID, list[calendar_pb2.CalendarPlace]] = {}
    for appointment_id, resource_id, lane, *_ in places:
        taken.setdefault(appointment_id, []).append(calendar_pb2.CalendarPlace(resource_id=str(resource_id), lane=lane))
    return [_appointment(row, painter, taken.get(row[0], []), known.get(row[2])) for row in rows]


def _appointment(
    row: Any, painter: Painter, places: Sequence[calendar_pb2.CalendarPlace], first_seen: datetime | None
) -> calendar_pb2.CalendarAppointment:
    new_patient = first_seen is None or first_seen >= row[11]
    shown = calendar_pb2.CalendarAppointment(
        id=str(row[0]), etag=f'"{row[1]}"', patient_id=str(row[2]), patient_name=row[3], tags=row[5],
        appointment_type_id=str(row[6]), appointment_type_name=row[7], location_id=str(row[8]), state=row[9],
        channel=row[10], start_time=instant(row[11]), end_time=instant(row[12]), local_date=row[13].isoformat(),
        local_start=row[14], resource_ids=map(str, row[15]), practitioner_ids=map(str, row[16]),
        overridden_rules=row[17], reason=row[18], notes=row[19], places=places, new_patient=new_patient,
        color=painter.paint(row, new_patient=new_patient),
    )  # fmt: skip
    if row[20]:
        shown.visit_id, shown.visit_state, shown.room_id = str(row[20]), row[21], str(row[23] or "")
        shown.arrive_time.CopyFrom(instant(row[22]))
    return shown

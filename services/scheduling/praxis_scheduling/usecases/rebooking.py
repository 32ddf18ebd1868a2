"""Propose other times for appointments that a closure or an exception of a template has met; nothing is moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2, rebooking_service_pb2
from praxis_chassis import clock
from praxis_chassis.database import fetch
from praxis_chassis.errors import invalid
from praxis_chassis.mapping import moment
from praxis_scheduling.rules.availability import Need, Rule
from praxis_scheduling.rules.grid import MINUTE, Grid
from praxis_scheduling.rules.hours import DAY, MINUTES_PER_DAY, instant_of
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import (
    Appointment,
    AppointmentType,
    Closure,
    Reservation,
    Resource,
    TemplateException,
)
from praxis_scheduling.usecases import availability, slots
from praxis_scheduling.usecases.appointments import TO_COME
from praxis_scheduling.usecases.availability import Wish
from praxis_scheduling.usecases.booking import RULE_NUMBERS
from praxis_scheduling.usecases.slots import ANYBODY, Leading, Search

USUAL_SLOTS = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """What has met appointments: when, of which resource or of a whole location, and by which rules."""

    location_id: UUID
    resource_id: UUID | None
    start: datetime
    end: datetime
    rules: frozenset[Rule]
    active: bool

    def appointments(self, now: datetime) -> Select[Any]:
        """Return the query of the appointments to come that it may have met."""
        wanted = select(Appointment).where(
            Appointment.location_id == self.location_id,
            Appointment.state.in_(TO_COME),
            Appointment.start_time > now,
            Appointment.start_time < self.end,
            Appointment.end_time > self.start,
            # An appointment is no longer than a day; the index knows days.
            Appointment.local_date.between(self.start.date() - 2 * DAY, self.end.date() + DAY),
        )
        if not self.active:
            return wanted.where(Appointment.id.is_(None))
        return wanted.where(Appointment.resource_ids.contains([self.resource_id])) if self.resource_id else wanted


@dataclass(frozen=True, slots=True)
class Proposal:
    """An appointment, the rules that stand against it now, and times that it could be moved to."""

    appointment: Appointment
    broken: Sequence[Rule]
    slots: Sequence[appointment_pb2.Slot]

    @property
    def broken_rules(self) -> list[int]:
        """The rules in the terms of the contract."""
        return [RULE_NUMBERS[rule] for rule in self.broken]


def cause_of(session: Session, request: rebooking_service_pb2.ProposeRebookingsRequest) -> Cause:
    """Return what the request says has met appointments."""
    if bool(request.closure_id) == bool(request.template_exception_id):
        raise invalid("closure_id", "REBOOKING_CAUSE")
    if request.closure_id:
        closure = fetch(session, Closure, request.closure_id)
        return Cause(
            closure.location_id, closure.resource_id, closure.start_time, closure.end_time,
            frozenset({Rule.CLOSED}), closure.active,
        )  # fmt: skip
    exception = fetch(session, TemplateException, request.template_exception_id)
    resource = fetch(session, Resource, exception.resource_id)
    zone = ZoneInfo(calendar.zones(session, [resource.location_id])[resource.location_id])
    start, end = (instant_of(exception.local_date, minute, zone) for minute in (0, MINUTES_PER_DAY))
    rules = frozenset(Rule) - {Rule.CLOSED}
    return Cause(resource.location_id, resource.id, start, end, rules, exception.active)


def propose(session: Session, cause: Cause, appointments: Sequence[Appointment], slots_each: int) -> Iterator[Proposal]:
    """Yield those of the appointments that the cause stands against, with other times that differ from each other."""
    given = _Given()
    for appointment in appointments:
        wish = _wish_of(session, appointment)
        broken = _broken(session, cause, appointment, wish)
        if broken:
            found = _free_times(session, appointment, wish, given, slots_each or USUAL_SLOTS)
            yield Proposal(appointment, broken, found)


def _wish_of(session: Session, appointment: Appointment) -> Wish:
    """Return what is to be booked: the same again by the desk, and nothing that would be a double booking."""
    kind = fetch(session, AppointmentType, appointment.appointment_type_id)
    need = Need(appointment.duration_minutes, kind.buffer_before_minutes, kind.buffer_after_minutes)
    tags = frozenset(appointment.patient.tags)
    return Wish(kind, appointment_type_pb2.CHANNEL_DESK, need, tags, within_capacity=True)


def _broken(session: Session, cause: Cause, appointment: Appointment, wish: Wish) -> list[Rule]:
    """Return the rules by which the cause stands against an appointment, but for those that were set aside for it."""
    concerned = [item for item in appointment.reservations if cause.resource_id in {None, item.resource_id}]
    grid = Grid.around(appointment.start_time - DAY, appointment.end_time + DAY)
    zones = {appointment.location_id: appointment.time_zone}
    resources = [item.resource for item in concerned]
    calendars = availability.load(session, resources, wish, grid, zones, appointment.id)
    found = {
        rule
        for item in concerned
        for rule in calendars[item.resource_id].openness.broken(*_minutes(grid, appointment, item))
    }
    set_aside = set(appointment.overridden_rules)
    return [rule for rule in Rule if rule in found & cause.rules and RULE_NUMBERS[rule] not in set_aside]


def _minutes(grid: Grid, appointment: Appointment, item: Reservation) -> tuple[int, int]:
    """Return the first minute and the length of what a resource does with the patient, without the buffers."""
    lower, upper = item.during.lower or appointment.start_time, item.during.upper or appointment.end_time
    start, end = max(lower, appointment.start_time), min(upper, appointment.end_time)
    return grid.minute(start), (end - start) // MINUTE


@dataclass(slots=True)
class _Given:
    """The times that were proposed already, by resource: none is proposed twice."""

    ranges: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)

    def take(self, slot: appointment_pb2.Slot, margin: timedelta) -> bool:
        """Take a time and return True, unless it meets another one of the same resource."""
        start, end = moment(slot.start_time), moment(slot.end_time)
        taken = [known for key in slot.resource_ids for known in self.ranges.get(key, ())]
        if any(start - margin < until and end + margin > since for since, until in taken):
            return False
        for key in slot.resource_ids:
            self.ranges.setdefault(key, []).append((start, end))
        return True


def _free_times(
    session: Session, appointment: Appointment, wish: Wish, given: _Given, count: int
) -> list[appointment_pb2.Slot]:
    """Return free times with who leads the appointment now, or with anybody where there are none."""
    lead = wish.appointment_type.roles[0]
    team = [item.resource for item in appointment.reservations]
    search = Search(
        wish=wish,
        start=max(appointment.start_time, clock.now(session)),
        until=None,
        locations=[appointment.location_id],
        leading=Leading(resources={member.id for member in team if lead.fits(member.kind, member.skills)}),
        but=appointment.id,
    )
    margin = (wish.need.before + wish.need.after) * MINUTE
    for leading in (search.leading, ANYBODY):
        fresh = (slot for slot in slots.times(session, replace(search, leading=leading)) if given.take(slot, margin))
        if found := list(islice(fresh, count)):
            return found
    return []

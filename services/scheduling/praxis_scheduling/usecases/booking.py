"""Book and move appointments: the rules judge, the desk may set them aside, the database has the last word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from praxis.scheduling.v1 import (
    appointment_pb2,
    appointment_service_pb2,
    appointment_type_pb2,
    errors_pb2,
    events_pb2,
    resource_pb2,
)
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import enum_words, fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid, not_found
from praxis_chassis.events import record
from praxis_chassis.mapping import moment
from praxis_scheduling.rules.availability import Availability, Rule
from praxis_scheduling.rules.grid import MINUTE, Grid
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import Appointment, AppointmentType, Reservation, Resource
from praxis_scheduling.usecases import appointments, availability, directory, slots
from praxis_scheduling.usecases.availability import Wish, active_type, wish_for

BOOKED_TWICE = "PATIENT_BOOKED_TWICE"
OVERRIDE = "scheduling.appointments.override"
ATTEMPTS = 20
ALTERNATIVES = 3
DAY = timedelta(days=1)
REASONS = {
    Rule.CLOSED: errors_pb2.ERROR_REASON_CLOSED,
    Rule.OUTSIDE_HOURS: errors_pb2.ERROR_REASON_OUTSIDE_HOURS,
    Rule.BLOCK_HELD: errors_pb2.ERROR_REASON_BLOCK_HELD,
    Rule.TYPE_NOT_ALLOWED: errors_pb2.ERROR_REASON_TYPE_NOT_ALLOWED,
    Rule.WAVE_START: errors_pb2.ERROR_REASON_WAVE_START,
    Rule.LANES_FULL: errors_pb2.ERROR_REASON_SLOT_TAKEN,
}
RULE_NUMBERS = enum_words(appointment_pb2.BookingRule)[1]
KIND_WORDS = enum_words(resource_pb2.ResourceKind)[0]


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: the appointment with its time, the resources that were named, and why rules may fall."""

    appointment: Appointment
    wish: Wish
    named: Sequence[UUID]
    reason: str
    preferred: Sequence[UUID] = ()

    @property
    def occupied(self) -> tuple[datetime, datetime]:
        """The range that resources are taken for, with the buffers."""
        need = self.wish.need
        return self.appointment.start_time - need.before * MINUTE, self.appointment.end_time + need.after * MINUTE


@dataclass(frozen=True, slots=True)
class Plan:
    """Who takes part, in which lanes, and which rules stand against it."""

    team: Sequence[Resource]
    lanes: dict[UUID, int]
    broken: dict[UUID, list[Rule]]
    pool: Sequence[Resource]
    grid: Grid
    calendars: dict[UUID, Availability]

    @property
    def rules(self) -> list[Rule]:
        """All rules that stand against it, the most final first."""
        found = {rule for member in self.team for rule in self.broken[member.id]}
        return [rule for rule in Rule if rule in found]

    @property
    def objector(self) -> Resource:
        """The member whom the first of these rules concerns."""
        first = self.rules[0]
        return next(member for member in self.team if first in self.broken[member.id])


def book(session: Session, appointment: Appointment) -> Appointment:
    """Take the time that is wanted, or refuse with alternatives."""
    wish = _wish_of(session, appointment)
    _set_time(session, appointment, wish, appointment.start_time)
    _check_alive(session, appointment)
    order = Order(appointment, wish, list(appointment.resource_ids), appointment.override_reason)
    plan = _judged(session, order)
    appointment.state = appointment_pb2.APPOINTMENT_STATE_BOOKED
    record(session, events_pb2.AppointmentBooked, appointment)
    session.flush()
    _occupy(session, order, plan)
    return appointment


def reschedule(session: Session, request: appointment_service_pb2.RescheduleAppointmentRequest) -> Appointment:
    """Move an appointment: take the new time, free the old one, both or neither."""
    appointment = fetch(session, Appointment, request.id, lock=True, etag=request.etag)
    before = {"previous_start_time": appointment.start_time, "previous_end_time": appointment.end_time}
    old = calendar.live_reservations(session, appointment.id)
    appointment.go("reschedule")
    kind = fetch(session, AppointmentType, appointment.appointment_type_id)
    wish = wish_for(kind, request.channel, request.duration_minutes or appointment.duration_minutes)
    _set_time(session, appointment, wish, moment(request.start_time))
    _check_alive(session, appointment)
    appointment.confirm_time = None
    named = [uuid_of(key) for key in request.resource_ids] or _kept(kind, old)
    order = Order(appointment, wish, named, request.override_reason, preferred=[item.resource_id for item in old])
    plan = _judged(session, order)
    record(session, events_pb2.AppointmentRescheduled, appointment, **before)
    _exchange(session, order, plan, old)
    return appointment


def _kept(kind: AppointmentType, old: Sequence[Reservation]) -> list[UUID]:
    """Return the resources that a move keeps in any case: all but the room and the like, which may be another one."""
    exchangeable = {role for role, _ in kind.roles[1:]}
    return [item.resource_id for item in old if item.resource.kind not in exchangeable]


def _exchange(session: Session, order: Order, plan: Plan, old: Sequence[Reservation]) -> None:
    """Take first and free afterwards; only what stands in its own way is freed before.

    Two appointments that change places never wait for each other that way.
    """
    start, end = order.occupied
    own = [item.id for item in old if item.resource_id in plan.lanes and _touches(item, start, end)]
    calendar.release(session, own)
    session.flush()
    _occupy(session, order, plan)
    calendar.release(session, [item.id for item in old if item.id not in own])
    session.expire(order.appointment, ["reservations"])


def _touches(item: Reservation, start: datetime, end: datetime) -> bool:
    lower, upper = item.during.lower, item.during.upper
    return lower is not None and upper is not None and lower < end and upper > start


def _wish_of(session: Session, appointment: Appointment) -> Wish:
    """Check who is to come for what, and return what is to be booked."""
    patient = directory.known_patient(session, appointment.patient_id, hold=True)
    kind = active_type(session, appointment.appointment_type_id)
    wish = wish_for(kind, appointment.channel, appointment.duration_minutes)
    if kind.patient_kinds and patient.kind not in kind.patient_kinds:
        raise DomainError(errors_pb2.ERROR_REASON_TYPE_NOT_FOR_PATIENT, type=kind.name)
    appointment.channel = wish.channel
    appointment.appointment_type_name = kind.name
    set_committed_value(appointment, "patient", patient)
    return wish


def _set_time(session: Session, appointment: Appointment, wish: Wish, start: datetime) -> None:
    """Set all fields that follow from the start, the duration and the time zone of the location."""
    if start.second or start.microsecond:
        raise invalid("start_time", "NOT_ON_A_MINUTE")
    if wish.channel == appointment_type_pb2.CHANNEL_BOOKING and start < clock.now(session):
        raise DomainError(errors_pb2.ERROR_REASON_START_IN_PAST)
    location = directory.known_location(session, appointment.location_id)
    local = start.astimezone(ZoneInfo(location.time_zone))
    appointment.start_time = start
    appointment.duration_minutes = wish.need.duration
    appointment.end_time = start + wish.need.duration * MINUTE
    appointment.time_zone = location.time_zone
    appointment.local_date = local.date()
    appointment.local_start = f"{local:%H:%M}"


def warnings(session: Session, appointment: Appointment) -> list[type_pb2.Warning]:
    """Return what the caller should look at although the appointment is booked, in the caller's language."""
    other = appointments.at_the_same_time(session, appointment)
    if other is None:
        return []
    facts = {"id": str(other.id), "date": other.local_date.isoformat(), "time": other.local_start}
    return [type_pb2.Warning(reason=BOOKED_TWICE, text=_text(session, BOOKED_TWICE, facts), metadata=facts)]


def _check_alive(session: Session, appointment: Appointment) -> None:
    died = directory.known_patient(session, appointment.patient_id, hold=True).deceased_date
    if died is not None and appointment.local_date > died:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_DECEASED, date=died)


def _judged(session: Session, order: Order) -> Plan:
    """Return a plan that is allowed, by the rules or by an override, and note it on the appointment."""
    plan, appointment = _draw_up(session, order), order.appointment
    rules = plan.rules
    if rules:
        _check_override(session, order, plan)
    appointment.overridden_rules = [RULE_NUMBERS[rule] for rule in rules]
    appointment.override_reason = order.reason if rules else ""
    appointment.override_by = str(context_of(session).actor) if rules else ""
    appointment.resource_ids = [member.id for member in plan.team]
    appointment.practitioner_ids = [member.practitioner_id for member in plan.team if member.practitioner_id]
    return plan


def _check_override(session: Session, order: Order, plan: Plan) -> None:
    if order.reason and not order.wish.desk:
        raise DomainError(errors_pb2.ERROR_REASON_OVERRIDE_NOT_IN_CHANNEL)
    if not order.reason:
        raise _refusal(session, order, plan, plan.objector, plan.rules[0])
    if OVERRIDE not in context_of(session).permissions:
        raise DomainError(errors_pb2.ERROR_REASON_OVERRIDE_NOT_PERMITTED, permission=OVERRIDE)


def _refusal(session: Session, order: Order, plan: Plan, resource: Resource, rule: Rule) -> DomainError:
    appointment = order.appointment
    search = slots.Search(
        wish=order.wish,
        start=appointment.start_time,
        until=None,
        locations=[appointment.location_id],
        resources=order.named,
        limit=ALTERNATIVES,
        but=appointment.id,
    )
    found = _alternatives(session, search, appointment, plan)
    listed = ", ".join(f"{slot.local_date} {slot.local_start}" for slot in found)
    return DomainError(
        REASONS[rule],
        details=[errors_pb2.SlotAlternatives(slots=found)],
        resource=resource.name,
        time=f"{appointment.local_date} {appointment.local_start}",
        such_as=_text(session, "SUCH_AS", {"alternatives": listed}) if found else "",
    )


def _text(session: Session, key: str, arguments: Mapping[str, str]) -> str:
    context = context_of(session)
    text: str = context.runtime.catalog.render(context.locale, key, arguments)
    return text


def _alternatives(
    session: Session, search: slots.Search, appointment: Appointment, plan: Plan
) -> list[appointment_pb2.Slot]:
    """Look first into the days that were loaded to judge the wish; they hold all there is when one member is needed."""
    if sum(count for _, count in search.wish.appointment_type.roles) == 1 == len(search.resources):
        found = slots.alternatives_at_hand(
            search, appointment.start_time, appointment.time_zone, plan.pool, plan.grid, plan.calendars
        )
        if len(found) == search.limit:
            return found
    with session.no_autoflush:
        return slots.alternatives(session, search)


def _occupy(session: Session, order: Order, plan: Plan) -> None:
    """Take the lanes of the plan; when somebody was faster, plan again with what is left."""
    start, end = order.occupied
    for _ in range(ATTEMPTS):
        if taken := calendar.place(session, order.appointment.id, plan.lanes, start, end):
            _show(order.appointment, taken, plan.team)
            return
        plan = _judged(session, order)
        session.flush()
    raise _refusal(session, order, plan, plan.team[0], Rule.LANES_FULL)


def _show(appointment: Appointment, taken: Sequence[Reservation], team: Sequence[Resource]) -> None:
    """Let the appointment show what was taken for it, which would otherwise be read again."""
    members = {member.id: member for member in team}
    for reservation in taken:
        set_committed_value(reservation, "resource", members[reservation.resource_id])
    set_committed_value(appointment, "reservations", list(taken))


def _draw_up(session: Session, order: Order) -> Plan:
    start, need = order.appointment.start_time, order.wish.need
    zones = {order.appointment.location_id: order.appointment.time_zone}
    with session.no_autoflush:
        pool = _pool(session, order)
        grid = Grid.around(start - DAY, start + 3 * DAY)
        calendars = availability.load(session, pool, order.wish, grid, zones, order.appointment.id)
    minute = grid.minute(start)
    broken = {member.id: calendars[member.id].broken(minute, need) for member in pool}
    team = _team(order, pool, broken)
    lanes = {}
    for member in team:
        lane = calendars[member.id].lane(minute, need)
        lanes[member.id] = calendars[member.id].extra_lane(minute, need) if lane is None else lane
    return Plan(team, lanes, broken, pool, grid, calendars)


def _pool(session: Session, order: Order) -> list[Resource]:
    """Return the resources that are wanted and, where they make no team yet, those that may complete it."""
    named = calendar.resources_of(session, order.named)
    _check_named(order, named)
    kinds = Counter(member.kind for member in named)
    missing = [kind for kind, count in order.wish.appointment_type.roles if kinds[kind] < count]
    if not missing:
        return named
    others = calendar.resources_for(session, missing, [order.appointment.location_id])
    known = {member.id for member in named}
    return [*named, *(member for member in others if member.id not in known)]


def _check_named(order: Order, named: Sequence[Resource]) -> None:
    known = {member.id: member for member in named}
    for key in order.named:
        if key not in known:
            raise not_found("resource", key)
        if known[key].location_id != order.appointment.location_id:
            raise DomainError(errors_pb2.ERROR_REASON_RESOURCE_ELSEWHERE, resource=known[key].name)
        if not known[key].active:
            raise DomainError(errors_pb2.ERROR_REASON_NOT_ACTIVE, name=known[key].name)


def _team(order: Order, pool: Sequence[Resource], broken: dict[UUID, list[Rule]]) -> list[Resource]:
    """Complete the wanted resources to what the appointment type needs, free ones first."""
    wanted = set(order.named)
    team = [member for member in pool if member.id in wanted]
    for kind, count in order.wish.appointment_type.roles:
        missing = count - sum(member.kind == kind for member in team)
        spare = [member for member in pool if member.kind == kind and member.id not in wanted]
        if len(spare) < missing:
            raise DomainError(errors_pb2.ERROR_REASON_ROLE_UNFILLED, kind=KIND_WORDS[kind], count=count)
        spare.sort(key=lambda member: (len(broken[member.id]), member.id not in order.preferred))
        team += spare[: max(0, missing)]
    return team

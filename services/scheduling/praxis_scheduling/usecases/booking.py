"""Book and move appointments: the rules judge, the desk may set them aside, the database has the last word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import inspect
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from praxis.scheduling.v1 import appointment_pb2, appointment_service_pb2, errors_pb2, events_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import enum_words, fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import moment
from praxis_scheduling.rules.availability import Rule
from praxis_scheduling.rules.grid import MINUTE
from praxis_scheduling.store import calendar
from praxis_scheduling.store.calendar import Place
from praxis_scheduling.store.models import Appointment, AppointmentType, Reservation, Resource
from praxis_scheduling.usecases import appointments, attendance, authorizations, directory, eligibility, holds, slots
from praxis_scheduling.usecases.availability import Wish, active_type, wish_for
from praxis_scheduling.usecases.slots import Leading
from praxis_scheduling.usecases.staffing import Member, Order, Plan, draw_up

BOOKED_TWICE, MISSED_OFTEN = "PATIENT_BOOKED_TWICE", "PATIENT_MISSED_OFTEN"
OVERRIDE = "scheduling.appointments.override"
ATTEMPTS = 20
ALTERNATIVES = 3
REASONS = {
    Rule.CLOSED: errors_pb2.ERROR_REASON_CLOSED,
    Rule.OUTSIDE_HOURS: errors_pb2.ERROR_REASON_OUTSIDE_HOURS,
    Rule.BLOCK_HELD: errors_pb2.ERROR_REASON_BLOCK_HELD,
    Rule.BLOCK_RESERVED: errors_pb2.ERROR_REASON_BLOCK_RESERVED,
    Rule.TYPE_NOT_ALLOWED: errors_pb2.ERROR_REASON_TYPE_NOT_ALLOWED,
    Rule.WAVE_START: errors_pb2.ERROR_REASON_WAVE_START,
    Rule.SKILL_MISSING: errors_pb2.ERROR_REASON_SKILL_MISSING,
    Rule.LANES_FULL: errors_pb2.ERROR_REASON_SLOT_TAKEN,
}
RULE_NUMBERS = enum_words(appointment_pb2.BookingRule)[1]


def book(session: Session, appointment: Appointment) -> Appointment:
    """Take the time that is wanted, or refuse with alternatives."""
    wish = _wish_of(session, appointment)
    set_time(session, appointment, wish, appointment.start_time)
    eligibility.check_alive(session, appointment)
    eligibility.check_notice(session, wish, appointment)
    if not wish.desk:
        attendance.check_booking(session, appointment)
    authorizations.take(session, appointment)
    kept = holds.redeem(session, appointment).resource_ids if appointment.hold_token else []
    named = list(appointment.resource_ids or kept)
    order = Order(appointment, wish, named, appointment.override_reason)
    plan = judged(session, order)
    appointment.state = appointment_pb2.APPOINTMENT_STATE_BOOKED
    if wish.appointment_type.deposit is not None:
        appointment.deposit_state = appointment_pb2.DEPOSIT_STATE_DUE
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
    patient = directory.known_patient(session, appointment.patient_id)
    kind = _kind_after(session, appointment, request.appointment_type_id)
    usual = kind.duration_minutes if request.appointment_type_id else appointment.duration_minutes
    wish = wish_for(kind, request.channel, request.duration_minutes or usual, frozenset(patient.tags))
    _check_movable(session, appointment, wish)
    if request.appointment_type_id:
        eligibility.check_patient(session, wish, patient)
    set_time(session, appointment, wish, moment(request.start_time))
    eligibility.check_alive(session, appointment)
    eligibility.check_notice(session, wish, appointment)
    authorizations.keep(session, appointment, request.authorization_id)
    appointment.confirm_time = None
    named = [uuid_of(key) for key in request.resource_ids] or _kept(kind, old)
    order = Order(appointment, wish, named, request.override_reason, preferred=[item.resource_id for item in old])
    plan = judged(session, order)
    record(session, events_pb2.AppointmentRescheduled, appointment, **before)
    _exchange(session, order, plan, old)
    return appointment


def annotate(session: Session, appointment: Appointment) -> Appointment:
    """Record that reason, notes or authorization were changed; everything else has a verb of its own."""
    for name, state in inspect(appointment).attrs.items():
        if name not in (*appointments.ANNOTATIONS, "authorization_id") and state.history.has_changes():
            raise invalid(f"appointment.{name}", "HAS_ITS_VERB")
    if inspect(appointment).attrs.authorization_id.history.has_changes():
        authorizations.take(session, appointment)
    record(session, events_pb2.AppointmentUpdated, appointment)
    return appointment


def _kind_after(session: Session, appointment: Appointment, changed: str) -> AppointmentType:
    """Return the type that an appointment has after a move, which may make it another one."""
    if not changed or uuid_of(changed) == appointment.appointment_type_id:
        return fetch(session, AppointmentType, appointment.appointment_type_id)
    kind = active_type(session, changed)
    appointment.appointment_type_id, appointment.appointment_type_name = kind.id, kind.name
    return kind


def _check_movable(session: Session, appointment: Appointment, wish: Wish) -> None:
    """Refuse to move what is near but at the desk: the time could not be given to anybody else."""
    notice = wish.appointment_type.cancellation_notice_hours
    if not wish.desk and clock.now(session) > appointment.start_time - timedelta(hours=notice):
        raise DomainError(errors_pb2.ERROR_REASON_TOO_LATE_TO_MOVE, hours=notice)


def _kept(kind: AppointmentType, old: Sequence[Reservation]) -> list[UUID]:
    """Return the resources that a move keeps in any case: all but the room and the like, which may be another one."""
    exchangeable = {role.kind for role in kind.roles[1:]} - {kind.roles[0].kind}
    return [item.resource_id for item in old if item.resource.kind not in exchangeable]


def _exchange(session: Session, order: Order, plan: Plan, old: Sequence[Reservation]) -> None:
    """Take first and free afterwards; only what stands in its own way is freed before.

    Two appointments that change places never wait for each other that way.
    """
    places = plan.places(order.appointment.start_time)
    own = [item.id for item in old if (spot := places.get(item.resource_id)) and _touches(item, spot)]
    calendar.release(session, own)
    session.flush()
    _occupy(session, order, plan)
    calendar.release(session, [item.id for item in old if item.id not in own])
    session.expire(order.appointment, ["reservations"])


def _touches(item: Reservation, spot: Place) -> bool:
    lower, upper = item.during.lower, item.during.upper
    return lower is not None and upper is not None and lower < spot.end and upper > spot.start


def _wish_of(session: Session, appointment: Appointment) -> Wish:
    """Check who is to come for what, and return what is to be booked."""
    patient = directory.known_patient(session, appointment.patient_id, hold=True)
    appointment.patient_id = patient.id
    kind = active_type(session, appointment.appointment_type_id)
    wish = wish_for(kind, appointment.channel, appointment.duration_minutes, frozenset(patient.tags))
    eligibility.check_patient(session, wish, patient)
    appointment.channel = wish.channel
    appointment.appointment_type_name = kind.name
    set_committed_value(appointment, "patient", patient)
    return wish


def set_time(session: Session, appointment: Appointment, wish: Wish, start: datetime) -> None:
    """Set all fields that follow from the start, the duration and the time zone of the location."""
    if start.second or start.microsecond:
        raise invalid("start_time", "NOT_ON_A_MINUTE")
    location = directory.known_location(session, appointment.location_id)
    local = start.astimezone(ZoneInfo(location.time_zone))
    appointment.start_time = start
    appointment.duration_minutes = wish.need.duration
    appointment.end_time = start + wish.need.duration * MINUTE
    appointment.time_zone = location.time_zone
    appointment.local_date = local.date()
    appointment.local_start = f"{local:%H:%M}"


def warnings(session: Session, appointment: Appointment, channel: int) -> list[type_pb2.Warning]:
    """Return what a caller on a channel should look at although it is booked, in the caller's language."""
    found: list[tuple[str, dict[str, str]]] = []
    other = appointments.at_the_same_time(session, appointment)
    if other is not None:
        facts = {"id": str(other.id), "date": other.local_date.isoformat(), "time": other.local_start}
        found.append((BOOKED_TWICE, facts))
    missed = attendance.missed_too_often(session, appointment, channel)
    if missed:
        found.append((MISSED_OFTEN, {"count": str(missed)}))
    return [type_pb2.Warning(reason=key, text=worded(session, key, facts), metadata=facts) for key, facts in found]


def judged(session: Session, order: Order) -> Plan:
    """Return a plan that is allowed, by the rules or by an override, and note it on the appointment."""
    plan, appointment = draw_up(session, order), order.appointment
    rules = plan.rules
    if rules:
        _check_override(session, order, plan)
    appointment.overridden_rules = [RULE_NUMBERS[rule] for rule in rules]
    appointment.override_reason = order.reason if rules else ""
    appointment.override_by = str(context_of(session).actor) if rules else ""
    team = sorted((member.resource for member in plan.team), key=lambda item: (item.name, item.id))
    appointment.resource_ids = [member.id for member in team]
    appointment.practitioner_ids = [member.practitioner_id for member in team if member.practitioner_id]
    return plan


def _check_override(session: Session, order: Order, plan: Plan) -> None:
    if order.reason and not order.wish.desk:
        raise DomainError(errors_pb2.ERROR_REASON_OVERRIDE_NOT_IN_CHANNEL)
    if not order.reason:
        raise refusal(session, order, plan, plan.objector, plan.rules[0])
    if OVERRIDE not in context_of(session).permissions:
        raise DomainError(errors_pb2.ERROR_REASON_OVERRIDE_NOT_PERMITTED, permission=OVERRIDE)


def refusal(session: Session, order: Order, plan: Plan, resource: Resource, rule: Rule) -> DomainError:
    appointment = order.appointment
    search = slots.Search(
        wish=order.wish,
        start=appointment.start_time,
        until=None,
        locations=[appointment.location_id],
        leading=Leading(resources=order.named),
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
        such_as=worded(session, "SUCH_AS", {"alternatives": listed}) if found else "",
    )


def worded(session: Session, key: str, arguments: Mapping[str, str]) -> str:
    """Return a text of the service in the caller's language."""
    context = context_of(session)
    text: str = context.runtime.catalog.render(context.locale, key, arguments)
    return text


def _alternatives(
    session: Session, search: slots.Search, appointment: Appointment, plan: Plan
) -> list[appointment_pb2.Slot]:
    """Look first into the days that were loaded to judge the wish; they hold all there is when one member is needed."""
    if sum(role.count for role in search.wish.appointment_type.roles) == 1 == len(search.leading.resources):
        found = slots.alternatives_at_hand(
            search, appointment.start_time, appointment.time_zone, plan.pool, plan.grid, plan.calendars
        )
        if len(found) == search.limit:
            return found
    with session.no_autoflush:
        return slots.alternatives(session, search)


def _occupy(session: Session, order: Order, plan: Plan) -> None:
    """Take the lanes of the plan; when somebody was faster, plan again with what is left."""
    for _ in range(ATTEMPTS):
        places = plan.places(order.appointment.start_time)
        if taken := calendar.place(session, order.appointment.id, places):
            _show(order.appointment, taken, plan.team)
            return
        calendar.release_expired(session, places)
        plan = judged(session, order)
        session.flush()
    raise refusal(session, order, plan, plan.team[0].resource, Rule.LANES_FULL)


def _show(appointment: Appointment, taken: Sequence[Reservation], team: Sequence[Member]) -> None:
    """Let the appointment show what was taken for it, which would otherwise be read again."""
    members = {member.resource.id: member.resource for member in team}
    for reservation in taken:
        set_committed_value(reservation, "resource", members[reservation.resource_id])
    set_committed_value(appointment, "reservations", list(taken))

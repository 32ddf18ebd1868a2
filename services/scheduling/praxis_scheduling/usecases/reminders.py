"""Plan what is told about appointments: compares each changed appointment with what was told of it before.

It looks at rows rather than being called by the verbs that change them, so that no way of changing an appointment can
forget it, and booking pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2
from praxis.scheduling.v1 import communication_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.types import new_id
from praxis_scheduling.rules.quiet import time_to_send
from praxis_scheduling.store.communications import KINDS, Communication, ReminderPlan
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.usecases import contacts, sending_settings
from praxis_scheduling.usecases.appointments import TO_COME

AT_ONCE = 100
# A booking that was made longer ago is not confirmed: it was imported, or the plan came later.
CONFIRMED_WITHIN = timedelta(hours=1)
# A reminder that quiet hours would bring nearer than this to the visit goes before them.
LATEST = timedelta(minutes=30)
CANCELLED, COMPLETED = appointment_pb2.APPOINTMENT_STATE_CANCELLED, appointment_pb2.APPOINTMENT_STATE_COMPLETED
WORDS = (
    "template_name", "language", "address", "address_index", "subject", "body", "message_id", "provider_reference",
    "decided_by",
)  # fmt: skip
NOTICES = (pb.COMMUNICATION_KIND_BOOKED, pb.COMMUNICATION_KIND_RESCHEDULED, pb.COMMUNICATION_KIND_CANCELLED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something that is to be told of an appointment."""

    planned: pb.PlannedCommunication
    due: datetime
    latest: datetime


def plan_changed(session: Session) -> list[Appointment]:
    """Plan for the appointments that changed since they were looked at last, and return them."""
    query = select(Appointment).where(Appointment.told_version < Appointment.version).limit(AT_ONCE)
    changed = list(session.scalars(query.with_for_update(skip_locked=True)))
    plans = list(session.scalars(select(ReminderPlan).where(ReminderPlan.active))) if changed else []
    for appointment in changed:
        _plan(session, appointment, plans)
    session.flush()
    return changed


def plan_anew(session: Session) -> None:
    """Look at all coming appointments again, because the plans were changed; what is planned already stays once."""
    coming = (Appointment.start_time > clock.now(session), Appointment.state.in_(TO_COME))
    session.execute(update(Appointment).where(*coming).values(told_version=0))


def _plan(session: Session, appointment: Appointment, plans: Sequence[ReminderPlan]) -> None:
    moved = appointment.told_start_time != appointment.start_time
    if moved or not appointment.time_version:
        appointment.time_version = appointment.version
    _withdraw(session, appointment)
    plan = plan_for(plans, appointment.appointment_type_id, appointment.location_id)
    if plan is not None:
        _tell(session, appointment, plan, _wanted(session, appointment, plan))
    appointment.told_version, appointment.told_start_time = appointment.version, appointment.start_time


def plan_for(plans: Iterable[ReminderPlan], kind: UUID, location: UUID) -> ReminderPlan | None:
    """Return the plan that says most precisely that it is for such appointments."""
    fitting = [plan for plan in plans if plan.covers(kind, location)]
    fitting.sort(key=lambda plan: (not plan.appointment_type_ids, not plan.location_ids, plan.name, plan.id))
    return fitting[0] if fitting else None


def _withdraw(session: Session, appointment: Appointment) -> None:
    """Take back what waits and tells of another time, or of a visit that is no longer to come."""
    live = appointment.state in TO_COME
    stale = [Communication.appointment_version != appointment.time_version] if live else [_is_not_about_the_end()]
    problem = pb.COMMUNICATION_PROBLEM_MOVED if live else pb.COMMUNICATION_PROBLEM_CLOSED
    waits = Communication.state.in_((pb.COMMUNICATION_STATE_QUEUED, pb.COMMUNICATION_STATE_TO_DO))
    mine = (Communication.appointment_id == appointment.id, waits, Communication.kind.in_(_bound()))
    gone = {"state": pb.COMMUNICATION_STATE_WITHDRAWN, "problem": problem, "is_open": False}
    session.execute(update(Communication).where(*mine, *stale).values(**gone))


def _bound() -> list[int]:
    """Return the kinds that tell of a time; answers to texts do not."""
    return [*NOTICES, pb.COMMUNICATION_KIND_REMINDER, pb.COMMUNICATION_KIND_FOLLOW_UP]


def _is_not_about_the_end() -> Any:
    return Communication.kind.not_in((pb.COMMUNICATION_KIND_CANCELLED, pb.COMMUNICATION_KIND_FOLLOW_UP))


def _wanted(session: Session, appointment: Appointment, plan: ReminderPlan) -> list[Wanted]:
    now = clock.now(session)
    notice = _notice(appointment, now)
    found = []
    for item in plan.communications:
        offset = timedelta(minutes=item.offset_minutes)
        start, end = appointment.start_time, appointment.end_time
        if item.kind == notice:
            found.append(Wanted(item, now, start))
        elif item.kind == pb.COMMUNICATION_KIND_REMINDER and appointment.state in TO_COME and start - offset > now:
            found.append(Wanted(item, start - offset, start - LATEST))
        elif item.kind == pb.COMMUNICATION_KIND_FOLLOW_UP and appointment.state == COMPLETED:
            found.append(Wanted(item, max(now, end + offset), datetime.max.replace(tzinfo=now.tzinfo)))
    return found


def _notice(appointment: Appointment, now: datetime) -> int:
    """Return what has to be told at once: a first booking, a move, a cancellation, or nothing."""
    told = appointment.told_start_time
    if appointment.start_time <= now:
        return pb.COMMUNICATION_KIND_UNSPECIFIED
    if appointment.state in TO_COME and told is None and now - appointment.create_time < CONFIRMED_WITHIN:
        return pb.COMMUNICATION_KIND_BOOKED
    if appointment.state in TO_COME and told is not None and told != appointment.start_time:
        return pb.COMMUNICATION_KIND_RESCHEDULED
    if appointment.state == CANCELLED and told is not None:
        return pb.COMMUNICATION_KIND_CANCELLED
    return pb.COMMUNICATION_KIND_UNSPECIFIED


def _tell(session: Session, appointment: Appointment, plan: ReminderPlan, wanted: Iterable[Wanted]) -> None:
    practice, day = sending_settings.quiet_hours(session), appointment.local_date
    for item in wanted:
        purpose = contacts.purpose_of(item.planned.kind)
        reached = contacts.reach(session, appointment.patient, plan.channels, day, purpose)
        quiet, zone = contacts.quiet_hours_of(reached.party, practice, appointment.time_zone, reached.channel)
        # Who has just booked is awake, wherever the clock stands.
        awake = item.planned.kind == pb.COMMUNICATION_KIND_BOOKED
        send = item.due if awake else time_to_send(item.due, item.latest, quiet, zone)
        values = {
            "occasion": occasion(appointment, item.planned.kind, reached.channel, item.due),
            "kind": item.planned.kind,
            "channel": reached.channel,
            "other_channels": [channel for channel in plan.channels if channel != reached.channel],
            "template_name": item.planned.template_name,
            "patient_id": appointment.patient_id,
            "party_id": reached.party.id if reached.party else None,
            "appointment_id": appointment.id,
            "appointment_version": appointment.time_version,
            "start_time": appointment.start_time,
            "location_id": appointment.location_id,
            "due_time": item.due,
            "next_try_time": send,
        }
        enqueue(session, values, reached.problem)


def occasion(appointment: Appointment, kind: int, channel: int, due: datetime | None = None) -> str:
    """Return what makes a message of an appointment the same one: version, kind, channel, and when it is due."""
    when = f"{due:%Y%m%dT%H%MZ}" if due and kind not in NOTICES else ""
    return f"appointment:{appointment.id}:{appointment.time_version}:{KINDS[kind]}:{channel}:{when}"


def enqueue(session: Session, values: dict[str, Any], problem: int = pb.COMMUNICATION_PROBLEM_UNSPECIFIED) -> bool:
    """Write the intent down once, and tell whether it is new; what cannot be sent is written down as well."""
    channel, now = values["channel"], clock.now(session)
    state = pb.COMMUNICATION_STATE_TO_DO if channel in contacts.BY_PERSON else pb.COMMUNICATION_STATE_QUEUED
    state = pb.COMMUNICATION_STATE_SUPPRESSED if problem else values.pop("state", state)
    row = {
        "tenant_id": context_of(session).tenant, "id": new_id(), "version": 0, "create_time": now,
        "update_time": now, "state": state, "problem": problem,
        "is_open": state == pb.COMMUNICATION_STATE_QUEUED, "attempts": 0, "other_channels": [],
        **dict.fromkeys(WORDS, ""), **values,
    }  # fmt: skip
    keys = [Communication.tenant_id, Communication.occasion]
    once = insert(Communication).values(row).on_conflict_do_nothing(index_elements=keys).returning(Communication.id)
    return session.execute(once).first() is not None

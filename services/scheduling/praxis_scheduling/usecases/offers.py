"""Offer times that became free to who waits for them, in order: the highest priority first, then the longest wait.

A time that is offered is taken like a booked one, so that it is offered once, and nobody else can book it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2, events_pb2
from praxis.scheduling.v1 import communication_pb2 as communications
from praxis_chassis import clock
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.mapping import moment
from praxis_chassis.types import new_id
from praxis_scheduling.rules.waitlist import expiry, fits
from praxis_scheduling.store import calendar
from praxis_scheduling.store.communications import ReminderPlan
from praxis_scheduling.store.models import Appointment, PatientCopy
from praxis_scheduling.store.waitlist import OPEN, FreedTime, WaitlistEntry, WaitlistOffer, windows_of
from praxis_scheduling.usecases import (
    appointments,
    contacts,
    directory,
    eligibility,
    reminders,
    sending_settings,
    slots,
    waitlist,
)
from praxis_scheduling.usecases.availability import Wish, active_type, wish_for
from praxis_scheduling.usecases.slots import Leading, Search
from praxis_scheduling.usecases.staffing import Order, draw_up

AT_ONCE, MOST_ASKED, MOST_SLOTS = 50, 200, 500
STEP = 5
MINUTE = timedelta(minutes=1)
KIND = communications.COMMUNICATION_KIND_WAITLIST_OFFER


def lapse_due(session: Session) -> None:
    """Let offers expire; their times are free again and go to the next."""
    now = clock.now(session)
    due = select(WaitlistOffer.entry_id).where(WaitlistOffer.state == OPEN, WaitlistOffer.expire_time <= now)
    for identifier in session.scalars(due.order_by(WaitlistOffer.expire_time).limit(AT_ONCE)).all():
        entry = _locked(session, identifier)
        offer = waitlist.open_offer(session, entry) if entry is not None else None
        if entry is not None and offer is not None and offer.expire_time <= now:
            waitlist.lapse(session, entry, offer)


def _locked(session: Session, identifier: UUID) -> WaitlistEntry | None:
    """Lock an entry, or pass over one that somebody is deciding about right now."""
    query = select(WaitlistEntry).where(WaitlistEntry.id == identifier)
    locked = query.with_for_update(skip_locked=True, of=WaitlistEntry)
    return session.scalars(locked, execution_options={"populate_existing": True}).one_or_none()


def offer_freed(session: Session) -> None:
    """Ask the waitlist about the times that became free since it was asked last."""
    query = select(FreedTime).order_by(FreedTime.id).limit(AT_ONCE).with_for_update(skip_locked=True)
    for freed in session.scalars(query).all():
        for identifier in _waiting(session, freed):
            _try(session, identifier, freed)
        session.delete(freed)
        session.flush()


def _waiting(session: Session, freed: FreedTime) -> list[UUID]:
    """Return who waits at the location, in order, but for those who were offered some of this time before."""
    asked = select(WaitlistOffer.id).where(
        WaitlistOffer.entry_id == WaitlistEntry.id,
        WaitlistOffer.start_time < freed.end_time,
        WaitlistOffer.end_time > freed.start_time,
    )
    query = select(WaitlistEntry.id).where(
        WaitlistEntry.location_id == freed.location_id, WaitlistEntry.state == waitlist.WAITING, ~asked.exists()
    )
    order = (WaitlistEntry.priority.desc(), WaitlistEntry.create_time, WaitlistEntry.id)
    return list(session.scalars(query.order_by(*order).limit(MOST_ASKED)))


def _try(session: Session, identifier: UUID, freed: FreedTime) -> None:
    """Offer somebody some of a time; who cannot be booked any more is passed over."""
    patient_id = session.scalars(select(WaitlistEntry.patient_id).where(WaitlistEntry.id == identifier)).one()
    try:
        patient = directory.known_patient(session, patient_id, hold=True)
        entry = _locked(session, identifier)
        if entry is not None and entry.state == waitlist.WAITING:
            _offer(session, entry, patient, freed)
    except DomainError:
        return


def _offer(session: Session, entry: WaitlistEntry, patient: PatientCopy, freed: FreedTime) -> None:
    kind = active_type(session, entry.appointment_type_id)
    tags = frozenset(patient.tags)
    usual = wish_for(kind, appointment_type_pb2.CHANNEL_DESK, entry.duration_minutes, tags)
    wish = replace(usual, within_capacity=True)
    eligibility.check_patient(session, wish, patient)
    for choice in _choices(session, entry, wish, freed):
        offer = _kept(session, entry, wish, choice)
        if offer is not None:
            entry.go("offer")
            record(session, events_pb2.WaitlistEntryOffered, entry)
            session.flush()
            session.expire(entry, ["offers"])
            _tell(session, entry, patient, offer)
            return


@dataclass(frozen=True, slots=True)
class _Choice:
    """A free time that suits, and until when an offer of it would stand."""

    slot: appointment_pb2.Slot
    start: datetime
    end: datetime
    expire: datetime


def _choices(session: Session, entry: WaitlistEntry, wish: Wish, freed: FreedTime) -> Iterator[_Choice]:
    """Yield the free times that use what became free and suit the patient; those that begin in it go first."""
    now = clock.now(session)
    start = max(freed.start_time - wish.need.duration * MINUTE, now + entry.notice_minutes * MINUTE)
    if start >= freed.end_time:
        return
    search = Search(
        wish=wish, start=start, until=freed.end_time, locations=[entry.location_id], step=STEP, limit=MOST_SLOTS,
        leading=Leading(resources=entry.resource_ids, practitioners=entry.practitioner_ids),
    )  # fmt: skip
    zone = calendar.zones(session, [entry.location_id])[entry.location_id]
    found = sorted(slots.find(session, search), key=lambda slot: moment(slot.start_time) < freed.start_time)
    for slot in found:
        choice = _suiting(session, entry, freed, slot, ZoneInfo(zone))
        if choice is not None:
            yield choice


def _suiting(
    session: Session, entry: WaitlistEntry, freed: FreedTime, slot: appointment_pb2.Slot, zone: ZoneInfo
) -> _Choice | None:
    start, end = moment(slot.start_time), moment(slot.end_time)
    if not set(slot.resource_ids) & set(map(str, freed.resource_ids)):
        return None
    if start >= freed.end_time or end <= freed.start_time:
        return None
    if not fits(windows_of(entry.windows), start.astimezone(zone), end.astimezone(zone)):
        return None
    quiet, stands = sending_settings.quiet_hours(session), entry.offer_minutes * MINUTE
    expire = expiry(clock.now(session), start, entry.notice_minutes * MINUTE, stands, quiet, zone)
    return None if expire is None else _Choice(slot, start, end, expire)


def _kept(session: Session, entry: WaitlistEntry, wish: Wish, choice: _Choice) -> WaitlistOffer | None:
    """Take the lanes of a time for an offer; nothing when a rule or somebody faster stands against it."""
    thought = Appointment(
        patient_id=entry.patient_id, location_id=entry.location_id, start_time=choice.start, end_time=choice.end,
        time_zone=choice.slot.time_zone,
    )  # fmt: skip
    if appointments.at_the_same_time(session, thought) is not None:
        return None
    team = list(map(UUID, choice.slot.resource_ids))
    plan = draw_up(session, Order(thought, wish, team, ""))
    if plan.rules:
        return None
    offer = WaitlistOffer(
        id=new_id(), entry_id=entry.id, state=OPEN, start_time=choice.start, end_time=choice.end,
        local_date=choice.start.astimezone(ZoneInfo(choice.slot.time_zone)).date(),
        local_start=choice.slot.local_start, resource_ids=team, expire_time=choice.expire,
        create_time=clock.now(session),
    )  # fmt: skip
    with session.begin_nested() as savepoint:
        session.add(offer)
        session.flush()
        if not calendar.place(session, None, plan.places(choice.start), offer_id=offer.id):
            savepoint.rollback()
            return None
    return offer


def _tell(session: Session, entry: WaitlistEntry, patient: PatientCopy, offer: WaitlistOffer) -> None:
    """Write the message down that tells of an offer, where a plan says that such messages are sent."""
    plans = list(session.scalars(select(ReminderPlan).where(ReminderPlan.active)))
    plan = reminders.plan_for(plans, entry.appointment_type_id, entry.location_id)
    planned = next((item for item in plan.communications if item.kind == KIND), None) if plan else None
    if plan is None or planned is None:
        return
    now = clock.now(session)
    reached = contacts.reach(session, patient, plan.channels, offer.local_date)
    values = {
        "occasion": f"waitlist_offer:{offer.id}:{reached.channel}",
        "kind": KIND,
        "channel": reached.channel,
        "other_channels": [channel for channel in plan.channels if channel != reached.channel],
        "template_name": planned.template_name,
        "patient_id": entry.patient_id,
        "party_id": reached.party.id if reached.party else None,
        "waitlist_offer_id": offer.id,
        "start_time": offer.start_time,
        "location_id": entry.location_id,
        "due_time": now,
        "next_try_time": now,
    }
    reminders.enqueue(session, values, reached.problem)

"""Who waits for a time: entered, changed, closed, and what they answer to an offer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import Select, inspect, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_type_pb2, errors_pb2, events_pb2, waitlist_service_pb2
from praxis.scheduling.v1 import waitlist_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid, not_found
from praxis_chassis.events import record
from praxis_chassis.merging import now_of
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.store.waitlist import OPEN, WaitlistEntry, WaitlistOffer, kept_for, windows_of
from praxis_scheduling.usecases import booking, directory
from praxis_scheduling.usecases.availability import active_type, wish_for

USUAL_OFFER_MINUTES = 60
WAITING, OFFERED = pb.WAITLIST_STATE_WAITING, pb.WAITLIST_STATE_OFFERED
FIXED = ("patient_id",)


def wanted(request: waitlist_service_pb2.ListWaitlistEntriesRequest) -> Select[Any]:
    """Return the query of a list."""
    query = select(WaitlistEntry).where(WaitlistEntry.state.in_(list(request.states) or [WAITING, OFFERED]))
    if request.patient_id:
        query = query.where(WaitlistEntry.patient_id == now_of(request.patient_id))
    for name in ("location_id", "appointment_type_id"):
        if value := getattr(request, name):
            query = query.where(getattr(WaitlistEntry, name) == UUID(value))
    return query


def enter(session: Session, entry: WaitlistEntry) -> WaitlistEntry:
    """Put a patient on the waitlist."""
    entry.patient_id = directory.known_patient(session, entry.patient_id, hold=True).id
    entry.state = WAITING
    _check(session, entry)
    _check_to_come(session, entry)
    record(session, events_pb2.WaitlistEntryCreated, entry)
    return entry


def change(session: Session, entry: WaitlistEntry) -> WaitlistEntry:
    """Change what somebody wants who still waits."""
    if entry.state not in (WAITING, OFFERED):
        entry.go("close")  # refuses, as everything does that is over
    for name in FIXED:
        if inspect(entry).attrs[name].history.has_changes():
            raise invalid(f"waitlist_entry.{name}", "CANNOT_BE_CHANGED")
    _check(session, entry)
    record(session, events_pb2.WaitlistEntryUpdated, entry)
    return entry


def _check(session: Session, entry: WaitlistEntry) -> None:
    """Refuse what could never be offered."""
    with session.no_autoflush:
        kind = active_type(session, entry.appointment_type_id)
        wish_for(kind, appointment_type_pb2.CHANNEL_DESK, entry.duration_minutes)
        directory.known_location(session, entry.location_id)
        _check_wanted(session, entry)
    entry.offer_minutes = entry.offer_minutes or USUAL_OFFER_MINUTES
    for index, window in enumerate(windows_of(entry.windows)):
        path = f"waitlist_entry.windows[{index}]"
        if window.end <= window.start:
            raise invalid(f"{path}.local_until", "ENDS_BEFORE_START")
        if window.first and window.last and window.last < window.first:
            raise invalid(f"{path}.until_date", "ENDS_BEFORE_START")


def _check_to_come(session: Session, entry: WaitlistEntry) -> None:
    """Refuse a window of days that are all over."""
    today = clock.today(session, directory.known_location(session, entry.location_id).time_zone)
    for index, window in enumerate(windows_of(entry.windows)):
        if window.last and window.last < today:
            raise invalid(f"waitlist_entry.windows[{index}].until_date", "WINDOW_OVER")


def _check_wanted(session: Session, entry: WaitlistEntry) -> None:
    known = {item.id: item for item in calendar.resources_of(session, entry.resource_ids)}
    for key in entry.resource_ids:
        if key not in known:
            raise not_found("resource", key)
        if known[key].location_id != entry.location_id:
            raise DomainError(errors_pb2.ERROR_REASON_RESOURCE_ELSEWHERE, resource=known[key].name)
    for key in entry.practitioner_ids:
        directory.known_practitioner(session, key)


def held(session: Session, identifier: str | UUID, etag: str = "") -> WaitlistEntry:
    """Lock an entry behind its patient, in the order in which everything does that concerns both."""
    found = fetch(session, WaitlistEntry, identifier)
    directory.known_patient(session, found.patient_id, hold=True)
    session.expire(found)
    return fetch(session, WaitlistEntry, identifier, lock=True, etag=etag)


def close(session: Session, request: waitlist_service_pb2.CloseWaitlistEntryRequest) -> WaitlistEntry:
    """Take a patient off the waitlist."""
    return end(session, held(session, request.id, request.etag), request.reason)


def end(session: Session, entry: WaitlistEntry, reason: str) -> WaitlistEntry:
    """Close an entry that is locked; an offer that is open is taken back."""
    entry.go("close")
    entry.close_reason = reason
    offer = open_offer(session, entry)
    if offer is not None:
        settle(session, offer, pb.WAITLIST_OFFER_STATE_WITHDRAWN)
    _told(session, events_pb2.WaitlistEntryClosed, entry)
    return entry


def end_all(session: Session, patient_id: UUID, key: str) -> None:
    """Close all entries of a patient who is gone."""
    query = select(WaitlistEntry).where(
        WaitlistEntry.patient_id == patient_id, WaitlistEntry.state.in_((WAITING, OFFERED))
    )
    reason = context_of(session).runtime.catalog.render("en", key, {}) if key else ""
    locked = query.order_by(WaitlistEntry.id).with_for_update(of=WaitlistEntry)
    for entry in session.scalars(locked, execution_options={"populate_existing": True}).all():
        end(session, entry, reason)


def open_offer(session: Session, entry: WaitlistEntry) -> WaitlistOffer | None:
    """Return the offer that an entry has to decide about."""
    query = select(WaitlistOffer).where(WaitlistOffer.entry_id == entry.id, WaitlistOffer.state == OPEN)
    return session.scalars(query, execution_options={"populate_existing": True}).one_or_none()


def settle(session: Session, offer: WaitlistOffer, state: int) -> None:
    """Note what became of an offer, and free its time; whoever books it does so in the same transaction."""
    offer.state, offer.decide_time = state, clock.now(session)
    offer.decided_by = str(context_of(session).actor)
    calendar.release(session, kept_for(session, offer.id))


def accept(session: Session, identifier: str | UUID, offer_id: str | UUID, etag: str = "") -> WaitlistEntry:
    """Book the time of an offer by the rules of all bookings, and end the waiting."""
    entry = held(session, identifier, etag)
    offer = _standing(session, entry, offer_id)
    entry.go("acceptOffer")
    settle(session, offer, pb.WAITLIST_OFFER_STATE_ACCEPTED)
    appointment = booking.book(session, _appointment(entry, offer))
    entry.appointment_id = appointment.id
    _told(session, events_pb2.WaitlistEntryAccepted, entry)
    return entry


def decline(session: Session, identifier: str | UUID, offer_id: str | UUID, etag: str = "") -> WaitlistEntry:
    """Leave the time of an offer to the next; the patient waits on."""
    entry = held(session, identifier, etag)
    offer = _standing(session, entry, offer_id)
    entry.go("declineOffer")
    settle(session, offer, pb.WAITLIST_OFFER_STATE_DECLINED)
    _told(session, events_pb2.WaitlistEntryDeclined, entry)
    return entry


def lapse(session: Session, entry: WaitlistEntry, offer: WaitlistOffer) -> None:
    """Let an offer expire that nobody answered."""
    entry.go("declineOffer")
    settle(session, offer, pb.WAITLIST_OFFER_STATE_EXPIRED)
    _told(session, events_pb2.WaitlistEntryLapsed, entry)


def _standing(session: Session, entry: WaitlistEntry, offer_id: str | UUID) -> WaitlistOffer:
    """Return the named offer as long as it can be decided, or refuse."""
    offer = open_offer(session, entry)
    if offer is None or offer.id != uuid_of(offer_id) or offer.expire_time <= clock.now(session):
        raise DomainError(errors_pb2.ERROR_REASON_OFFER_OVER)
    return offer


def _appointment(entry: WaitlistEntry, offer: WaitlistOffer) -> Appointment:
    return Appointment(
        patient_id=entry.patient_id,
        appointment_type_id=entry.appointment_type_id,
        location_id=entry.location_id,
        channel=appointment_type_pb2.CHANNEL_DESK,
        start_time=offer.start_time,
        duration_minutes=entry.duration_minutes,
        resource_ids=list(offer.resource_ids),
        reason=entry.reason,
        notes="",
        override_reason="",
    )


def _told(session: Session, event: type[Message], entry: WaitlistEntry) -> None:
    record(session, event, entry)
    session.flush()
    session.expire(entry, ["offers"])

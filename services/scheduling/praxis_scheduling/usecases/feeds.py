"""Calendar feeds: made with an address that is shown once, read by whoever has it, revoked for good."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import events_pb2, feed_pb2
from praxis.scheduling.v1 import feed_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch
from praxis_chassis.errors import invalid, not_found
from praxis_chassis.events import record
from praxis_chassis.merging import now_of
from praxis_scheduling.rules import icalendar
from praxis_scheduling.rules.icalendar import Status
from praxis_scheduling.store import feeds
from praxis_scheduling.store.communications import PracticeCopy
from praxis_scheduling.store.feeds import CalendarFeed, Shown
from praxis_scheduling.store.models import Resource
from praxis_scheduling.usecases import directory, sending_settings, signatures

PURPOSE = "scheduling.feed"
ENDING = ".ics"
BACK, AHEAD = timedelta(days=30), timedelta(days=180)
REFRESH_MINUTES = 30
MEDIA_TYPE = "text/calendar"


def wanted(request: pb.ListCalendarFeedsRequest) -> Select[CalendarFeed]:
    """Select the feeds that a list asks for."""
    query = select(CalendarFeed)
    if request.resource_id:
        query = query.where(CalendarFeed.resource_id == UUID(request.resource_id))
    if request.patient_id:
        query = query.where(CalendarFeed.patient_id == now_of(request.patient_id))
    return query if request.include_revoked else query.where(CalendarFeed.state == feed_pb2.FEED_STATE_ACTIVE)


def create(session: Session, feed: CalendarFeed) -> CalendarFeed:
    """Make a feed of a resource or a patient; unless more is asked for, it shows only that a time is taken."""
    if (feed.resource_id is None) == (feed.patient_id is None):
        path = "calendar_feed.patient_id" if feed.patient_id else "calendar_feed.resource_id"
        raise invalid(path, "FEED_SUBJECT")
    if feed.resource_id is not None:
        fetch(session, Resource, feed.resource_id)
    if feed.patient_id is not None:
        feed.patient_id = directory.known_patient(session, feed.patient_id, hold=True).id
    feed.detail = feed.detail or feed_pb2.FEED_DETAIL_BUSY
    feed.state = feed_pb2.FEED_STATE_ACTIVE
    record(session, events_pb2.CalendarFeedCreated, feed)
    return feed


def address(session: Session, feed: CalendarFeed) -> str:
    """Return where calendar programs read a feed."""
    name = signatures.signed(session, PURPOSE, feed.id) + ENDING
    return f"{sending_settings.public_url(session)}/v1/feeds/{context_of(session).tenant}/{name}"


def revoke(session: Session, identifier: str, etag: str) -> CalendarFeed:
    """Take an address back for good; doing it again changes nothing."""
    feed = fetch(session, CalendarFeed, identifier, lock=True, etag=etag)
    if feed.state != feed_pb2.FEED_STATE_REVOKED:
        _end(session, feed)
    return feed


def erase_patient(session: Session, patient_id: UUID) -> None:
    """Revoke the feeds of an erased patient and blank their titles."""
    for feed in session.scalars(select(CalendarFeed).where(CalendarFeed.patient_id == patient_id)):
        feed.title = ""
        if feed.state != feed_pb2.FEED_STATE_REVOKED:
            _end(session, feed)


def _end(session: Session, feed: CalendarFeed) -> None:
    feed.state = feed_pb2.FEED_STATE_REVOKED
    record(session, events_pb2.CalendarFeedRevoked, feed)


def read(session: Session, token: str) -> type_pb2.RawReply:
    """Return a feed as a calendar; its bytes change only when an appointment did, so that they can be compared."""
    identifier = signatures.proven(session, PURPOSE, token.removesuffix(ENDING))
    if identifier is None:
        raise not_found("calendar feed", token[:8])
    feed = fetch(session, CalendarFeed, identifier)
    if feed.state != feed_pb2.FEED_STATE_ACTIVE:
        raise not_found("calendar feed", token[:8])
    # Whole days, so that the window does not move with every look.
    today = clock.now(session).replace(hour=0, minute=0, second=0, microsecond=0)
    shown = feeds.appointments(session, feed, today - BACK, today + AHEAD)
    busy = _busy(session)
    events = (_event(each, feed.detail, busy) for each in shown)
    content = icalendar.write_calendar(feed.title, events, refresh_minutes=REFRESH_MINUTES)
    return type_pb2.RawReply(content=content, media_type=MEDIA_TYPE, file_name=f"calendar{ENDING}")


def _event(shown: Shown, detail: int, busy: str) -> icalendar.Event:
    name = shown.patient_name if detail == feed_pb2.FEED_DETAIL_FULL else _initials(shown.patient_name)
    private = detail == feed_pb2.FEED_DETAIL_BUSY
    return icalendar.Event(
        uid=f"{shown.id}@praxis",
        sequence=shown.version,
        stamp=shown.update_time,
        start=shown.start,
        end=shown.end,
        summary=busy if private else " · ".join(part for part in (name, shown.type_name) if part),
        location="" if private else shown.location_name,
        status=Status.CANCELLED if shown.cancelled else Status.CONFIRMED,
    )


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split())


def _busy(session: Session) -> str:
    """Return the word for a taken time in the practice's language."""
    locale = session.scalars(select(PracticeCopy.locale).order_by(PracticeCopy.id).limit(1)).one_or_none() or "en"
    text: str = context_of(session).runtime.catalog.render(locale.split("-")[0], "FEED_BUSY", {})
    return text

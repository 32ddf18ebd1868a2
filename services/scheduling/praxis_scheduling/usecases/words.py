"""The words of a message: the practice's own or the standard ones, filled in the language of the recipient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import communication_pb2 as pb
from praxis_chassis.context import context_of
from praxis_scheduling.rules import icalendar, wording
from praxis_scheduling.rules.icalendar import Method, Status
from praxis_scheduling.store.communications import (
    CHANNELS,
    KINDS,
    Communication,
    MessageTemplate,
    PartyCopy,
    PracticeCopy,
)
from praxis_scheduling.store.models import Appointment, LocationCopy
from praxis_scheduling.store.recalls import Recall
from praxis_scheduling.store.waitlist import WaitlistOffer
from praxis_scheduling.usecases import contacts, links
from praxis_scheduling.usecases.contacts import BY_PERSON, EMAIL

NO_LINK = "\x00"
INVITED: dict[int, Method] = {
    pb.COMMUNICATION_KIND_BOOKED: Method.REQUEST,
    pb.COMMUNICATION_KIND_RESCHEDULED: Method.REQUEST,
    pb.COMMUNICATION_KIND_CANCELLED: Method.CANCEL,
}


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says."""

    language: str
    subject: str
    body: str
    practice: str


def write(session: Session, item: Communication, party: PartyCopy | None) -> Words:
    """Return the words of a message."""
    location = _location(session, item)
    practice = _practice(session, location)
    spoken = (contacts.language_of(party) if party else "") or (practice.locale if practice else "en")
    locale = _locale(spoken)
    name = practice.name if practice else location.name if location else ""
    values = {
        "practice": name,
        "location": location.name if location else name,
        "phone": (location.phone if location else "") or (practice.phone if practice else ""),
        "recipient": party.display_name if party else "",
        "patient": item.patient.called or item.patient.name if item.patient else "",
        "recall": _recall(session, item),
        "until": _until(session, item, location, locale),
        "link": links.page(session, item) or NO_LINK,
        **_when(item.start_time, location, locale),
    }
    if item.kind == pb.COMMUNICATION_KIND_REPLY:  # its words stand since the text was answered
        return Words(item.language or locale.language, "", item.body, name)
    subject, body = _templates(session, item, locale.language)
    return Words(locale.language, _line(wording.filled(subject, values)), _without_gaps(body, values), name)


def _when(start: datetime | None, location: LocationCopy | None, locale: Locale) -> dict[str, str]:
    if start is None or location is None:
        return {"date": "", "time": ""}
    local = start.astimezone(ZoneInfo(location.time_zone))
    return {"date": format_date(local, "full", locale), "time": format_time(local, "short", locale=locale)}


def _recall(session: Session, item: Communication) -> str:
    found = session.get(Recall, (context_of(session).tenant, item.recall_id)) if item.recall_id else None
    return found.name if found else ""


def _until(session: Session, item: Communication, location: LocationCopy | None, locale: Locale) -> str:
    """Return until when the offer can be accepted that a message tells of."""
    if item.waitlist_offer_id is None or location is None:
        return ""
    offer = session.get_one(WaitlistOffer, (context_of(session).tenant, item.waitlist_offer_id))
    return format_datetime(offer.expire_time.astimezone(ZoneInfo(location.time_zone)), "short", locale=locale)


def _line(text: str) -> str:
    return " ".join(text.replace(NO_LINK, "").split())


def _without_gaps(body: str, values: dict[str, str]) -> str:
    """Fill a text line by line, and leave out the lines that need a link where there is none."""
    lines = [wording.filled(line, values) for line in body.split("\n")]
    return "\n".join(line for line in lines if NO_LINK not in line).strip()


def say(session: Session, item: Communication | None, key: str) -> str:
    """Return a standard text about what was written before, in the language it was written in."""
    location = _location(session, item) if item else None
    practice = _practice(session, location)
    language = (item.language if item else "") or (practice.locale if practice else "en")
    values = {
        "practice": practice.name if practice else "",
        "location": location.name if location else "",
        "phone": (location.phone if location else "") or (practice.phone if practice else ""),
        "patient": item.patient.called if item and item.patient else "",
        "until": _until(session, item, location, _locale(language)) if item else "",
        **_when(item.start_time if item else None, location, _locale(language)),
    }
    return wording.filled(standard(session, language, key), values)


def sender_of(session: Session, item: Communication) -> str:
    """Return the name of the practice that a message came from."""
    practice = _practice(session, _location(session, item))
    return practice.name if practice else ""


def phone_of(session: Session, item: Communication) -> str:
    """Return the number to call about a message."""
    location = _location(session, item)
    practice = _practice(session, location)
    return (location.phone if location else "") or (practice.phone if practice else "")


def _templates(session: Session, item: Communication, language: str) -> tuple[str, str]:
    """Return subject and body: the practice's template in the language, else the standard text."""
    if item.template_name:
        named = (MessageTemplate.name == item.template_name, MessageTemplate.channel == item.channel)
        query = select(MessageTemplate).where(*named, MessageTemplate.active, MessageTemplate.language == language)
        found = session.scalars(query).one_or_none()
        if found is not None:
            return found.subject, found.body
    channel = "TASK" if item.channel in BY_PERSON else CHANNELS[item.channel].upper()
    key = f"{KINDS[item.kind].upper()}_{channel}"
    return (standard(session, language, f"{key}_SUBJECT") if item.channel == EMAIL else ""), standard(
        session, language, key
    )


def standard(session: Session, language: str, key: str) -> str:
    """Return a standard text with its placeholders unfilled."""
    same = {name: f"{{{name}}}" for name in wording.PLACEHOLDERS}
    text: str = context_of(session).runtime.catalog.render(language, key, same)
    return text


def invitation(
    session: Session, item: Communication, appointment: Appointment | None, words: Words, sender: str
) -> tuple[str, str]:
    """Return the calendar object that goes with an e-mail about a visit, and its method; reminders have none."""
    method = INVITED.get(item.kind)
    if method is None or appointment is None or item.channel != EMAIL:
        return "", ""
    location = _location(session, item)
    event = icalendar.Event(
        uid=f"{appointment.id}@praxis",
        sequence=appointment.version,
        stamp=item.create_time,
        start=appointment.start_time,
        end=appointment.end_time,
        summary=words.practice,
        location=location.name if location else "",
        status=Status.CANCELLED if method is Method.CANCEL else Status.CONFIRMED,
        organizer=icalendar.Person(sender, words.practice),
        attendees=(icalendar.Person(item.address),),
    )
    return icalendar.write_calendar("", [event], method).decode(), method


def _location(session: Session, item: Communication) -> LocationCopy | None:
    return session.get(LocationCopy, (context_of(session).tenant, item.location_id)) if item.location_id else None


def _practice(session: Session, location: LocationCopy | None) -> PracticeCopy | None:
    """Return the practice of the location, else the only one or the oldest."""
    if location is not None and location.practice_id is not None:
        key: tuple[UUID, UUID] = (location.tenant_id, location.practice_id)
        if found := session.get(PracticeCopy, key):
            return found
    return session.scalars(select(PracticeCopy).order_by(PracticeCopy.id).limit(1)).one_or_none()


def _locale(tag: str) -> Locale:
    try:
        return Locale.parse(tag or "en", sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")

"""Write calendars in the form that all calendar programs read (RFC 5545): times in UTC, stable ids, folded lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

PRODUCT = "-//Praxis//Scheduling//EN"
LONGEST_LINE = 75  # octets, without the line break
QUOTED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


class Status(StrEnum):
    """Whether an event takes place."""

    TENTATIVE = "TENTATIVE"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


class Method(StrEnum):
    """What a calendar is sent for (RFC 5546): a feed publishes, an invitation asks, a withdrawal cancels."""

    PUBLISH = "PUBLISH"
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who invites or is invited."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; `sequence` grows with every change, so that programs know the newest version of a `uid`."""

    uid: str
    sequence: int
    stamp: datetime
    start: datetime
    end: datetime
    summary: str
    description: str = ""
    location: str = ""
    status: Status = Status.CONFIRMED
    organizer: Person | None = None
    attendees: tuple[Person, ...] = ()


def write_calendar(
    name: str, events: Iterable[Event], method: Method = Method.PUBLISH, refresh_minutes: int = 0
) -> bytes:
    """Return a calendar as UTF-8 with the line ends and the folding that the standard asks for."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN", f"METHOD:{method}"]
    if name:
        lines += [f"NAME:{escaped(name)}", f"X-WR-CALNAME:{escaped(name)}"]
    if refresh_minutes:
        lines += [f"REFRESH-INTERVAL;VALUE=DURATION:PT{refresh_minutes}M", f"X-PUBLISHED-TTL:PT{refresh_minutes}M"]
    for event in events:
        lines += _lines(event)
    return b"".join(folded(line) for line in (*lines, "END:VCALENDAR"))


def _lines(event: Event) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{escaped(event.uid)}"
    yield f"SEQUENCE:{event.sequence}"
    yield f"DTSTAMP:{utc(event.stamp)}"
    yield f"LAST-MODIFIED:{utc(event.stamp)}"
    yield f"DTSTART:{utc(event.start)}"
    yield f"DTEND:{utc(event.end)}"
    yield f"SUMMARY:{escaped(event.summary)}"
    if event.description:
        yield f"DESCRIPTION:{escaped(event.description)}"
    if event.location:
        yield f"LOCATION:{escaped(event.location)}"
    yield f"STATUS:{event.status}"
    yield "TRANSP:TRANSPARENT" if event.status is Status.CANCELLED else "TRANSP:OPAQUE"
    if event.organizer:
        yield f"ORGANIZER{_named(event.organizer)}"
    for person in event.attendees:
        yield f"ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE{_named(person)}"
    yield "END:VEVENT"


def _named(person: Person) -> str:
    """Return the name and the address of a person; quotes and line breaks would end the parameter."""
    name = _printable(person.name).replace('"', "'").replace("\n", " ")
    address = _printable(person.address).replace("\n", "")
    return f';CN="{name}":mailto:{address}' if name else f":mailto:{address}"


def escaped(text: str) -> str:
    """Return a text as the value of a property: no separator, line break or control character stays as it is."""
    return _printable(text).translate(QUOTED)


def _printable(text: str) -> str:
    joined = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(letter for letter in joined if letter in "\n\t" or not _is_control(letter))


def _is_control(letter: str) -> bool:
    return ord(letter) < 0x20 or ord(letter) == 0x7F


def utc(moment: datetime) -> str:
    """Return an instant in UTC to the second."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S}Z"


def folded(line: str) -> bytes:
    """Return a line with its line break, folded so that no part is longer than allowed and no letter is torn."""
    parts, part = [], b""
    for letter in line:
        encoded = letter.encode()
        if len(part) + len(encoded) > LONGEST_LINE:
            parts.append(part)
            part = b" "
        part += encoded
    return b"\r\n".join([*parts, part]) + b"\r\n"

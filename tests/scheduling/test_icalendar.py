"""Calendars as two independent programs read them: every text comes back, whatever it holds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import icalendar
from hypothesis import given
from hypothesis import strategies as st
from ical.calendar_stream import IcsCalendarStream

from praxis_scheduling.rules.icalendar import LONGEST_LINE, Event, Method, Person, Status, write_calendar

START = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
# Control characters may not stand in a calendar at all; line separators of Unicode are split on by readers.
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), include_characters="\n"), max_size=200)


def event(**changes: object) -> Event:
    facts = {
        "uid": "a@praxis", "sequence": 3, "stamp": START - timedelta(days=2), "start": START,
        "end": START + timedelta(minutes=30), "summary": "Busy",
    }  # fmt: skip
    return Event(**{**facts, **changes})  # type: ignore[arg-type] # a test says what differs


def read(data: bytes) -> list[icalendar.Event]:
    return list(icalendar.Calendar.from_ical(data).walk("VEVENT"))


@given(summary=TEXTS, description=TEXTS, location=TEXTS, name=TEXTS)
def test_every_text_comes_back_and_no_line_is_too_long(
    summary: str, description: str, location: str, name: str
) -> None:
    data = write_calendar(name, [event(summary=summary, description=description, location=location)])
    assert all(len(line) <= LONGEST_LINE for line in data.split(b"\r\n"))
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", data)
    data.decode()
    [found] = read(data)
    assert str(found["summary"]) == summary
    assert str(found.get("description", "")) == description
    assert str(found.get("location", "")) == location


def test_two_readers_agree_on_what_was_written() -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    events = [
        event(start=START.astimezone(east), summary="Jo B., check; 20\\10\nRoom 2", location="Main, upstairs"),
        event(uid="b@praxis", sequence=4, status=Status.CANCELLED),
    ]
    data = write_calendar("Dr Lee", events, refresh_minutes=15)
    mine = read(data)
    other = IcsCalendarStream.calendar_from_ics(data.decode())
    assert [str(item["uid"]) for item in mine] == [item.uid for item in other.events] == ["a@praxis", "b@praxis"]
    assert [int(item["sequence"]) for item in mine] == [item.sequence for item in other.events] == [3, 4]
    assert [item.start for item in mine] == [item.dtstart for item in other.events] == [START, START]
    assert [str(item["summary"]) for item in mine] == [item.summary for item in other.events]
    assert other.events[0].summary == "Jo B., check; 20\\10\nRoom 2"
    assert [str(item["status"]) for item in mine] == ["CONFIRMED", "CANCELLED"]
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT15M" in data


def test_an_invitation_names_who_invites_and_who_is_invited() -> None:
    people = (Person("pat@example.org", 'Pat "The\r\nCat" O\'Neil; Sr., Esq.'), Person("owner@example.org"))
    asked = event(organizer=Person("desk@example.org", "Elm Street"), attendees=people)
    calendar = icalendar.Calendar.from_ical(write_calendar("", [asked], Method.REQUEST))
    [found] = calendar.walk("VEVENT")
    assert str(calendar["method"]) == "REQUEST"
    assert str(found["organizer"]) == "mailto:desk@example.org"
    assert [str(item) for item in found["attendee"]] == ["mailto:pat@example.org", "mailto:owner@example.org"]
    assert found["attendee"][0].params["CN"] == "Pat 'The Cat' O'Neil; Sr., Esq."


def test_what_would_break_a_line_out_of_its_property_stays_inside() -> None:
    hostile = "Nice\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:evil\x00\x07"
    [found] = read(write_calendar(hostile, [event(summary=hostile, uid="x\r\nSEQUENCE:9")]))
    assert int(found["sequence"]) == 3
    assert str(found["summary"]) == "Nice\nEND:VEVENT\nBEGIN:VEVENT\nUID:evil"

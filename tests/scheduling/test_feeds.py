"""Calendar feeds: what they show to whom, what stays when an appointment is cancelled or moved, and how they end."""

from __future__ import annotations

from typing import Any

import icalendar
import pytest
from tests.scheduling.conftest import Practice

from praxis.patients.v1 import events_pb2 as patients_events
from praxis.scheduling.v1 import appointment_pb2, events_pb2, feed_pb2
from praxis.scheduling.v1 import appointment_service_pb2 as appointments
from praxis.scheduling.v1 import feed_service_pb2 as pb
from praxis_chassis.mapping import instant
from praxis_chassis.testing import Refused

BUSY, INITIALS, FULL = feed_pb2.FEED_DETAIL_BUSY, feed_pb2.FEED_DETAIL_INITIALS, feed_pb2.FEED_DETAIL_FULL


def make(practice: Practice, **fields: Any) -> Any:
    feed = feed_pb2.CalendarFeed(title="Dr Lee", **fields)
    return practice.call("CreateCalendarFeed", pb.CreateCalendarFeedRequest(calendar_feed=feed))


def raw(practice: Practice, feed: Any) -> Any:
    tenant, token = feed.url.split("/")[-2:]
    assert tenant == str(practice.tenant.id)
    return practice.call("ReadCalendarFeed", pb.ReadCalendarFeedRequest(tenant_id=tenant, token=token))


def events(practice: Practice, feed: Any) -> list[Any]:
    """Return the events of a feed as a calendar program reads them."""
    reply = raw(practice, feed)
    assert reply.media_type == "text/calendar"
    calendar = icalendar.Calendar.from_ical(reply.content)
    assert str(calendar["X-WR-CALNAME"]) == "Dr Lee"
    return list(calendar.walk("VEVENT"))


def cancel(practice: Practice, booked: Any) -> None:
    cancellation = appointments.CancelAppointmentRequest(id=booked.id, by=appointment_pb2.CANCELLED_BY_PATIENT)
    practice.call("CancelAppointment", cancellation)


@pytest.mark.parametrize(
    ("detail", "summary", "place"),
    [(0, "Busy", ""), (BUSY, "Busy", ""), (INITIALS, "AL · Check", "Main"), (FULL, "Ada Lovelace · Check", "Main")],
)
def test_a_feed_shows_as_much_as_was_asked_for(practice: Practice, detail: Any, summary: str, place: str) -> None:
    provider, kind = practice.open_provider(), practice.type()
    booked = practice.book(kind, practice.at("09:00"), provider)
    (event,) = events(practice, make(practice, resource_id=provider.id, detail=detail))
    assert (str(event["SUMMARY"]), str(event.get("LOCATION", ""))) == (summary, place)
    assert event["DTSTART"].dt == practice.at("09:00")
    assert event["DTEND"].dt == practice.at("09:30")
    assert str(event["UID"]) == f"{booked.id}@praxis"
    assert "reason" not in str(event).lower()


def test_of_a_resource_its_own_appointments_and_of_a_patient_his_are_shown(practice: Practice) -> None:
    lee, may, kind = practice.open_provider("Lee"), practice.open_provider("May"), practice.type()
    ada, bob = practice.patient("Ada"), practice.patient("Bob")
    first = practice.book(kind, practice.at("09:00"), lee, patient=ada)
    second = practice.book(kind, practice.at("10:00"), may, patient=ada)
    third = practice.book(kind, practice.at("11:00"), lee, patient=bob)

    def shown(**subject: Any) -> list[str]:
        return [str(event["UID"]).partition("@")[0] for event in events(practice, make(practice, **subject))]

    assert shown(resource_id=lee.id) == [first.id, third.id]
    assert shown(resource_id=may.id) == [second.id]
    assert shown(patient_id=ada) == [first.id, second.id]


def test_a_moved_appointment_keeps_its_name_and_a_cancelled_one_is_told(practice: Practice) -> None:
    lee, may, kind = practice.open_provider("Lee"), practice.open_provider("May"), practice.type()
    booked = practice.book(kind, practice.at("09:00"), lee)
    feed = make(practice, resource_id=lee.id)
    before = raw(practice, feed)
    (old,) = events(practice, feed)
    assert raw(practice, feed).content == before.content, "nothing changed, so programs are answered 304"
    move = appointments.RescheduleAppointmentRequest(id=booked.id, start_time=instant(practice.at("14:00")))
    practice.call("RescheduleAppointment", move)
    (moved,) = events(practice, feed)
    assert (moved["UID"], moved["DTSTART"].dt) == (old["UID"], practice.at("14:00"))
    assert moved["SEQUENCE"] > old["SEQUENCE"]
    cancel(practice, booked)
    (gone,) = events(practice, feed)
    assert (str(gone["STATUS"]), gone["UID"]) == ("CANCELLED", old["UID"])
    assert gone["SEQUENCE"] > moved["SEQUENCE"]
    taken = practice.book(kind, practice.at("15:00"), lee)
    elsewhere = appointments.RescheduleAppointmentRequest(
        id=taken.id, start_time=instant(practice.at("15:00")), resource_ids=[may.id]
    )
    practice.call("RescheduleAppointment", elsewhere)
    assert [str(event["STATUS"]) for event in events(practice, feed)] == ["CANCELLED"]
    (there,) = events(practice, make(practice, resource_id=may.id))
    assert str(there["UID"]).startswith(taken.id)


def test_an_address_is_shown_once_and_leads_nowhere_after_it_was_revoked(practice: Practice) -> None:
    provider = practice.open_provider()
    feed = make(practice, resource_id=provider.id)
    assert not practice.call("GetCalendarFeed", pb.GetCalendarFeedRequest(id=feed.id)).url
    (listed,) = practice.call("ListCalendarFeeds", pb.ListCalendarFeedsRequest()).calendar_feeds
    assert (listed.id, listed.url) == (feed.id, "")
    assert not practice.tenant.events(events_pb2.CalendarFeedCreated)[0].calendar_feed.url
    assert raw(practice, feed).content
    ended = practice.call("RevokeCalendarFeed", pb.RevokeCalendarFeedRequest(id=feed.id, etag=feed.etag))
    assert ended.state == feed_pb2.FEED_STATE_REVOKED
    again = practice.call("RevokeCalendarFeed", pb.RevokeCalendarFeedRequest(id=feed.id))
    assert again.etag == ended.etag
    with pytest.raises(Refused) as refused:
        raw(practice, feed)
    assert refused.value.reason == "NOT_FOUND"
    assert not practice.call("ListCalendarFeeds", pb.ListCalendarFeedsRequest()).calendar_feeds
    everything = practice.call("ListCalendarFeeds", pb.ListCalendarFeedsRequest(include_revoked=True))
    assert len(everything.calendar_feeds) == 1


def test_nobody_guesses_an_address(practice: Practice) -> None:
    feed = make(practice, resource_id=practice.open_provider().id)
    tenant, token = feed.url.split("/")[-2:]
    for wrong in (token[:-6] + "AA.ics", token.swapcase(), "x", "", "ä.ics", "A" * 43 + ".ics"):
        with pytest.raises(Refused) as refused:
            practice.call("ReadCalendarFeed", pb.ReadCalendarFeedRequest(tenant_id=tenant, token=wrong))
        assert refused.value.reason == "NOT_FOUND", wrong


def test_a_feed_is_of_one_thing(practice: Practice) -> None:
    for subject in ({}, {"resource_id": practice.open_provider().id, "patient_id": practice.patient()}):
        with pytest.raises(Refused) as refused:
            make(practice, **subject)
        assert refused.value.violations[0][1] == "FEED_SUBJECT"
    unknown = "01a2187a-f784-7e7d-bce2-fef5fa713bda"
    for subject, reason in (({"resource_id": unknown}, "NOT_FOUND"), ({"patient_id": unknown}, "PATIENT_UNKNOWN")):
        with pytest.raises(Refused) as refused:
            make(practice, **subject)
        assert refused.value.reason == reason


def test_an_erased_patient_is_in_no_calendar(practice: Practice) -> None:
    provider, kind, ada = practice.open_provider(), practice.type(), practice.patient("Ada Lovelace")
    practice.book(kind, practice.at("09:00"), provider, patient=ada)
    own, desk = make(practice, patient_id=ada), make(practice, resource_id=provider.id, detail=FULL)
    practice.tenant.receive(patients_events.PatientErased(patient_id=ada), ada)
    with pytest.raises(Refused):
        raw(practice, own)
    (event,) = events(practice, desk)
    assert str(event["SUMMARY"]) == "Check"

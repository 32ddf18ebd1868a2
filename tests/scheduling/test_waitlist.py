"""The waitlist over real gRPC and PostgreSQL: free times are offered in order, once, and booked by whoever accepts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.scheduling.messaging import EMAIL, SMS, Writer
from tests.scheduling.test_communications import BOOKED, address, number
from tests.scheduling.test_departures import ACTIVE, DECEASED, tell
from tests.scheduling.test_replies import follow, link_of

from praxis.patients.v1 import events_pb2 as patients
from praxis.scheduling.v1 import appointment_pb2, appointment_service_pb2, events_pb2
from praxis.scheduling.v1 import communication_pb2 as communications
from praxis.scheduling.v1 import inbound_service_pb2 as inbound
from praxis.scheduling.v1 import waitlist_pb2 as pb
from praxis.scheduling.v1 import waitlist_service_pb2 as service_pb
from praxis_chassis import events
from praxis_chassis.mapping import instant, moment
from praxis_chassis.testing import Refused
from praxis_scheduling import jobs

OFFER = communications.COMMUNICATION_KIND_WAITLIST_OFFER
BY = appointment_pb2.CANCELLED_BY_PATIENT


class Waiting:
    """A practice with one provider, a full morning hour and people who wait."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.kind, self.provider = writer.type(), writer.open_provider(hours=("09:00", "10:00"))

    def entry(self, name: str = "Ada Lovelace", *, patient: str = "", **more: Any) -> Any:
        values = {"appointment_type_id": self.kind.id, "location_id": self.writer.location} | more
        entry = pb.WaitlistEntry(patient_id=patient or self.writer.adult(name), **values)
        return self.call("CreateWaitlistEntry", service_pb.CreateWaitlistEntryRequest(waitlist_entry=entry))

    def call(self, name: str, request: Any, **more: Any) -> Any:
        return self.writer.call(name, request, **more)

    def book(self, wall: str = "09:00", **more: Any) -> Any:
        return self.writer.book(self.kind, self.writer.at(wall), self.provider, **more)

    def cancel(self, appointment: Any) -> None:
        self.call("CancelAppointment", appointment_service_pb2.CancelAppointmentRequest(id=appointment.id, by=BY))

    def tick(self) -> None:
        with self.writer.tenant.session() as session:
            jobs.offer_times(session)
            events.store_recorded(session)

    def read(self, entry: Any) -> Any:
        return self.call("GetWaitlistEntry", service_pb.GetWaitlistEntryRequest(id=entry.id))

    def state(self, entry: Any) -> str:
        return pb.WaitlistState.Name(self.read(entry).state).removeprefix("WAITLIST_STATE_").lower()

    def states(self, *entries: Any) -> list[str]:
        return [self.state(entry) for entry in entries]

    def offers(self, entry: Any) -> list[tuple[str, str]]:
        name = pb.WaitlistOfferState.Name
        return [
            (item.local_start, name(item.state).removeprefix("WAITLIST_OFFER_STATE_").lower())
            for item in self.read(entry).offers
        ]

    def accept(self, entry: Any, **more: Any) -> Any:
        offer = self.read(entry).offers[-1].id
        request = service_pb.AcceptWaitlistOfferRequest(id=entry.id, offer_id=offer)
        return self.call("AcceptWaitlistOffer", request, **more)

    def decline(self, entry: Any) -> Any:
        offer = self.read(entry).offers[-1].id
        return self.call("DeclineWaitlistOffer", service_pb.DeclineWaitlistOfferRequest(id=entry.id, offer_id=offer))

    def close(self, entry: Any, reason: str = "") -> Any:
        return self.call("CloseWaitlistEntry", service_pb.CloseWaitlistEntryRequest(id=entry.id, reason=reason))

    def pass_by(self, minutes: int) -> None:
        now = datetime.now(UTC) + self.writer.moved
        self.writer.clock_at(now + timedelta(minutes=minutes))

    def live(self, appointment_id: str) -> Any:
        return self.call("GetAppointment", appointment_service_pb2.GetAppointmentRequest(id=appointment_id))


@pytest.fixture
def waiting(writer: Writer) -> Waiting:
    return Waiting(writer)


def full(waiting: Waiting) -> list[Any]:
    return [waiting.book("09:00"), waiting.book("09:30")]


def test_a_cancellation_is_offered_and_accepted_by_link(writer: Writer) -> None:
    waiting, to = Waiting(writer), address()
    writer.plan((OFFER, 0), (BOOKED, 0))
    first, _ = full(waiting)
    entry = waiting.entry(patient=writer.adult(email=to), reason="Cough")
    waiting.tick()
    assert (waiting.state(entry), waiting.offers(entry)) == ("waiting", [])
    waiting.cancel(first)
    waiting.tick()
    assert (waiting.state(entry), waiting.offers(entry)) == ("offered", [("09:00", "open")])
    writer.work(2)
    (told,) = [item for item in writer.sent() if item.waitlist_offer_id]
    assert told.state == communications.COMMUNICATION_STATE_SENT
    assert "9:00" in told.body
    token = link_of(writer, told)
    page = follow(writer, "GetLink", token)
    assert [item.action for item in page.choices][:2] == [inbound.LINK_ACTION_ACCEPT, inbound.LINK_ACTION_DECLINE]
    assert "Ada" in page.text
    done = follow(writer, "AcceptByLink", token)
    assert done.text.startswith("Thank you")
    found = waiting.read(entry)
    booked = waiting.live(found.appointment_id)
    assert (waiting.state(entry), booked.local_start, booked.patient_id, booked.reason) == (
        "booked", "09:00", entry.patient_id, "Cough",
    )  # fmt: skip
    for verb in ("AcceptByLink", "DeclineByLink"):
        with pytest.raises(Refused, match="OFFER_OVER"):
            follow(writer, verb, token)
    assert inbound.LINK_ACTION_ACCEPT not in [item.action for item in follow(writer, "GetLink", token).choices]
    assert len(writer.tenant.events(events_pb2.WaitlistEntryAccepted)) == 1
    writer.work(2)
    assert [item.kind for item in writer.sent(appointment_id=booked.id)] == [BOOKED]


def test_order_is_priority_then_age_and_each_answer_goes_on(waiting: Waiting) -> None:
    first, _ = full(waiting)
    late, early = waiting.entry("Old One"), waiting.entry("Young One")
    urgent = waiting.entry("Urgent One", priority=5)
    request = service_pb.ListWaitlistEntriesRequest(location_id=waiting.writer.location)
    listed = waiting.call("ListWaitlistEntries", request).waitlist_entries
    assert [item.id for item in listed] == [urgent.id, late.id, early.id]
    waiting.cancel(first)
    waiting.tick()
    assert waiting.states(urgent, late, early) == ["offered", "waiting", "waiting"]
    assert waiting.decline(urgent).state == pb.WAITLIST_STATE_WAITING
    waiting.tick()
    assert waiting.states(urgent, late, early) == ["waiting", "offered", "waiting"]
    waiting.pass_by(61)
    with pytest.raises(Refused, match="OFFER_OVER"):
        waiting.accept(late)
    waiting.tick()
    assert waiting.offers(late) == [("09:00", "expired")]
    assert waiting.states(urgent, late, early) == ["waiting", "waiting", "offered"]
    with pytest.raises(Refused, match="OFFER_OVER"):
        waiting.accept(late)
    booked = waiting.accept(early)
    assert waiting.live(booked.appointment_id).local_start == "09:00"
    assert waiting.states(urgent, late, early) == ["waiting", "waiting", "booked"]
    assert waiting.offers(urgent) == [("09:00", "declined")]
    kinds = (events_pb2.WaitlistEntryOffered, events_pb2.WaitlistEntryDeclined, events_pb2.WaitlistEntryLapsed)
    assert [len(waiting.writer.tenant.events(kind)) for kind in kinds] == [3, 1, 1]


def test_two_times_free_at_once_go_to_two_people_and_never_one_twice(waiting: Waiting) -> None:
    first, second = full(waiting)
    entries = [waiting.entry(f"Person {number}") for number in range(4)]
    waiting.cancel(first)
    waiting.cancel(second)
    waiting.tick()
    waiting.tick()
    offered = [waiting.offers(entry) for entry in entries]
    assert offered == [[("09:00", "open")], [("09:30", "open")], [], []]
    for entry in entries[:2]:
        waiting.accept(entry)
    waiting.tick()
    assert waiting.states(*entries) == ["booked", "booked", "waiting", "waiting"]


def test_jobs_at_the_same_moment_offer_a_time_once(waiting: Waiting) -> None:
    first, _ = full(waiting)
    entries = [waiting.entry(f"Person {number}") for number in range(3)]
    waiting.cancel(first)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: waiting.tick(), range(4)))
    waiting.tick()
    assert waiting.states(*entries) == ["offered", "waiting", "waiting"]


def test_an_offered_time_is_taken_for_everybody_else(waiting: Waiting) -> None:
    writer = waiting.writer
    first, _ = full(waiting)
    entry = waiting.entry()
    waiting.cancel(first)
    waiting.tick()
    with pytest.raises(Refused, match="SLOT_TAKEN"):
        waiting.book("09:00")
    assert not writer.slots(waiting.kind, writer.at("08:00"), writer.at("12:00"))
    waiting.close(entry, "has gone elsewhere")
    assert waiting.read(entry).close_reason == "has gone elsewhere"
    assert waiting.offers(entry) == [("09:00", "withdrawn")]
    assert [slot.local_start for slot in writer.slots(waiting.kind, writer.at("08:00"), writer.at("12:00"))] == [
        "09:00"
    ]
    assert waiting.book("09:00").local_start == "09:00"
    with pytest.raises(Refused, match="STATE_CONFLICT"):
        waiting.close(entry)


def test_racing_answers_and_bookings_book_once(waiting: Waiting) -> None:
    first, _ = full(waiting)
    entry, next_one = waiting.entry(), waiting.entry("Next One")
    waiting.cancel(first)
    waiting.tick()

    def attempt(number: int) -> str:
        try:
            if number % 3 == 0:
                waiting.accept(entry)
                return "accepted"
            if number % 3 == 1:
                waiting.book("09:00")
                return "booked"
            waiting.tick()
        except Refused as refusal:
            return refusal.reason
        return "ticked"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(18)))
    assert outcomes.count("accepted") == 1
    assert outcomes.count("booked") == 0
    assert set(outcomes) == {"accepted", "OFFER_OVER", "SLOT_TAKEN", "ticked"}
    assert waiting.states(entry, next_one) == ["booked", "waiting"]


def test_accepting_and_declining_at_once_is_one_of_the_two(waiting: Waiting) -> None:
    first, _ = full(waiting)
    entry = waiting.entry()
    waiting.cancel(first)
    waiting.tick()

    def answer(verb: Any) -> str:
        try:
            verb(entry)
        except Refused as refusal:
            return refusal.reason
        return str(verb.__name__)

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(answer, [waiting.accept, waiting.decline] * 2))
    assert outcomes in (["OFFER_OVER"] * 3 + ["accept"], ["OFFER_OVER"] * 3 + ["decline"])
    booked = len(waiting.writer.tenant.events(events_pb2.AppointmentBooked))
    assert booked == 3 if "accept" in outcomes else 2


@pytest.mark.parametrize("how", ["no show", "moved"])
def test_other_ways_of_becoming_free_are_offered_too(waiting: Waiting, how: str) -> None:
    writer = waiting.writer
    long = writer.type("Long", minutes=60)
    day = writer.open_provider("Dr Day", hours=("09:00", "13:00"))
    taken = writer.book(long, writer.at("09:00"), day)
    writer.book(long, writer.at("10:00"), day)
    writer.book(long, writer.at("12:00"), day)
    entry = waiting.entry(resource_ids=[day.id], offer_minutes=20)
    if how == "no show":
        writer.clock_at(writer.at("09:09"))  # an offer of 09:15 leaves the five minutes that it needs, and a minute
        waiting.call("MarkAppointmentNoShow", appointment_service_pb2.MarkAppointmentNoShowRequest(id=taken.id))
        expected = [("09:15", "open")]
    else:
        start = instant(writer.at("11:00"))
        request = appointment_service_pb2.RescheduleAppointmentRequest(id=taken.id, start_time=start)
        waiting.call("RescheduleAppointment", request)
        expected = [("09:00", "open")]
    waiting.tick()
    assert waiting.offers(entry) == expected


def test_only_what_suits_is_offered(waiting: Waiting) -> None:
    writer = waiting.writer
    other = writer.open_provider("Dr Other", hours=("09:00", "10:00"))
    first, second = full(waiting)
    monday = writer.monday.isoweekday()
    not_that_day = waiting.entry("No Monday", priority=9, windows=[pb.WaitlistWindow(weekdays=[monday % 7 + 1])])
    afternoon = waiting.entry("Afternoon", priority=8, windows=[pb.WaitlistWindow(local_from="09:15")])
    elsewhere = waiting.entry("Other doctor", priority=7, resource_ids=[other.id])
    longer = waiting.entry("Longer", priority=6, duration_minutes=45)
    far = waiting.entry("Notice", priority=5, notice_minutes=20160)
    busy = waiting.entry("Busy", priority=4)
    writer.book(waiting.kind, writer.at("09:00"), other, patient=busy.patient_id)
    good = waiting.entry("Good", windows=[pb.WaitlistWindow(weekdays=[monday], local_until="09:30")])
    waiting.cancel(first)
    writer.clock_at(writer.at("12:00", -3))
    waiting.tick()
    passed_over = (not_that_day, afternoon, elsewhere, longer, far, busy)
    assert waiting.states(*passed_over, good) == ["waiting"] * 6 + ["offered"]
    waiting.cancel(second)
    waiting.tick()
    assert waiting.offers(afternoon) == [("09:30", "open")]


def test_no_extra_lane_is_offered(waiting: Waiting) -> None:
    writer = waiting.writer
    kind = writer.type("Squeezed", overbooking_allowed=True)
    doctor = writer.open_provider(
        "Dr Switch", hours=("09:00", "09:30"), double_booking_enabled=True, double_booking_limit=1
    )
    first, second = (writer.book(kind, writer.at("09:00"), doctor) for _ in range(2))
    entry = waiting.entry(appointment_type_id=kind.id)
    waiting.cancel(second)
    waiting.tick()
    assert waiting.state(entry) == "waiting"
    waiting.cancel(first)
    waiting.tick()
    assert waiting.state(entry) == "offered"


def test_at_night_an_offer_stands_from_the_morning_on(waiting: Waiting) -> None:
    writer = waiting.writer
    first, second = full(waiting)
    waiting.entry("No time to answer", priority=9, notice_minutes=90)
    entry = waiting.entry(offer_minutes=30)
    writer.clock_at(writer.at("23:00", -1))
    waiting.cancel(second)
    waiting.tick()
    (offer,) = waiting.read(entry).offers
    assert (offer.local_start, moment(offer.expire_time)) == ("09:30", writer.at("08:30"))
    assert waiting.live(first.id).state == appointment_pb2.APPOINTMENT_STATE_BOOKED


def test_a_text_tells_in_spanish_and_a_decided_offer_is_not_told(writer: Writer) -> None:
    waiting, mobile = Waiting(writer), number("7801")
    writer.with_texts()
    writer.plan((OFFER, 0), channels=(SMS, EMAIL))
    first, _ = full(waiting)
    one = waiting.entry(patient=writer.adult(mobile=mobile, language="es"))
    two = waiting.entry(patient=writer.adult(mobile=number("7802")))
    waiting.cancel(first)
    waiting.tick()
    writer.work(2)
    assert writer.texts is not None
    assert "hay una hora libre para Ada" in writer.texts.to(mobile)[-1]
    waiting.decline(one)
    waiting.tick()
    waiting.close(two)
    writer.work(2)
    assert writer.states() == ["sent", "withdrawn"]


def test_who_is_gone_waits_no_more_and_is_blank_when_erased(waiting: Waiting) -> None:
    first, _ = full(waiting)
    dead, erased, stays = waiting.entry(reason="Cough"), waiting.entry(reason="Cough"), waiting.entry()
    waiting.cancel(first)
    waiting.tick()
    today = datetime.now(UTC).date().isoformat()
    tell(waiting.writer, dead.patient_id, DECEASED, ACTIVE, deceased_date=today)
    waiting.tick()
    assert waiting.states(dead, erased, stays) == ["closed", "offered", "waiting"]
    gone = patients.PatientErased(patient_id=erased.patient_id)
    waiting.writer.tenant.receive(gone, erased.patient_id)
    waiting.tick()
    assert waiting.states(dead, erased, stays) == ["closed", "closed", "offered"]
    assert (waiting.read(erased).reason, waiting.read(erased).patient_name) == ("", "")
    assert waiting.read(dead).close_reason == "The patient died."


def test_wrong_wishes_are_refused(waiting: Waiting) -> None:
    entry = waiting.entry()
    for path, more in (
        ("waitlist_entry.windows[0].local_until",
         {"windows": [pb.WaitlistWindow(local_from="10:00", local_until="09:00")]}),
        ("waitlist_entry.windows[0].until_date",
         {"windows": [pb.WaitlistWindow(from_date="2026-05-02", until_date="2026-05-01")]}),
        ("waitlist_entry.windows[0].until_date",
         {"windows": [pb.WaitlistWindow(from_date="2020-12-01", until_date="2020-12-02")]}),
        ("waitlist_entry.priority", {"priority": 10}),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            waiting.entry(**more)
        assert refused.value.violations[0][0] == path
    with pytest.raises(Refused, match="NOT_FOUND"):
        waiting.entry(resource_ids=[entry.id])
    with pytest.raises(Refused, match="PRACTITIONER_UNKNOWN"):
        waiting.entry(practitioner_ids=[entry.id])
    request = service_pb.AcceptWaitlistOfferRequest(id=entry.id, offer_id=entry.id)
    with pytest.raises(Refused, match="OFFER_OVER"):
        waiting.call("AcceptWaitlistOffer", request)


def test_a_change_is_seen_and_the_patient_stays(waiting: Waiting) -> None:
    entry = waiting.entry()

    def change(value: Any, *paths: str) -> Any:
        value.id = entry.id
        request = service_pb.UpdateWaitlistEntryRequest(waitlist_entry=value, update_mask={"paths": list(paths)})
        return waiting.call("UpdateWaitlistEntry", request)

    assert change(pb.WaitlistEntry(priority=3, notice_minutes=30), "priority", "notice_minutes").priority == 3
    with pytest.raises(Refused) as refused:
        change(pb.WaitlistEntry(patient_id=waiting.writer.adult("Other One")), "patient_id")
    assert refused.value.violations[0][:2] == ("waitlist_entry.patient_id", "CANNOT_BE_CHANGED")
    waiting.close(entry)
    with pytest.raises(Refused, match="STATE_CONFLICT"):
        change(pb.WaitlistEntry(priority=4), "priority")

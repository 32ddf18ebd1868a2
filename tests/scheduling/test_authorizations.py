"""Booking on what payers permit: as many visits as there are units, on the days and for whom they were given."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf import field_mask_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.scheduling.conftest import Practice
from tests.scheduling.test_departures import ACTIVE, DECEASED, tell, yesterday
from tests.scheduling.test_series import SKIP, appointment, change, create, plan, read, results, rule, weeks

from praxis.claims.v1 import authorization_pb2
from praxis.claims.v1 import events_pb2 as claims
from praxis.patients.v1 import events_pb2 as patients
from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import appointment_pb2, errors_pb2, events_pb2, series_service_pb2
from praxis.scheduling.v1 import appointment_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis.mapping import instant
from praxis_chassis.testing import Refused
from praxis_chassis.types import new_id

BOOKED, CANCELLED = appointment_pb2.APPOINTMENT_STATE_BOOKED, appointment_pb2.APPOINTMENT_STATE_CANCELLED
CLOSED = authorization_pb2.AUTHORIZATION_STATE_CLOSED
SHORT = "AUTHORIZATION_UNITS_SHORT"

# Made long ago, so that nobody waits for news of it.
UNKNOWN = "01a2187a-f784-7e7d-bce2-fef5fa713bda"


@dataclass
class Permitted:
    """An authorization as claims tells of it."""

    practice: Practice
    patient: str
    id: str = field(default_factory=lambda: str(new_id()))
    told: dict[str, Any] = field(default_factory=dict)

    def tell(self, event: Any = claims.AuthorizationUpdated, **more: Any) -> None:
        self.told |= more
        values = {"state": authorization_pb2.AUTHORIZATION_STATE_ACTIVE, "units": 6} | self.told
        known = authorization_pb2.Authorization(id=self.id, patient_id=self.patient, **values)
        self.practice.tenant.receive(event(authorization=known), self.id)


def permitted(practice: Practice, patient: str = "", **told: Any) -> Permitted:
    made = Permitted(practice, patient or practice.patient())
    made.tell(claims.AuthorizationRecorded, **told)
    return made


def book(
    practice: Practice, kind: Any, provider: Any, on: Permitted, wall: str = "09:00", day: int = 0, **more: Any
) -> Any:
    values = {"patient": on.patient, "authorization_id": on.id} | more
    return practice.book(kind, practice.at(wall, day), provider, **values)


def cancel(practice: Practice, booked: Any) -> Any:
    by = appointment_pb2.CANCELLED_BY_PATIENT
    return practice.call("CancelAppointment", pb.CancelAppointmentRequest(id=booked.id, by=by))


def assign(practice: Practice, booked: Any, authorization_id: str) -> Any:
    mask = field_mask_pb2.FieldMask(paths=["authorization_id"])
    changed = appointment_pb2.Appointment(id=booked.id, authorization_id=authorization_id)
    return practice.call("UpdateAppointment", pb.UpdateAppointmentRequest(appointment=changed, update_mask=mask))


def move(practice: Practice, booked: Any, wall: str, day: int = 0, **more: Any) -> Any:
    start = instant(practice.at(wall, day))
    return practice.call(
        "RescheduleAppointment", pb.RescheduleAppointmentRequest(id=booked.id, start_time=start, **more)
    )


@pytest.fixture
def desk(practice: Practice) -> tuple[Practice, Any, Any]:
    return practice, practice.type(), practice.open_provider()


def test_as_many_are_booked_as_there_are_units_and_a_cancelled_one_gives_its_unit_back(
    desk: tuple[Practice, Any, Any],
) -> None:
    practice, kind, provider = desk
    two = permitted(practice, units=2)
    first = book(practice, kind, provider, two)
    assert first.authorization_id == two.id
    book(practice, kind, provider, two, "10:00")
    with pytest.raises(Refused) as refused:
        book(practice, kind, provider, two, "11:00")
    assert (refused.value.reason, refused.value.metadata["units"]) == (SHORT, "2")
    cancel(practice, first)
    book(practice, kind, provider, two, "11:00")
    with pytest.raises(Refused, match=SHORT):
        book(practice, kind, provider, two, "12:00")
    # Without the authorization the visit can be had, and more units are booked as soon as claims tells of them.
    practice.book(kind, practice.at("12:00"), provider, patient=two.patient)
    two.tell(units=3)
    book(practice, kind, provider, two, "13:00")
    told = practice.tenant.events(events_pb2.AppointmentBooked)
    assert [event.appointment.authorization_id for event in told].count(two.id) == 4  # type: ignore[attr-defined]


def test_what_others_reserved_and_used_is_not_booked_again(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    six = permitted(practice, units=6, units_reserved=3, units_used=2)
    book(practice, kind, provider, six)
    # Claims has heard of that booking now: it counts once, whoever tells of it.
    six.tell(claims.AuthorizationReserved, units_reserved=4, units_booked=1)
    with pytest.raises(Refused, match=SHORT):
        book(practice, kind, provider, six, "10:00")
    six.tell(claims.AuthorizationReleased, units_reserved=3)
    book(practice, kind, provider, six, "10:00")
    with pytest.raises(Refused, match=SHORT):
        book(practice, kind, provider, six, "11:00")


def test_a_hundred_who_book_at_once_never_get_more_than_there_is(practice: Practice) -> None:
    kind, provider = practice.type(), practice.open_provider(capacity=50)
    many = permitted(practice, units=37)

    def ask(number: int) -> str:
        try:
            return str(book(practice, kind, provider, many, ("09:00", "10:00")[number % 2], key=f"ask-{number}").id)
        except Refused as refused:
            return refused.reason

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(100)))
    assert answers.count(SHORT) == 63
    assert len(set(answers) - {SHORT}) == 37
    assert len(practice.tenant.events(events_pb2.AppointmentBooked)) == 37


def test_only_its_patient_types_and_days_are_permitted(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    day = practice.monday
    until = (day + timedelta(days=2)).isoformat()
    narrow = permitted(practice, appointment_type_ids=[kind.id], from_date=day.isoformat(), to_date=until)
    booked = book(practice, kind, provider, narrow, day=1)
    for reason, more in (
        ("AUTHORIZATION_OF_ANOTHER", {"patient": practice.patient()}),
        ("AUTHORIZATION_UNKNOWN", {"authorization_id": UNKNOWN}),
        ("AUTHORIZATION_OUTSIDE_DATES", {"day": -3}),
        ("AUTHORIZATION_OUTSIDE_DATES", {"day": 2}),
    ):
        with pytest.raises(Refused) as refused:
            book(practice, kind, provider, narrow, **more)
        assert refused.value.reason == reason
    other = practice.type("Echo")
    with pytest.raises(Refused) as refused:
        book(practice, other, provider, narrow)
    assert (refused.value.reason, refused.value.metadata["type"]) == ("AUTHORIZATION_NOT_FOR_TYPE", "Echo")
    with pytest.raises(Refused, match="AUTHORIZATION_OUTSIDE_DATES"):
        move(practice, booked, "09:00", 2)
    with pytest.raises(Refused, match="AUTHORIZATION_NOT_FOR_TYPE"):
        move(practice, booked, "09:00", appointment_type_id=other.id)
    assert appointment(practice, booked.id) == booked


def test_the_day_is_that_of_the_location(practice: Practice) -> None:
    """In the evening in Chicago the next day has begun in UTC."""
    kind, provider = practice.type(), practice.open_provider(hours=("08:00", "23:00"))
    one_day = permitted(practice, from_date=str(practice.monday), to_date=str(practice.monday + timedelta(days=1)))
    assert book(practice, kind, provider, one_day, "22:00").local_date == str(practice.monday)


def test_a_closed_one_keeps_what_was_booked_and_takes_no_more(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    found = permitted(practice, units=1)
    booked = book(practice, kind, provider, found)
    assert move(practice, booked, "10:00").local_start == "10:00"
    found.tell(claims.AuthorizationClosed, state=CLOSED)
    assert move(practice, booked, "11:00").authorization_id == found.id
    cancel(practice, booked)
    with pytest.raises(Refused, match="AUTHORIZATION_CLOSED"):
        book(practice, kind, provider, found)


def test_it_may_be_given_later_and_taken_off_again(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    one = permitted(practice, units=1)
    first = practice.book(kind, practice.at("09:00"), provider, patient=one.patient)
    second = practice.book(kind, practice.at("10:00"), provider, patient=one.patient)
    assert assign(practice, first, one.id).authorization_id == one.id
    assert assign(practice, first, one.id).authorization_id == one.id
    with pytest.raises(Refused, match=SHORT):
        assign(practice, second, one.id)
    with pytest.raises(Refused, match="AUTHORIZATION_UNKNOWN"):
        assign(practice, second, UNKNOWN)
    assert not assign(practice, first, "").authorization_id
    assert assign(practice, second, one.id).authorization_id == one.id
    mask = field_mask_pb2.FieldMask(paths=["notes"])
    noted = pb.UpdateAppointmentRequest(
        appointment=appointment_pb2.Appointment(id=second.id, notes="Call before"), update_mask=mask
    )
    assert practice.call("UpdateAppointment", noted).authorization_id == one.id


def test_of_a_series_of_eight_six_are_booked_on_six_units(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    six = permitted(practice, units=6)
    wanted = plan(practice, kind, provider, rule(8), patient=six.patient, authorization_id=six.id)
    with pytest.raises(Refused) as refused:
        create(practice, wanted)
    detail = errors_pb2.SeriesConflicts()
    assert refused.value.reason == "SERIES_CONFLICTS"
    assert refused.value.others[0].Unpack(detail)
    assert [(item.occurrence_date, item.reason) for item in detail.occurrences] == [
        (day, SHORT) for day in weeks(practice, 6, 7)
    ]
    assert not practice.tenant.events(events_pb2.AppointmentBooked)
    told = create(practice, wanted, validate_only=True)
    assert results(told) == ["booked"] * 6 + ["conflict"] * 2
    series = create(practice, wanted, on_conflict=SKIP).series
    assert series.authorization_id == six.id
    assert {appointment(practice, key).authorization_id for key in series.appointment_ids} == {six.id}
    with pytest.raises(Refused, match=SHORT):
        book(practice, kind, provider, six, "11:00")


def test_dates_after_its_end_are_conflicts_and_an_unknown_one_refuses_all(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    end = (practice.monday + timedelta(weeks=2)).isoformat()
    found = permitted(practice, to_date=end)
    wanted = plan(practice, kind, provider, rule(4), patient=found.patient, authorization_id=found.id)
    outcome = create(practice, wanted, on_conflict=SKIP)
    assert [item.reason for item in outcome.occurrences] == ["", "", *["AUTHORIZATION_OUTSIDE_DATES"] * 2]
    wanted.authorization_id = UNKNOWN
    with pytest.raises(Refused, match="AUTHORIZATION_UNKNOWN"):
        create(practice, wanted)
    wanted.authorization_id, wanted.patient_id = found.id, practice.patient()
    with pytest.raises(Refused, match="AUTHORIZATION_OF_ANOTHER"):
        create(practice, wanted)


def test_a_series_that_is_changed_goes_on_with_its_authorization(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    found = permitted(practice, units=5)
    wanted = plan(practice, kind, provider, rule(4), patient=found.patient, authorization_id=found.id)
    series = create(practice, wanted).series
    later = series_service_pb2.SERIES_SCOPE_FOLLOWING
    since = weeks(practice, 2)[0]
    longer = {"rule": rule(4), "occurrence_date": since, "local_start": "10:00"}
    rest = change(practice, series, later, on_conflict=SKIP, **longer)
    assert results(rest) == ["changed", "changed", "booked", "conflict"]
    assert (rest.series.authorization_id, rest.occurrences[3].reason) == (found.id, SHORT)
    assert appointment(practice, rest.occurrences[2].appointment_id).authorization_id == found.id
    assert read(practice, series).authorization_id == found.id


def test_a_series_goes_on_with_another_authorization_from_a_date_on(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    first = permitted(practice, units=4)
    wanted = plan(practice, kind, provider, rule(4), patient=first.patient, authorization_id=first.id)
    series = create(practice, wanted).series
    confirmed = series.appointment_ids[2]
    practice.call("ConfirmAppointment", pb.ConfirmAppointmentRequest(id=confirmed))
    later, since = series_service_pb2.SERIES_SCOPE_FOLLOWING, weeks(practice, 2)[0]
    with pytest.raises(Refused, match="AUTHORIZATION_UNKNOWN"):
        change(practice, series, later, occurrence_date=since, authorization_id=UNKNOWN)
    one = permitted(practice, first.patient, units=1)
    with pytest.raises(Refused, match="SERIES_CONFLICTS"):
        change(practice, series, later, occurrence_date=since, authorization_id=one.id)
    two = permitted(practice, first.patient, units=2)
    rest = change(practice, series, later, occurrence_date=since, authorization_id=two.id)
    assert (results(rest), rest.series.authorization_id) == (["changed"] * 2, two.id)
    # Its time is the same, so that nobody is asked to confirm it again.
    stays = appointment(practice, confirmed)
    assert (stays.state, stays.authorization_id) == (appointment_pb2.APPOINTMENT_STATE_CONFIRMED, two.id)
    assert not practice.tenant.events(events_pb2.AppointmentRescheduled)
    again = change(practice, rest.series, series_service_pb2.SERIES_SCOPE_ALL, authorization_id=two.id)
    assert results(again) == ["kept"] * 2
    book(practice, kind, provider, first, "11:00")


def test_a_visit_is_moved_beyond_the_end_of_one_authorization_with_the_next(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    end = (practice.monday + timedelta(days=1)).isoformat()
    old = permitted(practice, units=1, to_date=end)
    new = permitted(practice, old.patient, units=1, from_date=end)
    booked = book(practice, kind, provider, old)
    with pytest.raises(Refused, match="AUTHORIZATION_OUTSIDE_DATES"):
        move(practice, booked, "09:00", 1)
    with pytest.raises(Refused, match="AUTHORIZATION_UNKNOWN"):
        move(practice, booked, "09:00", 1, authorization_id=UNKNOWN)
    assert move(practice, booked, "09:00", 1, authorization_id=new.id).authorization_id == new.id
    assert book(practice, kind, provider, old).authorization_id == old.id
    with pytest.raises(Refused, match=SHORT):
        book(practice, kind, provider, new, "10:00", 1)


def test_who_comes_back_gets_no_visit_back_whose_unit_is_taken(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    two = permitted(practice, units=2)
    first = book(practice, kind, provider, two)
    second = book(practice, kind, provider, two, "10:00")
    tell(practice, two.patient, DECEASED, ACTIVE, deceased_date=yesterday())
    assert appointment(practice, first.id).state == CANCELLED
    two.tell(claims.AuthorizationReserved, units_reserved=1)
    tell(practice, two.patient, ACTIVE, DECEASED)
    states = [appointment(practice, item.id).state for item in (first, second)]
    assert states == [BOOKED, CANCELLED]


def test_units_of_who_was_merged_are_the_survivors(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    survivor, found = practice.patient(), permitted(practice, units=1)
    with pytest.raises(Refused, match="AUTHORIZATION_OF_ANOTHER"):
        book(practice, kind, provider, found, patient=survivor)
    human = patient_pb2.HumanProfile(name=type_pb2.PersonName(family="Lovelace"))
    gone = patient_pb2.Patient(id=found.patient, human=human, state=patient_pb2.PATIENT_STATE_MERGED)
    merged = patients.PatientMerged(patient=gone, survivor_id=survivor, merge_id=str(new_id()))
    practice.tenant.receive(merged, found.patient)
    found.tell(units=2)  # by the id that claims knew before it heard of the merge
    assert book(practice, kind, provider, found, patient=survivor).patient_id == survivor
    assert book(practice, kind, provider, found, "10:00").patient_id == survivor
    with pytest.raises(Refused, match=SHORT):
        book(practice, kind, provider, found, "11:00")


STEPS = st.lists(
    st.tuples(st.sampled_from(["book", "book", "cancel", "take_off", "elsewhere"]), st.integers(0, 7)), max_size=14
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(units=st.integers(1, 4), steps=STEPS)
def test_however_visits_come_and_go_one_is_booked_as_long_as_a_unit_is_left(
    desk: tuple[Practice, Any, Any], units: int, steps: list[tuple[str, int]]
) -> None:
    practice, kind, _ = desk
    room = practice.open_provider(f"Dr {new_id()}", capacity=20)
    found, held, elsewhere = permitted(practice, units=units), list[Any](), 0
    for verb, number in steps:
        if verb == "elsewhere":
            elsewhere = min(number, max(units - len(held), 0))
            # Some of the appointments have been heard of by claims and others not; that must not matter.
            heard = min(number, len(held))
            found.tell(units_reserved=elsewhere + heard, units_booked=heard)
        elif verb == "book" and units - elsewhere - len(held) > 0:
            held.append(book(practice, kind, room, found))
        elif verb == "book":
            with pytest.raises(Refused, match=SHORT):
                book(practice, kind, room, found)
        elif held:
            gone = held.pop(number % len(held))
            cancel(practice, gone) if verb == "cancel" else assign(practice, gone, "")

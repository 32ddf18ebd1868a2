"""The preview of clock changes: what the next ones touch at each location, and nothing is moved by looking."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.scheduling.conftest import ZONE, Practice, block

from praxis.patients.v1 import events_pb2 as patients_events
from praxis.patients.v1 import practice_pb2
from praxis.scheduling.v1 import (
    appointment_pb2,
    appointment_service_pb2,
    clock_change_pb2,
    series_pb2,
    series_service_pb2,
    template_exception_service_pb2,
    template_pb2,
)
from praxis.scheduling.v1 import clock_change_service_pb2 as pb
from praxis_chassis.mapping import moment
from praxis_chassis.testing import Refused
from praxis_scheduling.rules.hours import instant_of, minute_of_day

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SUNDAY = 7


def sunday(month: int, number: int) -> date:
    """Return a Sunday of a month of next year; by these the clock is changed in Chicago."""
    first = date(datetime.now(UTC).year + 1, month, 1)
    return first + ((SUNDAY - first.isoweekday()) % SUNDAY + 7 * (number - 1)) * DAY


SPRING, AUTUMN = sunday(3, 2), sunday(11, 1)


def at(day: date, wall: str) -> datetime:
    return instant_of(day, minute_of_day(wall), ZONE)


def preview(practice: Practice, first: date, last: date, location: str = "") -> list[Any]:
    request = pb.PreviewClockChangesRequest(
        location_id=location, from_date=first.isoformat(), until_date=last.isoformat()
    )
    return list(practice.call("PreviewClockChanges", request).clock_changes)


def only(practice: Practice, day: date) -> Any:
    (change,) = preview(practice, day - DAY, day + DAY)
    return change


@pytest.fixture
def provider(practice: Practice) -> Any:
    """Somebody who works through the night from Saturday to Monday."""
    found = practice.resource("Dr Night")
    practice.template(found.id, [block(7, "00:00", "24:00"), block(1, "08:00", "17:00")])
    return found


def test_both_changes_of_a_year_are_told_with_what_the_clock_does(practice: Practice) -> None:
    spring, autumn = preview(practice, SPRING - 60 * DAY, SPRING + 300 * DAY)
    assert (spring.location_id, spring.location_name, spring.time_zone) == (practice.location, "Main", ZONE.key)
    assert (spring.kind, autumn.kind) == (
        clock_change_pb2.CLOCK_CHANGE_KIND_FORWARD,
        clock_change_pb2.CLOCK_CHANGE_KIND_BACK,
    )
    assert [(each.offset_before_minutes, each.offset_after_minutes) for each in (spring, autumn)] == [
        (-360, -300), (-300, -360),
    ]  # fmt: skip
    assert (spring.local_date, spring.local_from, spring.local_until) == (SPRING.isoformat(), "02:00", "03:00")
    assert (autumn.local_date, autumn.local_from, autumn.local_until) == (AUTUMN.isoformat(), "01:00", "02:00")
    assert moment(spring.change_time) == at(SPRING, "03:00")
    assert not [*spring.appointments, *spring.blocks]
    assert preview(practice, SPRING + DAY, AUTUMN - DAY) == []
    assert [
        each.local_date for each in practice.call("PreviewClockChanges", pb.PreviewClockChangesRequest()).clock_changes
    ]


def test_each_location_has_the_changes_of_its_own_clock(practice: Practice) -> None:
    island = str(uuid4())
    location = practice_pb2.Location(id=island, name="Island", time_zone="Australia/Lord_Howe")
    practice.tenant.receive(patients_events.LocationCreated(location=location), island)
    found = preview(practice, SPRING - 60 * DAY, SPRING + 300 * DAY)
    assert [each.location_name for each in found] == ["Main", "Island", "Island", "Main"]
    assert [moment(each.change_time) for each in found] == sorted(moment(each.change_time) for each in found)
    back, forward = preview(practice, SPRING - 60 * DAY, SPRING + 300 * DAY, island)
    assert (back.local_from, back.local_until, back.kind) == ("01:30", "02:00", clock_change_pb2.CLOCK_CHANGE_KIND_BACK)
    assert (forward.offset_before_minutes, forward.offset_after_minutes) == (630, 660)


def test_appointments_are_listed_that_go_on_meanwhile_or_at_a_time_that_comes_twice(
    practice: Practice, provider: Any
) -> None:
    kind, patient = practice.type(), practice.patient("Ada Night")
    for start in (at(SPRING, "01:15"), at(SPRING, "03:00") + HOUR / 2, at(AUTUMN, "02:00")):
        practice.book(kind, start, provider)
    crossing = practice.book(kind, at(SPRING, "03:00") - HOUR / 4, provider, patient=patient)
    before, first = (
        practice.book(kind, at(AUTUMN, "00:45"), provider),
        practice.book(kind, at(AUTUMN, "01:15"), provider),
    )
    second = practice.book(kind, at(AUTUMN, "01:15") + HOUR, provider)
    (told,) = only(practice, SPRING).appointments
    assert told.effect == clock_change_pb2.CLOCK_CHANGE_EFFECT_CROSSES
    assert (told.appointment_id, told.patient_id, told.patient_name) == (crossing.id, patient, "Ada Night")
    assert (told.local_start, moment(told.end_time) - moment(told.start_time)) == ("01:45", HOUR / 2)
    assert [(item.appointment_id, item.effect) for item in only(practice, AUTUMN).appointments] == [
        (before.id, clock_change_pb2.CLOCK_CHANGE_EFFECT_CROSSES),
        (first.id, clock_change_pb2.CLOCK_CHANGE_EFFECT_STARTS_FIRST),
        (second.id, clock_change_pb2.CLOCK_CHANGE_EFFECT_STARTS_SECOND),
    ]
    cancel = appointment_service_pb2.CancelAppointmentRequest(id=first.id, by=appointment_pb2.CANCELLED_BY_PRACTICE)
    practice.call("CancelAppointment", cancel)
    assert [item.appointment_id for item in only(practice, AUTUMN).appointments] == [before.id, second.id]


def test_dates_of_series_that_the_clock_skips_are_listed(practice: Practice, provider: Any) -> None:
    rule = series_pb2.RecurrenceRule(frequency=series_pb2.FREQUENCY_WEEKLY, weekdays=[SUNDAY], count=3)
    series = series_pb2.Series(
        patient_id=practice.patient(), appointment_type_id=practice.type().id, location_id=practice.location,
        first_date=(SPRING - 7 * DAY).isoformat(), local_start="02:15", rule=rule, resource_ids=[provider.id],
    )  # fmt: skip
    request = series_service_pb2.CreateSeriesRequest(series=series, on_conflict=series_service_pb2.ON_CONFLICT_SKIP)
    made = practice.call("CreateSeries", request).series
    assert len(made.appointment_ids) == 2
    (told,) = only(practice, SPRING).appointments
    assert (told.effect, told.series_id) == (clock_change_pb2.CLOCK_CHANGE_EFFECT_SKIPPED, made.id)
    assert (told.local_date, told.local_start) == (SPRING.isoformat(), "02:15")
    assert not told.appointment_id
    assert not told.HasField("start_time")
    cancel = series_service_pb2.CancelSeriesRequest(
        id=made.id, scope=series_service_pb2.SERIES_SCOPE_ALL, by=appointment_pb2.CANCELLED_BY_PRACTICE
    )
    practice.call("CancelSeries", cancel)
    assert not only(practice, SPRING).appointments


def test_hours_tell_how_long_they_last_on_that_date(practice: Practice, provider: Any) -> None:
    practice.open_provider("Dr Day")
    for day, minutes in ((SPRING, 1380), (AUTUMN, 1500)):
        (told,) = only(practice, day).blocks
        assert (told.resource_id, told.resource_name, told.template_exception_id) == (provider.id, "Dr Night", "")
        assert (told.usual_minutes, told.actual_minutes) == (1440, minutes)
        assert (told.local_date, told.local_start, told.local_end) == (day.isoformat(), "00:00", "24:00")
        assert told.template_id
    exception = template_pb2.TemplateException(
        resource_id=provider.id,
        local_date=SPRING.isoformat(),
        blocks=[block(0, "01:00", "02:30"), block(0, "03:00", "05:00")],
    )
    request = template_exception_service_pb2.CreateTemplateExceptionRequest(template_exception=exception)
    made = practice.call("CreateTemplateException", request)
    (told,) = only(practice, SPRING).blocks
    assert (told.template_id, told.template_exception_id) == ("", made.id)
    assert (told.usual_minutes, told.actual_minutes) == (90, 60)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"from_date": "2027-03-02", "until_date": "2027-03-01"}, "ENDS_BEFORE_START"),
        ({"from_date": "2027-03-01", "until_date": "2029-03-02"}, "SEARCH_TOO_LONG"),
        ({"from_date": "9999-12-31"}, "DATE_OUT_OF_REACH"),
        ({"until_date": "9999-12-31"}, "DATE_OUT_OF_REACH"),
    ],
)
def test_days_that_make_no_sense_are_refused(practice: Practice, values: dict[str, str], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        practice.call("PreviewClockChanges", pb.PreviewClockChangesRequest(**values))
    assert [item[1] for item in refused.value.violations] == [reason]


def test_a_location_that_is_not_there_is_not_found(practice: Practice) -> None:
    with pytest.raises(Refused, match="NOT_FOUND"):
        practice.call("PreviewClockChanges", pb.PreviewClockChangesRequest(location_id=str(uuid4())))

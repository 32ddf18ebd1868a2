"""Series over real gRPC and PostgreSQL: every occurrence is an appointment, and all or a list of what cannot be had."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from tests.scheduling.conftest import ZONE, Practice

from praxis.scheduling.v1 import (
    appointment_pb2,
    appointment_service_pb2,
    appointment_type_pb2,
    errors_pb2,
    events_pb2,
    resource_pb2,
    series_pb2,
)
from praxis.scheduling.v1 import series_service_pb2 as pb
from praxis_chassis.testing import Refused

WEEKLY, MONTHLY, DAILY = series_pb2.FREQUENCY_WEEKLY, series_pb2.FREQUENCY_MONTHLY, series_pb2.FREQUENCY_DAILY
SKIP = pb.ON_CONFLICT_SKIP
THIS, FOLLOWING, ALL = pb.SERIES_SCOPE_THIS, pb.SERIES_SCOPE_FOLLOWING, pb.SERIES_SCOPE_ALL
WORDS = series_pb2.OccurrenceResult.Name


def rule(count: int = 0, frequency: Any = WEEKLY, **more: Any) -> series_pb2.RecurrenceRule:
    return series_pb2.RecurrenceRule(frequency=frequency, count=count, **more)


def plan(practice: Practice, kind: Any, provider: Any, repeats: Any, start: str = "09:00", **more: Any) -> Any:
    return series_pb2.Series(
        patient_id=more.pop("patient", "") or practice.patient(),
        appointment_type_id=kind.id,
        location_id=practice.location,
        first_date=str(more.pop("first", practice.monday)),
        local_start=start,
        rule=repeats,
        resource_ids=[provider.id],
        **more,
    )


def create(practice: Practice, series: Any, key: str = "", **more: Any) -> Any:
    return practice.call("CreateSeries", pb.CreateSeriesRequest(series=series, **more), key=key)


def change(practice: Practice, series: Any, scope: Any, **more: Any) -> Any:
    return practice.call("ChangeSeries", pb.ChangeSeriesRequest(id=series.id, scope=scope, **more))


def cancel(practice: Practice, series: Any, scope: Any, **more: Any) -> Any:
    by = appointment_pb2.CANCELLED_BY_PATIENT
    return practice.call("CancelSeries", pb.CancelSeriesRequest(id=series.id, scope=scope, by=by, **more))


def read(practice: Practice, series: Any) -> Any:
    return practice.call("GetSeries", pb.GetSeriesRequest(id=series.id))


def times(practice: Practice, series: Any) -> list[tuple[str, str]]:
    """Return the local dates and times of the appointments of a series that hold their time."""
    found = [appointment(practice, key) for key in read(practice, series).appointment_ids]
    return [(item.local_date, item.local_start) for item in found if item.reservations]


def appointment(practice: Practice, identifier: str) -> Any:
    return practice.call("GetAppointment", appointment_service_pb2.GetAppointmentRequest(id=identifier))


def results(outcome: Any) -> list[str]:
    return [WORDS(item.result).removeprefix("OCCURRENCE_RESULT_").lower() for item in outcome.occurrences]


def deviations(series: Any) -> list[tuple[str, str]]:
    name = series_pb2.SeriesExceptionKind.Name
    return [
        (item.occurrence_date, name(item.kind).removeprefix("SERIES_EXCEPTION_KIND_").lower())
        for item in series.exceptions
    ]


def weeks(practice: Practice, *numbers: int, day: int = 0) -> list[str]:
    return [(practice.monday + timedelta(weeks=number, days=day)).isoformat() for number in numbers]


def role(practice: Practice) -> Any:
    room = appointment_type_pb2.RequiredRole(kind=resource_pb2.RESOURCE_KIND_ROOM)
    return practice.type("Bed", required_roles=[room])


@pytest.fixture
def desk(practice: Practice) -> tuple[Practice, Any, Any]:
    return practice, practice.type(), practice.open_provider()


def test_each_occurrence_is_an_appointment(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    outcome = create(practice, plan(practice, kind, provider, rule(8), reason="Physio"))
    series = outcome.series
    assert results(outcome) == ["booked"] * 8
    assert [item.appointment_id for item in outcome.occurrences] == list(series.appointment_ids)
    assert times(practice, series) == [(day, "09:00") for day in weeks(practice, *range(8))]
    first = appointment(practice, series.appointment_ids[0])
    assert (first.series_id, first.occurrence_date, first.reason) == (series.id, weeks(practice, 0)[0], "Physio")
    assert (series.duration_minutes, series.time_zone, deviations(series)) == (30, "America/Chicago", [])
    [event] = practice.tenant.events(events_pb2.SeriesCreated)
    assert list(event.series.appointment_ids) == list(series.appointment_ids)  # type: ignore[attr-defined]
    assert len(practice.tenant.events(events_pb2.AppointmentBooked)) == 8


def test_a_conflict_refuses_all_with_the_list_or_books_the_rest(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    practice.book(kind, practice.at("09:00", 7), provider)
    practice.book(kind, practice.at("09:15", 21), provider)
    wanted = plan(practice, kind, provider, rule(4))
    with pytest.raises(Refused) as refused:
        create(practice, wanted)
    assert (refused.value.reason, refused.value.metadata["count"]) == ("SERIES_CONFLICTS", "2")
    conflicts = errors_pb2.SeriesConflicts()
    assert refused.value.others[0].Unpack(conflicts)
    assert [(item.occurrence_date, item.reason) for item in conflicts.occurrences] == [
        (day, "SLOT_TAKEN") for day in weeks(practice, 1, 3)
    ]
    assert [slot.local_start for slot in conflicts.occurrences[0].alternatives] == ["09:30", "09:45", "10:00"]
    assert len(practice.tenant.events(events_pb2.AppointmentBooked)) == 2
    outcome = create(practice, wanted, on_conflict=SKIP)
    assert results(outcome) == ["booked", "conflict", "booked", "conflict"]
    assert [len(item.alternatives) for item in outcome.occurrences] == [0, 3, 0, 3]
    assert deviations(outcome.series) == [(day, "skipped") for day in weeks(practice, 1, 3)]
    assert len(practice.tenant.events(events_pb2.AppointmentBooked)) == 4


def test_a_preview_tells_the_same_and_leaves_nothing(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    practice.book(kind, practice.at("09:00", 7), provider)
    wanted = plan(practice, kind, provider, rule(3))
    preview = create(practice, wanted, validate_only=True)
    assert (preview.validate_only, preview.series.id) == (True, "")
    assert results(preview) == ["booked", "conflict", "booked"]
    assert not any(item.appointment_id for item in preview.occurrences)
    assert not practice.tenant.events(events_pb2.SeriesCreated)
    assert len(practice.tenant.events(events_pb2.AppointmentBooked)) == 1
    assert not practice.call("ListSeries", pb.ListSeriesRequest()).series
    hopeless = plan(practice, kind, provider, rule(1), first=preview.occurrences[1].occurrence_date)
    assert results(create(practice, hopeless, validate_only=True)) == ["conflict"], "a preview refuses nothing"
    real = create(practice, wanted, on_conflict=SKIP)
    assert [item.start_time for item in real.occurrences] == [item.start_time for item in preview.occurrences]
    listed = practice.call("ListSeries", pb.ListSeriesRequest(patient_id=wanted.patient_id)).series
    assert [item.id for item in listed] == [real.series.id]


def test_the_same_key_books_a_series_once(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    wanted = plan(practice, kind, provider, rule(3))
    assert create(practice, wanted, key="k") == create(practice, wanted, key="k")
    assert len(practice.tenant.events(events_pb2.AppointmentBooked)) == 3


def test_of_many_parallel_series_for_one_time_one_is_booked(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    patient = practice.patient()

    def attempt(_number: int) -> bool:
        try:
            create(practice, plan(practice, kind, provider, rule(4), patient=patient))
        except Refused as refused:
            if refused.reason != "SERIES_CONFLICTS":
                raise
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(attempt, range(24))) == 1
    assert len(practice.tenant.events(events_pb2.AppointmentBooked)) == 4


def test_one_occurrence_is_moved_and_the_series_says_so(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    series = create(practice, plan(practice, kind, provider, rule(3))).series
    [_, second, _] = weeks(practice, 0, 1, 2)
    outcome = change(practice, series, THIS, occurrence_date=second, local_start="11:00")
    assert results(outcome) == ["changed"]
    assert deviations(outcome.series) == [(second, "moved")]
    practice.book(kind, practice.at("09:00", 14), provider, override_reason="Squeeze in")
    with pytest.raises(Refused, match="SERIES_CONFLICTS"):
        change(practice, series, THIS, occurrence_date=second, first_date=weeks(practice, 2)[0], local_start="09:00")
    longer = practice.type("Long", 60)
    outcome = change(practice, series, THIS, occurrence_date=weeks(practice, 0)[0], appointment_type_id=longer.id)
    assert deviations(outcome.series) == [(weeks(practice, 0)[0], "changed"), (second, "moved")]
    changed = appointment(practice, series.appointment_ids[0])
    assert (changed.appointment_type_name, changed.duration_minutes) == ("Long", 60)


def test_following_occurrences_split_the_series_and_keep_what_deviates(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    other = practice.open_provider("Dr Roe")
    series = create(practice, plan(practice, kind, provider, rule(5))).series
    days = weeks(practice, *range(5))
    cancel(practice, series, THIS, occurrence_date=days[3])
    outcome = change(practice, series, FOLLOWING, occurrence_date=days[2], local_start="10:30", resource_ids=[other.id])
    assert results(outcome) == ["changed", "changed"]
    assert (outcome.series.previous_series_id, outcome.series.first_date) == (series.id, days[2])
    assert times(practice, outcome.series) == [(days[2], "10:30"), (days[4], "10:30")]
    assert deviations(outcome.series) == [(days[3], "skipped")]
    assert times(practice, series) == [(day, "09:00") for day in days[:2]]
    assert deviations(read(practice, series)) == []
    assert appointment(practice, series.appointment_ids[2]).resource_ids == [other.id]


def test_all_occurrences_go_to_another_weekday_also_over_each_other(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    series = create(practice, plan(practice, kind, provider, rule(4))).series
    for day in (2, 9, 1):
        first = practice.monday + timedelta(days=day)
        outcome = change(practice, series, ALL, first_date=first.isoformat())
        assert results(outcome) == ["changed"] * 4
        expected = [(str(first + timedelta(weeks=number)), "09:00") for number in range(4)]
        assert times(practice, series) == expected
        assert (outcome.series.id, deviations(outcome.series)) == (series.id, [])


def test_a_daily_series_moves_onto_its_own_times(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    series = create(practice, plan(practice, kind, provider, rule(4, DAILY))).series
    outcome = change(practice, series, ALL, first_date=str(practice.monday + timedelta(days=1)))
    assert results(outcome) == ["changed"] * 4
    assert [day for day, _ in times(practice, series)] == [
        str(practice.monday + timedelta(days=number)) for number in range(1, 5)
    ]


def test_a_new_rule_moves_cancels_and_books(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    series = create(practice, plan(practice, kind, provider, rule(4))).series
    preview = change(practice, series, ALL, rule=rule(2, interval=2), validate_only=True)
    assert sorted(results(preview)) == ["cancelled", "cancelled", "changed", "kept"]
    assert len(times(practice, series)) == 4
    change(practice, series, ALL, rule=rule(2, interval=2))
    assert times(practice, series) == [(day, "09:00") for day in weeks(practice, 0, 2)]
    outcome = change(practice, series, ALL, rule=rule(3, interval=2))
    assert results(outcome) == ["kept", "kept", "booked"]
    assert times(practice, series) == [(day, "09:00") for day in weeks(practice, 0, 2, 4)]


def test_a_confirmed_occurrence_stays_confirmed_when_nothing_changes_for_it(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    series = create(practice, plan(practice, kind, provider, rule(2))).series
    confirm = appointment_service_pb2.ConfirmAppointmentRequest(id=series.appointment_ids[0])
    practice.call("ConfirmAppointment", confirm)
    change(practice, series, ALL, rule=rule(3))
    states = [appointment(practice, key).state for key in read(practice, series).appointment_ids]
    booked, confirmed = appointment_pb2.APPOINTMENT_STATE_BOOKED, appointment_pb2.APPOINTMENT_STATE_CONFIRMED
    assert states == [confirmed, booked, booked]


def test_what_cannot_be_moved_stays_and_is_listed(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    series = create(practice, plan(practice, kind, provider, rule(3))).series
    practice.book(kind, practice.at("14:00", 7), provider)
    with pytest.raises(Refused, match="SERIES_CONFLICTS"):
        change(practice, series, ALL, local_start="14:00")
    assert {start for _, start in times(practice, series)} == {"09:00"}
    outcome = change(practice, series, ALL, local_start="14:00", on_conflict=SKIP)
    assert results(outcome) == ["changed", "conflict", "changed"]
    assert [start for _, start in times(practice, series)] == ["14:00", "09:00", "14:00"]
    assert deviations(outcome.series) == [(weeks(practice, 1)[0], "moved")]


def test_cancelling_from_a_date_on_frees_the_time(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    series = create(practice, plan(practice, kind, provider, rule(4))).series
    days = weeks(practice, *range(4))
    outcome = cancel(practice, series, FOLLOWING, occurrence_date=days[2], reason="Well again")
    assert results(outcome) == ["cancelled"] * 2
    assert outcome.series.state == series_pb2.SERIES_STATE_CANCELLED
    assert times(practice, series) == [(day, "09:00") for day in days[:2]]
    practice.book(kind, practice.at("09:00", 14), provider)
    cancelled = practice.tenant.events(events_pb2.AppointmentCancelled)
    assert [event.appointment.series_id for event in cancelled] == [series.id] * 2  # type: ignore[attr-defined]
    cancel(practice, series, ALL)
    assert not times(practice, series)
    with pytest.raises(Refused, match="NOTHING_TO_COME"):
        cancel(practice, series, ALL)


def test_what_was_cancelled_or_has_arrived_is_not_touched(practice: Practice) -> None:
    today = practice.now().astimezone(ZONE)
    kind, provider = practice.type(), practice.resource("Bed", resource_pb2.RESOURCE_KIND_ROOM)
    start = f"{today:%H}:{today.minute // 5 * 5:02}"
    wanted = plan(practice, role(practice), provider, rule(4), first=today.date(), start=start)
    series = create(practice, wanted).series
    assert kind.id != wanted.appointment_type_id
    arrive = appointment_service_pb2.ArriveAppointmentRequest(id=series.appointment_ids[0])
    practice.call("ArriveAppointment", arrive)
    second = str(today.date() + timedelta(weeks=1))
    cancel(practice, series, THIS, occurrence_date=second)
    outcome = change(practice, series, ALL, duration_minutes=20)
    assert results(outcome) == ["changed", "changed"]
    assert [appointment(practice, key).duration_minutes for key in series.appointment_ids] == [30, 30, 20, 20]
    assert outcome.series.previous_series_id == series.id
    assert deviations(read(practice, series)) == [(second, "cancelled")]


@pytest.mark.parametrize(
    ("repeats", "field", "reason"),
    [
        (rule(), "series.rule.count", "RULE_NEEDS_END"),
        (rule(3, until_date="2030-01-01"), "series.rule.count", "RULE_NEEDS_END"),
        (rule(3, month_day=4), "series.rule.month_day", "RULE_FOR_MONTHS"),
        (rule(3, MONTHLY, month_day=4, week_of_month=2), "series.rule.month_day", "RULE_FOR_MONTHS"),
        (rule(0, DAILY, until_date="2029-01-01"), "series.rule", "TOO_MANY_DATES"),
        (rule(0, until_date="2026-01-01"), "series.rule", "NO_DATES"),
        (rule(0, until_date="2026-02-30"), "series.rule.until_date", "NOT_A_DATE"),
        (rule(105), "series.rule.count", "INT32_GTE_LTE"),
        (rule(3, 9), "series.rule.frequency", "ENUM_DEFINED_ONLY"),
    ],
)
def test_a_wrong_rule_is_named(desk: tuple[Practice, Any, Any], repeats: Any, field: str, reason: str) -> None:
    practice, kind, provider = desk
    with pytest.raises(Refused) as refused:
        create(practice, plan(practice, kind, provider, repeats))
    assert [item[0] for item in refused.value.violations] == [field], refused.value
    assert reason in refused.value.violations[0][1]
    assert not refused.value.violations[0][2].startswith(reason)


def test_wrong_calls_are_named(desk: tuple[Practice, Any, Any]) -> None:
    practice, kind, provider = desk
    with pytest.raises(Refused, match="SERIES_IN_PAST"):
        create(practice, plan(practice, kind, provider, rule(2), first="2026-01-05"))
    for day in ("0001-01-01", "9999-12-31"):
        with pytest.raises(Refused, match="DATE_OUT_OF_REACH"):
            create(practice, plan(practice, kind, provider, rule(2), first=day))
    series = create(practice, plan(practice, kind, provider, rule(2))).series
    day = weeks(practice, 0)[0]
    for scope, options, reason in (
        (THIS, {"local_start": "10:00"}, "DATE_NEEDED"),
        (ALL, {"local_start": "10:00", "occurrence_date": day}, "DATE_NOT_WANTED"),
        (ALL, {}, "NOTHING_TO_CHANGE"),
        (THIS, {"rule": rule(2), "occurrence_date": day}, "NOT_FOR_ONE"),
        (THIS, {"local_start": "10:00", "occurrence_date": "2026-01-01"}, "NOTHING_TO_COME"),
        (ALL, {"local_start": "10:00", "etag": '"99"'}, "ETAG_MISMATCH"),
        (ALL, {"first_date": "9999-12-31"}, "DATE_OUT_OF_REACH"),
        (THIS, {"first_date": "9999-12-31", "occurrence_date": day}, "DATE_OUT_OF_REACH"),
        (FOLLOWING, {"local_start": "10:00", "occurrence_date": "0001-01-01"}, "DATE_OUT_OF_REACH"),
        (ALL, {"local_start": "24:00"}, "STRING_PATTERN"),
    ):
        with pytest.raises(Refused, match=reason):
            change(practice, series, scope, **options)
    with pytest.raises(Refused, match="NOT_FOUND"):
        read(practice, series_pb2.Series(id=practice.location))


def test_a_time_that_the_clock_skips_is_a_conflict_of_its_date(practice: Practice) -> None:
    sundays = (date(practice.monday.year + 1, 3, 8) + timedelta(days=number) for number in range(7))
    spring = next(day for day in sundays if day.isoweekday() == 7)
    bed = practice.resource("Bed", resource_pb2.RESOURCE_KIND_ROOM)
    wanted = plan(practice, role(practice), bed, rule(3), start="02:30", first=spring - timedelta(days=7))
    outcome = create(practice, wanted, on_conflict=SKIP)
    assert [(item.reason, item.local_start) for item in outcome.occurrences] == [
        ("", "02:30"), ("LOCAL_TIME_SKIPPED", ""), ("", "02:30"),
    ]  # fmt: skip
    assert "02:30" in outcome.occurrences[1].text
    assert deviations(outcome.series) == [(str(spring), "skipped")]

"""Calendars: the first rule that fits gives the color, every text can be read, and one answer has it all."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scheduling.conftest import Practice, block

from praxis.patients.v1 import events_pb2 as patients_events
from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import (
    appointment_pb2,
    appointment_service_pb2,
    calendar_pb2,
    closure_service_pb2,
    resource_pb2,
    template_pb2,
)
from praxis.scheduling.v1 import calendar_service_pb2 as pb
from praxis_chassis.mapping import instant
from praxis_chassis.testing import Refused
from praxis_scheduling.rules import colors, contrast
from praxis_scheduling.rules.colors import Rule
from praxis_scheduling.store.views import CalendarView

COLORS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
NAMES, VALUES = ("states", "tags", "types"), st.frozensets(st.integers(0, 3), max_size=3)
FACTS = st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES))
CONDITIONS = st.dictionaries(st.sampled_from(NAMES), st.frozensets(st.integers(0, 3), min_size=1, max_size=3))
SOURCES = st.fixed_dictionaries({"type": st.just("") | COLORS, "block": st.just("") | COLORS})
RULES = st.lists(
    st.builds(Rule, name=st.text(max_size=3), conditions=CONDITIONS, color=COLORS)
    | st.builds(Rule, name=st.text(max_size=3), conditions=CONDITIONS, source=st.sampled_from(["type", "block"])),
    max_size=8,
)


def plainly(rules: list[Rule], facts: Any, sources: Any) -> tuple[str, int]:
    """Read the promise word for word."""
    for place, rule in enumerate(rules):
        true = True
        for name, wanted in rule.conditions.items():
            if not any(value in facts[name] for value in wanted):
                true = False
        color = sources[rule.source] if rule.source else rule.color
        if true and color != "":
            return color, place + 1
    return colors.NO_RULE_COLOR, 0


@given(RULES, FACTS, SOURCES)
def test_the_first_rule_that_fits_decides(rules: list[Rule], facts: Any, sources: Any) -> None:
    verdict = colors.decide(rules, facts, sources)
    assert (verdict.color, verdict.position) == plainly(rules, facts, sources)
    assert verdict.rule is (rules[verdict.position - 1] if verdict.position else None)
    # What stands behind the winner changes nothing; without the winner the next one that fits decides.
    assert colors.decide(rules[: verdict.position] if verdict.position else rules, facts, sources) == verdict
    if verdict.position:
        rest = [*rules[: verdict.position - 1], *rules[verdict.position :]]
        later = colors.decide(rest, facts, sources)
        assert later.position == 0 or later.position >= verdict.position
        moved = [verdict.rule, *rest]
        assert colors.decide(moved, facts, sources).position == 1  # type: ignore[arg-type] # the winner is there


@given(COLORS)
def test_on_every_color_a_text_can_be_read(color: str) -> None:
    assert contrast.ratio(color, contrast.ink_for(color)) >= contrast.LEAST


def test_contrast_is_that_of_the_standard() -> None:
    for one, other, expected in (
        ("#000000", "#ffffff", "21.00"), ("#777777", "#ffffff", "4.47"), ("#767676", "#ffffff", "4.54"),
        ("#ff0000", "#ffffff", "3.99"), ("#1971c2", "#1971c2", "1.00"),
    ):  # fmt: skip
        assert contrast.shown(contrast.ratio(one, other)) == expected
        assert contrast.ratio(one, other) == contrast.ratio(other, one)


def scheme(practice: Practice, *rules: Any) -> Any:
    wanted = calendar_pb2.ColorScheme(name="Mine", rules=rules)
    return practice.call("CreateColorScheme", pb.CreateColorSchemeRequest(color_scheme=wanted))


def shown(practice: Practice, day: Any = None, **filters: Any) -> Any:
    request = pb.GetCalendarRequest(from_date=str(day or practice.monday), **filters)
    return practice.call("GetCalendar", request)


def tagged(practice: Practice, name: str, *tags: str) -> str:
    patient = practice.patient(name)
    human = patient_pb2.Patient(id=patient, display_name=name, human=patient_pb2.HumanProfile(), tags=tags)
    practice.tenant.receive(patients_events.PatientUpdated(patient=human), patient)
    return patient


def test_a_day_has_columns_blocks_closures_lanes_and_colors(practice: Practice) -> None:
    lee, kind = practice.resource("Dr Lee", color="#2266aa"), practice.type(color="#ddeeff", minutes=30)
    practice.template(
        lee.id,
        [block(1, "08:00", "12:00", color="#aabbcc"), block(1, "10:00", "11:00", template_pb2.BLOCK_KIND_BREAK)],
    )
    closed = template_pb2.Closure(
        location_id=practice.location, reason="Fire drill",
        start_time=instant(practice.at("11:30")), end_time=instant(practice.at("13:00")),
    )  # fmt: skip
    practice.call("CreateClosure", closure_service_pb2.CreateClosureRequest(closure=closed))
    first = practice.book(kind, practice.at("09:00"), lee, patient=tagged(practice, "Vip Person", "vip"))
    practice.book(kind, practice.at("09:00"), lee, override_reason="Squeezed in")
    gone = practice.book(kind, practice.at("08:00"), lee)
    practice.call("CancelAppointment", appointment_service_pb2.CancelAppointmentRequest(
        id=gone.id, by=appointment_pb2.CANCELLED_BY_PATIENT
    ))  # fmt: skip
    found = shown(practice)
    [column] = found.columns
    assert (column.name, column.time_zone, column.color) == ("Dr Lee", "America/Chicago", "#2266aa")
    [day] = column.days
    assert {(item.kind, item.color) for item in day.blocks} == {
        (template_pb2.BLOCK_KIND_OPEN, "#aabbcc"), (template_pb2.BLOCK_KIND_BREAK, ""),
    }  # fmt: skip
    assert [item.reason for item in day.closures] == ["Fire drill"]
    assert (day.open_minutes, day.free_minutes, day.appointment_count) == (150, 120, 2)
    assert [item.local_start for item in found.appointments] == ["09:00", "09:00"]
    lanes = {item.patient_name: [place.lane for place in item.places] for item in found.appointments}
    assert lanes == {"Vip Person": [0], "Ada Lovelace": [1000]}
    vip = next(item for item in found.appointments if item.id == first.id)
    assert (list(vip.tags), vip.new_patient, vip.etag) == (["vip"], True, first.etag)
    assert (vip.color.color, vip.color.rule_name) == ("#ddeeff", "Kind of appointment")
    assert [(item.state, item.count) for item in found.counts] == [(appointment_pb2.APPOINTMENT_STATE_BOOKED, 2)]
    everything = shown(practice, include_cancelled=True)
    assert [item.color.rule_name for item in everything.appointments][:1] == ["Over"]
    assert not shown(practice, practice.monday.replace(year=practice.monday.year + 1)).appointments


def test_the_order_of_the_rules_is_the_practice_s(practice: Practice) -> None:
    provider, kind = practice.open_provider(color="#2266aa"), practice.type(color="#ddeeff")
    booked = practice.book(kind, practice.at("09:00"), provider, patient=tagged(practice, "Vip", "vip"))
    practice.call("ConfirmAppointment", appointment_service_pb2.ConfirmAppointmentRequest(id=booked.id))
    status = calendar_pb2.ColorRule(
        name="Confirmed", states=[appointment_pb2.APPOINTMENT_STATE_CONFIRMED], color="#d8f2e0"
    )
    tag = calendar_pb2.ColorRule(name="Important", tags=["vip", "board"], color="#000000", icon="star", label="VIP")
    by_provider = calendar_pb2.ColorRule(name="Provider", source=calendar_pb2.COLOR_SOURCE_RESOURCE)
    never = calendar_pb2.ColorRule(name="Never", overridden=True, color="#ff0000")

    def verdict(*rules: Any) -> tuple[str, int, str]:
        [item] = shown(practice, color_scheme_id=scheme(practice, *rules).id).appointments
        return item.color.rule_name, item.color.rule_position, item.color.color

    assert verdict(never, status, tag) == ("Confirmed", 2, "#d8f2e0")
    assert verdict(tag, status) == ("Important", 1, "#000000")
    assert verdict(never, by_provider) == ("Provider", 2, "#2266aa")
    assert verdict(never) == ("", 0, colors.NO_RULE_COLOR)
    new = calendar_pb2.ColorRule(name="New", new_patient=True, color="#e8e0fb")
    old = calendar_pb2.ColorRule(name="Known", new_patient=False, color="#ffffff")
    assert verdict(old, new)[0] == "New"
    past = practice.book(kind, practice.now(), provider, patient=booked.patient_id, override_reason="Comes at once")
    practice.call("ArriveAppointment", appointment_service_pb2.ArriveAppointmentRequest(id=past.id))
    assert verdict(old, new)[0] == "Known"
    [item] = shown(practice, color_scheme_id=scheme(practice, tag).id).appointments
    assert (item.color.text_color, item.color.icon, item.color.label) == ("#ffffff", "star", "VIP")
    practice.tenant.receive(patients_events.PatientErased(patient_id=booked.patient_id), booked.patient_id)
    assert verdict(tag, status)[0] == "Confirmed"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"color": "#ffffff", "text_color": "#eeeeee"}, "CONTRAST_TOO_LOW"),
        ({}, "COLOR_OR_SOURCE"),
        ({"color": "#ffffff", "source": calendar_pb2.COLOR_SOURCE_BLOCK}, "COLOR_OR_SOURCE"),
        ({"source": calendar_pb2.COLOR_SOURCE_BLOCK, "text_color": "#000000"}, "TEXT_COLOR_NEEDS_COLOR"),
    ],
)
def test_a_rule_that_leaves_nothing_readable_is_refused(practice: Practice, rule: Any, reason: str) -> None:
    good = calendar_pb2.ColorRule(name="Good", color="#ffffff", text_color="#000000")
    with pytest.raises(Refused) as refused:
        scheme(practice, good, calendar_pb2.ColorRule(name="Bad", **rule))
    [(path, _, text)] = refused.value.violations
    assert path.startswith("color_scheme.rules[1].")
    assert reason in {found for _, found, _ in refused.value.violations} or reason in text
    assert scheme(practice, good).etag == '"1"'


def test_contrast_is_told_before_anything_is_saved(practice: Practice) -> None:
    bad = practice.call("CheckContrast", pb.CheckContrastRequest(color="#ffffff", text_color="#eeeeee"))
    assert (bad.readable, bad.contrast_ratio, bad.suggested_text_color) == (False, "1.16", "#1b2733")
    assert practice.call("CheckContrast", pb.CheckContrastRequest(color="#000000")).contrast_ratio == "21.00"
    with pytest.raises(Refused, match="INVALID_REQUEST"):
        practice.call("CheckContrast", pb.CheckContrastRequest(color="white"))


def test_views_are_seen_by_their_owner_until_they_are_shared(practice: Practice) -> None:
    lee, room = practice.open_provider("Dr Lee"), practice.resource("Room", resource_pb2.RESOURCE_KIND_ROOM)
    wanted = calendar_pb2.CalendarView(
        name="Mine", resource_ids=[room.id, lee.id], weekdays=[template_pb2.WEEKDAY_MONDAY], owner="user:somebody"
    )
    view = practice.call("CreateCalendarView", pb.CreateCalendarViewRequest(calendar_view=wanted))
    assert view.owner != "user:somebody"
    week = shown(practice, view_id=view.id, days=7)
    assert [column.name for column in week.columns] == ["Room", "Dr Lee"]
    assert [len(column.days) for column in week.columns] == [1, 1]
    assert [column.name for column in shown(practice, view_id=view.id, resource_ids=[lee.id]).columns] == ["Dr Lee"]
    listed = practice.call("ListCalendarViews", pb.ListCalendarViewsRequest()).calendar_views
    assert [item.id for item in listed] == [view.id]
    wrong = calendar_pb2.CalendarView(name="Wrong", local_start="10:00", local_end="09:00")
    with pytest.raises(Refused, match="ENDS_BEFORE_START"):
        practice.call("CreateCalendarView", pb.CreateCalendarViewRequest(calendar_view=wrong))
    foreign = calendar_pb2.CalendarView(name="Wrong", resource_ids=[str(uuid4())])
    with pytest.raises(Refused, match="NOT_FOUND"):
        practice.call("CreateCalendarView", pb.CreateCalendarViewRequest(calendar_view=foreign))
    with practice.tenant.session() as session:
        session.query(CalendarView).update({"owner": "user:colleague"})
    with pytest.raises(Refused, match="NOT_FOUND"):
        shown(practice, view_id=view.id)
    assert not practice.call("ListCalendarViews", pb.ListCalendarViewsRequest()).calendar_views
    with practice.tenant.session() as session:
        session.query(CalendarView).update({"shared": True})
    assert shown(practice, view_id=view.id).columns
    request = pb.UpdateCalendarViewRequest(calendar_view=calendar_pb2.CalendarView(id=view.id, name="Taken"))
    request.update_mask.paths.append("name")
    with pytest.raises(Refused, match="NOT_FOUND"):
        practice.call("UpdateCalendarView", request)


@pytest.mark.parametrize(
    "bad", [{"from_date": ""}, {"from_date": "2026-02-30"}, {"from_date": "2026-03-02", "days": 43}]
)
def test_days_out_of_all_reason_are_refused(practice: Practice, bad: Any) -> None:
    with pytest.raises(Refused, match="INVALID_REQUEST"):
        practice.call("GetCalendar", pb.GetCalendarRequest(**bad))


@pytest.mark.parametrize("day", ["0001-01-01", "1989-12-31", "2100-01-01", "9999-12-31"])
def test_days_beyond_all_calendars_are_named_as_such(practice: Practice, day: str) -> None:
    with pytest.raises(Refused) as refused:
        practice.call("GetCalendar", pb.GetCalendarRequest(from_date=day, days=42))
    field, reason, text = refused.value.violations[0]
    assert (field, reason) == ("from_date", "DATE_OUT_OF_REACH")
    assert "1990 to 2099" in text
    for edge in ("1990-01-01", "2099-12-31"):
        practice.call("GetCalendar", pb.GetCalendarRequest(from_date=edge, days=42))


def test_a_day_of_a_clock_change_has_its_own_length(practice: Practice) -> None:
    provider = practice.resource("Dr Night")
    practice.template(provider.id, [block(7, "00:00", "24:00")])
    for day, minutes in (("2026-03-08", 23 * 60), ("2026-03-15", 24 * 60), ("2026-11-01", 25 * 60)):
        [found] = shown(practice, day).columns[0].days
        assert (found.open_minutes, found.free_minutes) == (minutes, minutes)


def test_another_practice_sees_no_calendar(practice: Practice) -> None:
    practice.book(practice.type(), practice.at("09:00"), practice.open_provider())
    assert shown(practice).appointments
    stranger = practice.tenant.under_test.tenant()
    assert not stranger.call("GetCalendar", pb.GetCalendarRequest(from_date=str(practice.monday))).columns

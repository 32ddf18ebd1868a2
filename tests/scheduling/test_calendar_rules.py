"""Skills and parts of roles, who may book what and when, reserved blocks, and dates that differ from the week."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.scheduling.conftest import Practice, block

from praxis.patients.v1 import events_pb2 as patients_events
from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2, resource_pb2, template_pb2
from praxis.scheduling.v1 import appointment_service_pb2 as pb
from praxis.scheduling.v1 import template_exception_service_pb2 as exceptions
from praxis.type.v1 import type_pb2
from praxis_chassis.mapping import instant, moment
from praxis_chassis.testing import Refused

PROVIDER, ROOM = resource_pb2.RESOURCE_KIND_PROVIDER, resource_pb2.RESOURCE_KIND_ROOM
EQUIPMENT, STAFF = resource_pb2.RESOURCE_KIND_EQUIPMENT, resource_pb2.RESOURCE_KIND_STAFF
BOOKING, PARTNER = appointment_type_pb2.CHANNEL_BOOKING, appointment_type_pb2.CHANNEL_PARTNER
RESERVED = template_pb2.BLOCK_KIND_RESERVED


def role(kind: Any, **more: Any) -> Any:
    return appointment_type_pb2.RequiredRole(kind=kind, **more)


def tagged(practice: Practice, *tags: str) -> str:
    key = str(uuid4())
    patient = patient_pb2.Patient(
        id=key, display_name="Ida", tags=tags,
        human=patient_pb2.HumanProfile(name=type_pb2.PersonName(family="Ida")),
    )  # fmt: skip
    practice.tenant.receive(patients_events.PatientRegistered(patient=patient), key)
    return key


def animal(practice: Practice, species: str) -> str:
    key = str(uuid4())
    profile = patient_pb2.AnimalProfile(name="Rex", species_code=species)
    patient = patient_pb2.Patient(id=key, display_name="Rex", animal=profile)
    practice.tenant.receive(patients_events.PatientRegistered(patient=patient), key)
    return key


def taken(booked: Any) -> dict[str, tuple[int, int]]:
    """Return for each resource the minutes after the start from and to which it is taken."""
    start = moment(booked.start_time)
    return {
        item.resource_name: (
            (moment(item.start_time) - start) // timedelta(minutes=1),
            (moment(item.end_time) - start) // timedelta(minutes=1),
        )
        for item in booked.reservations
    }


def test_a_cardiologist_an_echo_room_and_a_machine_with_buffers(practice: Practice) -> None:
    """Scenario A 4: the skill decides who comes in question, and each takes its part of the time."""
    practice.open_provider("Dr Adams")
    heart = practice.open_provider("Dr Heart", skills=["cardiology"])
    nurse = practice.open_provider("Nurse Kim", kind=STAFF)
    practice.resource("Room 1", ROOM)
    practice.resource("Room Echo", ROOM, skills=["echo"])
    practice.resource("Machine", EQUIPMENT)
    kind = practice.type("Echo", 40, buffer_after_minutes=10, required_roles=[
        role(PROVIDER, skill="cardiology"), role(ROOM, skill="echo"),
        role(EQUIPMENT, offset_minutes=10, length_minutes=20), role(STAFF, length_minutes=10),
    ])  # fmt: skip
    [slot] = practice.slots(kind, practice.at("09:00"), practice.at("09:00"))
    assert (slot.resource_name, len(slot.resource_ids)) == ("Dr Heart", 4)
    booked = practice.book(kind, practice.at("09:00"))
    assert taken(booked) == {"Dr Heart": (0, 50), "Room Echo": (0, 50), "Machine": (10, 30), "Nurse Kim": (0, 10)}
    check = practice.type("Short", 30, required_roles=[role(STAFF)])
    practice.book(check, practice.at("09:10"), nurse)
    with pytest.raises(Refused, match="SLOT_TAKEN") as refused:
        practice.book(check, practice.at("09:00"), nurse)
    assert refused.value.reason == "SLOT_TAKEN"
    assert not practice.slots(kind, practice.at("09:00"), practice.at("09:45"), resource_ids=[heart.id])


def test_two_roles_of_one_kind_are_taken_by_two_people(practice: Practice) -> None:
    both = practice.open_provider("Dr Both", skills=["surgery", "anesthesia"])
    kind = practice.type(
        "Surgery", 60, required_roles=[role(PROVIDER, skill="surgery"), role(PROVIDER, skill="anesthesia")]
    )
    with pytest.raises(Refused, match="ROLE_UNFILLED"):
        practice.book(kind, practice.at("09:00"))
    assert practice.slots(kind, practice.at("09:00"), practice.at("10:00")) == []
    practice.open_provider("Dr Cut", skills=["surgery"])
    booked = practice.book(kind, practice.at("09:00"), both)
    assert {item.resource_name for item in booked.reservations} == {"Dr Both", "Dr Cut"}


def test_a_missing_skill_is_a_rule_that_the_desk_may_set_aside(practice: Practice) -> None:
    provider = practice.open_provider("Dr Plain")
    practice.open_provider("Dr Heart", skills=["cardiology"])
    kind = practice.type("Heart", required_roles=[role(PROVIDER, skill="cardiology")])
    with pytest.raises(Refused, match="SKILL_MISSING"):
        practice.book(kind, practice.at("09:00"), provider)
    booked = practice.book(kind, practice.at("09:00"), provider, override_reason="She knows how")
    assert list(booked.overridden_rules) == [appointment_pb2.BOOKING_RULE_SKILL_MISSING]


def test_notice_and_horizon_bind_patients_and_partners_but_not_the_desk(practice: Practice) -> None:
    provider = practice.open_provider()
    kind = practice.type(
        minimum_notice_minutes=60 * 24 * 20, horizon_days=26, channels=[BOOKING, PARTNER]
    )  # the Monday is two to three weeks ahead
    for channel in (BOOKING, PARTNER):
        with pytest.raises(Refused) as refused:
            practice.book(kind, practice.at("09:00", -4), provider, channel=channel)
        assert refused.value.reason == "TOO_SOON"
        with pytest.raises(Refused) as refused:
            practice.book(kind, practice.at("09:00", 14), provider, channel=channel)
        assert refused.value.reason == "BEYOND_HORIZON"
    found = practice.slots(kind, practice.at("00:00", -7), practice.at("23:00", 30), channel=BOOKING, limit=500)
    days = {date.fromisoformat(slot.local_date) - practice.monday for slot in found}
    assert found
    assert max(days) <= timedelta(days=13)
    practice.book(kind, practice.at("09:00", -4), provider)
    practice.book(kind, practice.at("09:00", 14), provider)


def test_species_and_acquaintance_decide_who_may_book(practice: Practice) -> None:
    provider = practice.open_provider()
    cats = practice.type("Cats", species_codes=["cat"])
    practice.book(cats, practice.at("09:00"), provider, patient=animal(practice, "cat"))
    with pytest.raises(Refused, match="TYPE_NOT_FOR_PATIENT"):
        practice.book(cats, practice.at("10:00"), provider, patient=animal(practice, "dog"))
    first = practice.type("First", new_patient_rule=appointment_type_pb2.NEW_PATIENT_RULE_NEW_ONLY)
    later = practice.type("Later", new_patient_rule=appointment_type_pb2.NEW_PATIENT_RULE_KNOWN_ONLY)
    patient = practice.patient()
    with pytest.raises(Refused, match="KNOWN_PATIENTS_ONLY"):
        practice.book(later, practice.at("11:00"), provider, patient=patient, channel=BOOKING)
    today = practice.book(later, practice.now(), provider, patient=patient, override_reason="Sits here already")
    practice.call("ArriveAppointment", pb.ArriveAppointmentRequest(id=today.id))
    practice.book(later, practice.at("11:00"), provider, patient=patient, channel=BOOKING)
    with pytest.raises(Refused, match="NEW_PATIENTS_ONLY"):
        practice.book(first, practice.at("12:00"), provider, patient=patient, channel=BOOKING)


def test_reserved_blocks_are_for_their_patients_until_they_are_released(practice: Practice) -> None:
    provider, kind = practice.resource("Dr Lee"), practice.type()
    practice.template(provider.id, [
        block(1, "09:00", "10:00", RESERVED, reserved_tags=["vip"]),
        block(1, "10:00", "11:00", RESERVED, reserved_tags=["vip"], release_hours=24 * 60),
    ])  # fmt: skip
    window = practice.at("00:00"), practice.at("23:00")
    other, ida = practice.patient(), tagged(practice, "vip")
    with pytest.raises(Refused, match="BLOCK_RESERVED"):
        practice.book(kind, practice.at("09:00"), provider, patient=other, channel=BOOKING)
    assert [slot.local_start for slot in practice.slots(kind, *window, step_minutes=30)] == ["10:00", "10:30"]
    found = practice.slots(kind, *window, step_minutes=30, patient_id=ida)
    assert [slot.local_start for slot in found] == ["09:00", "09:30", "10:00", "10:30"]
    practice.book(kind, practice.at("09:00"), provider, patient=ida, channel=BOOKING)
    practice.book(kind, practice.at("10:00"), provider, patient=other, channel=BOOKING)
    booked = practice.book(kind, practice.at("09:30"), provider, patient=other, override_reason="Fever")
    assert list(booked.overridden_rules) == [appointment_pb2.BOOKING_RULE_BLOCK_RESERVED]


def exception(practice: Practice, resource: Any, day: int, *blocks: Any, **more: Any) -> Any:
    local_date = (practice.monday + timedelta(days=day)).isoformat()
    made = template_pb2.TemplateException(resource_id=resource.id, local_date=local_date, blocks=blocks, **more)
    request = exceptions.CreateTemplateExceptionRequest(template_exception=made)
    return practice.call("CreateTemplateException", request)


def test_a_date_may_differ_from_the_week(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    late = exception(practice, provider, 0, block(0, "18:00", "19:00"))
    off = exception(practice, provider, 1)
    starts = [
        (slot.local_date, slot.local_start)
        for slot in practice.slots(kind, practice.at("00:00"), practice.at("08:30", 2), step_minutes=30)
    ]
    assert starts == [(late.local_date, "18:00"), (late.local_date, "18:30"),
                      ((practice.monday + timedelta(days=2)).isoformat(), "08:00"),
                      ((practice.monday + timedelta(days=2)).isoformat(), "08:30")]  # fmt: skip
    with pytest.raises(Refused, match="OUTSIDE_HOURS"):
        practice.book(kind, practice.at("09:00"), provider)
    with pytest.raises(Refused, match="EXCEPTION_TWICE"):
        exception(practice, provider, 1)
    off.active = False
    request = exceptions.UpdateTemplateExceptionRequest(template_exception=off)
    request.update_mask.paths.append("active")
    practice.call("UpdateTemplateException", request)
    practice.book(kind, practice.at("09:00", 1), provider)
    listed = practice.call("ListTemplateExceptions", exceptions.ListTemplateExceptionsRequest(resource_id=provider.id))
    assert [item.id for item in listed.template_exceptions] == [late.id]
    with pytest.raises(Refused) as refused:
        exception(practice, provider, 3, block(4, "18:00", "17:00"))
    assert [item[1] for item in refused.value.violations] == ["WEEKDAY_OF_DATE", "ENDS_BEFORE_START"]


def test_a_room_with_an_exception_is_open_on_all_other_days(practice: Practice) -> None:
    room, kind = practice.resource("Room", ROOM), practice.type(required_roles=[role(ROOM)])
    exception(practice, room, 0, block(0, "10:00", "10:30"))
    with pytest.raises(Refused, match="OUTSIDE_HOURS"):
        practice.book(kind, practice.at("09:00"), room)
    practice.book(kind, practice.at("10:00"), room)
    practice.book(kind, practice.at("09:00", 1), room)


def test_preferences_narrow_the_search(practice: Practice) -> None:
    practice.open_provider("Dr A", languages=["en", "es"], sex=resource_pb2.RESOURCE_SEX_FEMALE)
    second = practice.open_provider("Dr B", languages=["en"], sex=resource_pb2.RESOURCE_SEX_MALE)
    kind, patient, week = practice.type(), practice.patient(), (practice.at("00:00"), practice.at("23:00", 6))

    def names(**more: Any) -> set[str]:
        return {slot.resource_name for slot in practice.slots(kind, *week, patient_id=patient, **more)}

    assert names() == {"Dr A", "Dr B"}
    assert names(languages=["es", "fr"]) == {"Dr A"}
    assert names(sex=resource_pb2.RESOURCE_SEX_MALE) == {"Dr B"}
    assert names(same_practitioner=True) == {"Dr A", "Dr B"}
    practice.book(kind, practice.at("09:00", 1), second, patient=patient)
    assert names(same_practitioner=True) == {"Dr B"}
    found = practice.slots(
        kind, *week, weekdays=[template_pb2.WEEKDAY_TUESDAY, template_pb2.WEEKDAY_SATURDAY],
        local_from="13:00", local_until="14:00", step_minutes=30,
    )  # fmt: skip
    assert {(slot.local_date, slot.local_start) for slot in found} == {
        ((practice.monday + timedelta(days=1)).isoformat(), start) for start in ("13:00", "13:30")
    }
    for more, field in (
        ({"local_from": "14:00", "local_until": "13:00"}, "local_until"),
        ({"same_practitioner": True}, "patient_id"),
    ):
        with pytest.raises(Refused) as refused:
            practice.slots(kind, *week, **more)
        assert refused.value.violations[0][0] == field


def test_a_deposit_is_due_until_it_is_released(practice: Practice) -> None:
    deposit = type_pb2.Money(currency_code="USD", amount="25.00")
    provider, kind = practice.open_provider(), practice.type(deposit=deposit, preparation="Nothing to eat")
    assert kind.deposit == deposit
    booked = practice.book(kind, practice.at("09:00"), provider)
    assert booked.deposit_state == appointment_pb2.DEPOSIT_STATE_DUE
    request = pb.CancelAppointmentRequest(id=booked.id, by=appointment_pb2.CANCELLED_BY_PATIENT)
    assert practice.call("CancelAppointment", request).deposit_state == appointment_pb2.DEPOSIT_STATE_RELEASED
    plain = practice.book(practice.type("Plain"), practice.at("09:00"), provider)
    assert plain.deposit_state == appointment_pb2.DEPOSIT_STATE_UNSPECIFIED


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"required_roles": [role(PROVIDER), role(ROOM, offset_minutes=30)]}, "ROLE_OUTSIDE"),
        ({"required_roles": [role(PROVIDER), role(ROOM, offset_minutes=20, length_minutes=15)]}, "ROLE_OUTSIDE"),
        ({"required_roles": [role(PROVIDER, offset_minutes=5)]}, "LEADS_FROM_START"),
        ({"required_roles": [role(ROOM), role(ROOM)]}, "ROLE_TWICE"),
        ({"deposit": type_pb2.Money(currency_code="USD", amount="0")}, "DEPOSIT_POSITIVE"),
        ({"deposit": type_pb2.Money(currency_code="JPY", amount="0.5")}, "NOT_AN_AMOUNT"),
        ({"required_roles": [role(ROOM, skill="Echo Room")]}, "STRING_PATTERN"),
    ],
)
def test_types_that_make_no_sense_are_refused_where_they_are_wrong(
    practice: Practice, more: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Refused) as refused:
        practice.type(**more)
    assert reason in [item[1] for item in refused.value.violations]


def test_a_duration_too_short_for_its_roles_is_refused(practice: Practice) -> None:
    provider = practice.open_provider()
    practice.resource("Room", ROOM)
    kind = practice.type(required_roles=[role(PROVIDER), role(ROOM, offset_minutes=10, length_minutes=15)])
    with pytest.raises(Refused) as refused:
        practice.book(kind, practice.at("09:00"), provider, duration_minutes=20)
    assert refused.value.violations[0][1] == "TOO_SHORT_FOR_ROLES"
    booked = practice.book(kind, practice.at("09:00"), provider, duration_minutes=60)
    assert taken(booked)["Room"] == (10, 25)
    request = pb.RescheduleAppointmentRequest(id=booked.id, start_time=instant(practice.at("09:30")))
    assert taken(practice.call("RescheduleAppointment", request))["Room"] == (10, 25)

"""A closure or a blocked afternoon meets booked visits: they are listed with times to move them to, and stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.scheduling.conftest import Practice, block

from praxis.scheduling.v1 import (
    appointment_pb2,
    appointment_service_pb2,
    closure_service_pb2,
    resource_pb2,
    template_exception_service_pb2,
    template_pb2,
)
from praxis.scheduling.v1 import rebooking_service_pb2 as pb
from praxis_chassis.mapping import instant, moment
from praxis_chassis.testing import Refused

THURSDAY = 3
OUTSIDE_HOURS, CLOSED = appointment_pb2.BOOKING_RULE_OUTSIDE_HOURS, appointment_pb2.BOOKING_RULE_CLOSED


def block_afternoon(practice: Practice, provider: Any) -> Any:
    """Let a provider work on Thursday morning only."""
    exception = template_pb2.TemplateException(
        resource_id=provider.id,
        local_date=practice.at("12:00", THURSDAY).date().isoformat(),
        blocks=[block(0, "08:00", "12:00")],
        reason="Congress",
    )
    request = template_exception_service_pb2.CreateTemplateExceptionRequest(template_exception=exception)
    return practice.call("CreateTemplateException", request)


def close(practice: Practice, start: datetime, end: datetime, resource: Any = None) -> Any:
    closure = template_pb2.Closure(
        location_id=practice.location,
        resource_id=resource.id if resource else "",
        start_time=instant(start),
        end_time=instant(end),
        reason="Holiday",
    )
    return practice.call("CreateClosure", closure_service_pb2.CreateClosureRequest(closure=closure))


def answer(practice: Practice, **request: Any) -> Any:
    return practice.call("ProposeRebookings", pb.ProposeRebookingsRequest(**request))


def proposals(practice: Practice, **request: Any) -> list[Any]:
    return list(answer(practice, **request).rebooking_proposals)


def ids(found: list[Any]) -> list[str]:
    return [item.appointment.id for item in found]


def move(item: Any, start: Any, **more: Any) -> appointment_service_pb2.RescheduleAppointmentRequest:
    found = item.appointment
    return appointment_service_pb2.RescheduleAppointmentRequest(id=found.id, start_time=start, etag=found.etag, **more)


def test_a_blocked_afternoon_lists_its_five_visits_with_times_that_can_be_had(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    practice.open_provider("Dr Roe")
    practice.book(kind, practice.at("11:30", THURSDAY), provider)
    booked = [practice.book(kind, practice.at(f"{hour}:00", THURSDAY), provider) for hour in range(12, 17)]
    exception = block_afternoon(practice, provider)
    found = proposals(practice, template_exception_id=exception.id)
    assert ids(found) == [item.id for item in booked]
    assert [item.appointment for item in found] == booked, "nothing is moved by looking"
    assert {tuple(item.broken_rules) for item in found} == {(OUTSIDE_HOURS,)}
    offered = [slot for item in found for slot in item.slots]
    assert {len(item.slots) for item in found} == {3}
    assert {slot.resource_name for slot in offered} == {"Dr Lee"}
    assert len({(slot.local_date, slot.local_start) for slot in offered}) == len(offered) == 15
    assert min(slot.local_date for slot in offered) > exception.local_date
    for item in found:
        slot = item.slots[0]
        moved = practice.call("RescheduleAppointment", move(item, slot.start_time, resource_ids=slot.resource_ids))
        assert (moved.local_date, moved.local_start) == (slot.local_date, slot.local_start)
    assert proposals(practice, template_exception_id=exception.id) == []


def test_what_is_to_stay_is_booked_again_with_a_reason(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    kept = practice.book(kind, practice.at("14:00", THURSDAY), provider)
    knowing = practice.book(kind, practice.at("18:00", THURSDAY), provider, override_reason="Emergency")
    exception = block_afternoon(practice, provider)
    (item,) = proposals(practice, template_exception_id=exception.id)
    assert item.appointment.id == kept.id != knowing.id
    practice.call("RescheduleAppointment", move(item, kept.start_time, override_reason="She stays for this one"))
    assert proposals(practice, template_exception_id=exception.id) == []


def test_an_exception_that_was_withdrawn_meets_nothing(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    practice.book(kind, practice.at("14:00", THURSDAY), provider)
    exception = block_afternoon(practice, provider)
    assert len(proposals(practice, template_exception_id=exception.id, slots_each=1)[0].slots) == 1
    exception.active = False
    request = template_exception_service_pb2.UpdateTemplateExceptionRequest(template_exception=exception)
    request.update_mask.paths.append("active")
    practice.call("UpdateTemplateException", request)
    assert proposals(practice, template_exception_id=exception.id) == []


def test_a_closed_location_meets_all_of_its_visits_and_no_buffers(practice: Practice) -> None:
    provider, other = practice.open_provider(), practice.open_provider("Dr Roe")
    kind = practice.type(buffer_before_minutes=15, buffer_after_minutes=15)
    met = [practice.book(kind, practice.at(wall), who) for wall, who in (("09:45", provider), ("11:30", other))]
    practice.book(kind, practice.at("09:15"), other)
    practice.book(kind, practice.at("12:00"), provider)
    gone = practice.book(kind, practice.at("10:30"), other)
    cancel = appointment_service_pb2.CancelAppointmentRequest(id=gone.id, by=appointment_pb2.CANCELLED_BY_PATIENT)
    practice.call("CancelAppointment", cancel)
    whole = close(practice, practice.at("10:00"), practice.at("12:00"))
    found = proposals(practice, closure_id=whole.id)
    assert ids(found) == [item.id for item in met]
    assert {tuple(item.broken_rules) for item in found} == {(CLOSED,)}
    assert all(moment(slot.start_time) >= practice.at("12:00") for item in found for slot in item.slots)
    one = close(practice, practice.at("10:00"), practice.at("12:00"), other)
    assert ids(proposals(practice, closure_id=one.id)) == [met[1].id]


def test_who_is_away_for_long_is_stood_in_for(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    practice.open_provider("Dr Roe")
    booked = practice.book(kind, practice.at("09:00"), provider)
    away = close(practice, practice.at("08:00"), practice.at("18:00", 20), provider)
    (item,) = proposals(practice, closure_id=away.id)
    assert [(slot.resource_name, slot.local_start) for slot in item.slots] == [
        ("Dr Roe", "09:00"), ("Dr Roe", "09:30"), ("Dr Roe", "10:00"),
    ]  # fmt: skip
    assert item.slots[0].local_date == booked.local_date


def test_a_proposal_keeps_what_the_visit_needs(practice: Practice) -> None:
    provider, room = practice.open_provider(), practice.resource("Room", resource_pb2.RESOURCE_KIND_ROOM)
    roles = [{"kind": each.kind} for each in (provider, room)]
    kind = practice.type(required_roles=roles)
    practice.book(kind, practice.at("09:00"), provider, duration_minutes=60)
    practice.book(practice.type("Room", required_roles=roles[1:]), practice.at("12:00"), room)
    closure = close(practice, practice.at("08:00"), practice.at("11:30"))
    (item,) = proposals(practice, closure_id=closure.id)
    assert [slot.local_start for slot in item.slots] == ["12:30", "13:30", "14:30"]
    assert {tuple(sorted(slot.resource_ids)) for slot in item.slots} == {tuple(sorted([provider.id, room.id]))}
    assert {moment(slot.end_time) - moment(slot.start_time) for slot in item.slots} == {timedelta(hours=1)}


def test_visits_that_are_over_or_began_are_left_alone(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    past = practice.now() - timedelta(hours=2)
    practice.book(kind, past, provider, override_reason="It took place")
    closure = close(practice, past - timedelta(hours=1), datetime.now(UTC) + timedelta(minutes=1), provider)
    assert proposals(practice, closure_id=closure.id) == []


def test_many_are_read_in_pages(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    booked = [practice.book(kind, practice.at(f"{hour:02}:00"), provider) for hour in range(8, 13)]
    closure = close(practice, practice.at("08:00"), practice.at("13:00"))
    seen, token, pages = [], "", 0
    while not pages or token:
        reply = answer(practice, closure_id=closure.id, page_size=2, page_token=token)
        seen += ids(list(reply.rebooking_proposals))
        token, pages = reply.next_page_token, pages + 1
    assert (seen, pages) == ([item.id for item in booked], 3)


def test_one_cause_is_named_that_is_there(practice: Practice) -> None:
    for request in ({}, {"closure_id": str(uuid4()), "template_exception_id": str(uuid4())}):
        with pytest.raises(Refused) as refused:
            answer(practice, **request)
        assert [item[1] for item in refused.value.violations] == ["REBOOKING_CAUSE"]
    for name in ("closure_id", "template_exception_id"):
        with pytest.raises(Refused, match="NOT_FOUND"):
            answer(practice, **{name: str(uuid4())})

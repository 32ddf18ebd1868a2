"""Times are kept for a caller: nobody else takes them, the token does, and they are free again when they expire."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from tests.scheduling.conftest import Practice, alternatives

from praxis.scheduling.v1 import events_pb2, hold_pb2
from praxis.scheduling.v1 import hold_service_pb2 as pb
from praxis_chassis.mapping import instant
from praxis_chassis.testing import Refused
from praxis_scheduling.usecases import holds


def keep(practice: Practice, kind: Any, wall: str, *resources: Any, **more: Any) -> Any:
    hold = hold_pb2.Hold(
        appointment_type_id=kind.id, location_id=practice.location, start_time=instant(practice.at(wall)),
        resource_ids=[resource.id for resource in resources], **more,
    )  # fmt: skip
    return practice.call("CreateHold", pb.CreateHoldRequest(hold=hold))


def age(practice: Practice, hold: Any) -> None:
    """Let a hold expire without waiting for it."""
    with practice.tenant.session() as session:
        for table, key in (("holds", "id"), ("reservations", "hold_id")):
            session.execute(
                text(f"UPDATE {table} SET expire_time = now() - interval '1 second' WHERE {key} = :id"),
                {"id": hold.id},
            )


def test_a_time_that_is_kept_is_for_its_token_alone(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    hold = keep(practice, kind, "09:00", provider)
    assert hold.token
    assert not practice.call("GetHold", pb.GetHoldRequest(id=hold.id)).token
    for attempt in (lambda: practice.book(kind, practice.at("09:15"), provider), lambda: keep(practice, kind, "09:00")):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.reason == "SLOT_TAKEN"
        assert alternatives(refused.value)[0] == "09:30"
    with pytest.raises(Refused, match="HOLD_UNKNOWN"):
        practice.book(kind, practice.at("09:00"), provider, hold_token="x" * 32)
    booked = practice.book(kind, practice.at("09:00"), hold_token=hold.token)
    assert (list(booked.resource_ids), booked.hold_token) == ([provider.id], "")
    with pytest.raises(Refused, match="HOLD_OVER"):
        practice.book(kind, practice.at("10:00"), hold_token=hold.token)
    assert [event.hold.token for event in practice.tenant.events(events_pb2.HoldCreated)] == [""]  # type: ignore[attr-defined]
    assert len(practice.tenant.events(events_pb2.HoldUsed)) == 1


def test_a_booking_that_is_refused_leaves_the_hold(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    hold = keep(practice, kind, "09:00", provider)
    with pytest.raises(Refused, match="OUTSIDE_HOURS"):
        practice.book(kind, practice.at("09:00"), hold_token=hold.token, duration_minutes=720)
    with pytest.raises(Refused) as other:
        practice.book(kind, practice.at("10:00"), hold_token=hold.token)
    _, reason, text = other.value.violations[0]
    assert reason == "HOLD_OF_OTHER_TIME"
    assert f"keeps {practice.monday.isoformat()} 09:00 (America/Chicago)." in text
    practice.book(kind, practice.at("09:00"), hold_token=hold.token)


def test_an_expired_hold_is_free_at_once_and_ended_by_the_job(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    hold, other = keep(practice, kind, "09:00", provider, seconds=10), keep(practice, kind, "10:00", provider)
    age(practice, hold)
    [slot] = practice.slots(kind, practice.at("09:00"), practice.at("09:00"))
    assert slot.local_start == "09:00"
    with pytest.raises(Refused, match="HOLD_OVER"):
        practice.book(kind, practice.at("09:00"), hold_token=hold.token)
    practice.book(kind, practice.at("09:00"), provider)  # before any job
    age(practice, other)
    assert keep(practice, kind, "10:00", provider).state == hold_pb2.HOLD_STATE_HELD
    with practice.tenant.session() as session:
        holds.expire_due(session)
    states = [practice.call("GetHold", pb.GetHoldRequest(id=item.id)).state for item in (hold, other)]
    assert states == [hold_pb2.HOLD_STATE_EXPIRED] * 2


def test_a_hold_that_is_given_up_is_free(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    hold = keep(practice, kind, "09:00", provider)
    practice.call("ReleaseHold", pb.ReleaseHoldRequest(id=hold.id, etag=hold.etag))
    practice.book(kind, practice.at("09:00"), provider)
    with pytest.raises(Refused, match="HOLD_OVER"):
        practice.call("ReleaseHold", pb.ReleaseHoldRequest(id=hold.id))


def test_of_many_who_want_a_time_kept_one_gets_it(practice: Practice) -> None:
    provider, kind = practice.open_provider(), practice.type()
    practice.call("GetHold", pb.GetHoldRequest(id=keep(practice, kind, "11:00", provider).id))

    def attempt(number: int) -> Any:
        try:
            if number % 2:
                return practice.book(kind, practice.at("09:00"), provider)
            return keep(practice, kind, "09:00", provider)
        except Refused as refused:
            if refused.reason != "SLOT_TAKEN":
                raise
            return None

    with ThreadPoolExecutor(16) as pool:
        assert len([won for won in pool.map(attempt, range(60)) if won]) == 1

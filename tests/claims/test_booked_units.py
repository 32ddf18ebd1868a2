"""What appointments take of an authorization: noted as scheduling tells it, and never refused."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import field_mask_pb2
from hypothesis import given
from hypothesis import strategies as st
from tests.claims.builders import Practice, identifier
from tests.claims.test_authorizations import CONFIRMED, RELEASED, confirm, recorded, release, reserve, shown

from praxis.claims.v1 import authorization_pb2 as authorization
from praxis.claims.v1 import authorization_service_pb2 as pb
from praxis.claims.v1 import events_pb2
from praxis.scheduling.v1 import appointment_pb2
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis_chassis.testing import Refused
from praxis_claims.rules.units import Stock

USED = authorization.UNIT_RESERVATION_STATE_USED
ACTIVE, EXHAUSTED = authorization.AUTHORIZATION_STATE_ACTIVE, authorization.AUTHORIZATION_STATE_EXHAUSTED


@pytest.fixture
def known(practice: Practice) -> Practice:
    practice.tell_patient()
    return practice


def tell(practice: Practice, event: Any, appointment: str, state: str, on: Any = None) -> None:
    told = appointment_pb2.Appointment(
        id=appointment,
        patient_id=practice.patient_id,
        state=appointment_pb2.AppointmentState.Value(f"APPOINTMENT_STATE_{state}"),
        authorization_id=on.id if on else "",
    )
    practice.tenant.receive(event(appointment=told), appointment)


def book(practice: Practice, on: Any) -> str:
    appointment = identifier()
    tell(practice, scheduling.AppointmentBooked, appointment, "BOOKED", on)
    return appointment


def kept(practice: Practice, found: Any) -> list[authorization.UnitReservation]:
    request = pb.ListReservationsRequest(authorization_id=found.id)
    return list(practice.tenant.call("ListReservations", request).reservations)


def stock(practice: Practice, found: Any) -> tuple[int, int, int, int]:
    now = shown(practice, found)
    return now.units_reserved, now.units_used, now.units_booked, now.units_remaining


def test_a_unit_is_reserved_while_a_visit_stands_and_used_once_it_took_place(known: Practice) -> None:
    found = recorded(known)
    appointment = book(known, found)
    [reservation] = kept(known, found)
    assert (reservation.appointment_id, reservation.state, reservation.units_held) == (appointment, CONFIRMED, 1)
    assert not reservation.HasField("expire_time")
    assert stock(known, found) == (1, 0, 1, 5)
    tell(known, scheduling.AppointmentRescheduled, appointment, "BOOKED", found)
    assert stock(known, found) == (1, 0, 1, 5)
    tell(known, scheduling.AppointmentCompleted, appointment, "COMPLETED", found)
    assert (stock(known, found), kept(known, found)[0].state) == ((0, 1, 1, 5), USED)
    tell(known, scheduling.AppointmentReopened, appointment, "ARRIVED", found)
    assert (stock(known, found), kept(known, found)[0].state) == ((1, 0, 1, 5), CONFIRMED)
    assert len(known.tenant.events(events_pb2.AuthorizationReserved)) == 2
    assert len(known.tenant.events(events_pb2.AuthorizationConsumed)) == 1


@pytest.mark.parametrize(
    ("event", "state"),
    [(scheduling.AppointmentCancelled, "CANCELLED"), (scheduling.AppointmentNoShowed, "NO_SHOW")],
)
def test_a_visit_that_does_not_take_place_gives_its_unit_back(known: Practice, event: Any, state: str) -> None:
    found = recorded(known)
    appointment = book(known, found)
    tell(known, event, appointment, state, found)
    assert (stock(known, found), kept(known, found)[0].state) == ((0, 0, 0, 6), RELEASED)
    tell(known, scheduling.AppointmentTakenUpAgain, appointment, "BOOKED", found)
    assert (stock(known, found), len(kept(known, found))) == ((1, 0, 1, 5), 1)


def test_a_visit_goes_from_one_authorization_to_another_or_to_none(known: Practice) -> None:
    first, second = recorded(known), recorded(known)
    appointment = book(known, first)
    tell(known, scheduling.AppointmentUpdated, appointment, "CONFIRMED", second)
    assert (stock(known, first), stock(known, second)) == ((0, 0, 0, 6), (1, 0, 1, 5))
    tell(known, scheduling.AppointmentUpdated, appointment, "CONFIRMED")
    assert stock(known, second) == (0, 0, 0, 6)
    tell(known, scheduling.AppointmentUpdated, appointment, "CONFIRMED", first)
    assert stock(known, first) == (1, 0, 1, 5)


def test_visits_without_an_authorization_or_with_a_forgotten_one_are_none_of_our_business(known: Practice) -> None:
    book(known, None)
    book(known, authorization.Authorization(id=identifier()))
    assert not known.tenant.events(events_pb2.AuthorizationReserved)


def test_where_a_booking_and_a_reservation_cross_both_stand_and_it_shows(known: Practice) -> None:
    found = recorded(known, units=2)
    by_hand = reserve(known, found, 2).reservation
    appointment = book(known, found)
    assert stock(known, found) == (3, 0, 1, -1)
    with pytest.raises(Refused) as refused:
        reserve(known, found)
    assert (refused.value.reason, refused.value.metadata["remaining"]) == ("AUTHORIZATION_UNITS_SHORT", "0")
    mask = field_mask_pb2.FieldMask(paths=["units"])
    # An extension is taken even where it is too small; what is promised is not taken away.
    for units, left in ((3, 0), (4, 1)):
        wanted = authorization.Authorization(id=found.id, units=units)
        request = pb.UpdateAuthorizationRequest(authorization=wanted, update_mask=mask)
        assert known.tenant.call("UpdateAuthorization", request).units_remaining == left
    release(known, confirm(known, by_hand.id).reservation.id)
    tell(known, scheduling.AppointmentCancelled, appointment, "CANCELLED", found)
    assert stock(known, found) == (0, 0, 0, 4)


def test_the_last_visit_exhausts_it_and_more_units_bring_it_back(known: Practice) -> None:
    found = recorded(known, units=1)
    appointment = book(known, found)
    assert shown(known, found).state == ACTIVE
    tell(known, scheduling.AppointmentCompleted, appointment, "COMPLETED", found)
    assert shown(known, found).state == EXHAUSTED
    with pytest.raises(Refused, match="AUTHORIZATION_CLOSED"):
        reserve(known, found)
    mask = field_mask_pb2.FieldMask(paths=["units"])
    wanted = authorization.Authorization(id=found.id, units=2)
    request = pb.UpdateAuthorizationRequest(authorization=wanted, update_mask=mask)
    assert known.tenant.call("UpdateAuthorization", request).state == ACTIVE
    known.tenant.call("CloseAuthorization", pb.CloseAuthorizationRequest(id=found.id))
    tell(known, scheduling.AppointmentReopened, appointment, "ARRIVED", found)
    tell(known, scheduling.AppointmentCompleted, appointment, "COMPLETED", found)
    assert shown(known, found).state == authorization.AUTHORIZATION_STATE_CLOSED
    assert stock(known, found) == (0, 1, 1, 1)


def test_what_follows_an_appointment_is_not_changed_by_hand(known: Practice) -> None:
    found = recorded(known)
    appointment = book(known, found)
    [reservation] = kept(known, found)
    for change in (release, confirm):
        with pytest.raises(Refused) as refused:
            change(known, reservation.id)
        assert (refused.value.reason, refused.value.metadata["appointment_id"]) == (
            "RESERVATION_OF_APPOINTMENT",
            appointment,
        )
    assert stock(known, found) == (1, 0, 1, 5)


MOVES = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["none", "held", "used"])), max_size=40)


@given(st.integers(1, 5), MOVES)
def test_units_booked_are_those_of_the_visits_however_they_went(units: int, moves: list[tuple[int, str]]) -> None:
    now, found = dict.fromkeys(range(5), "none"), Stock(units)
    for visit, state in moves:
        before, now[visit] = now[visit], state
        found = found.followed((state == "held") - (before == "held"), (state == "used") - (before == "used"))
        states = list(now.values())
        assert (found.reserved, found.used) == (states.count("held"), states.count("used"))
        assert found.booked == found.reserved + found.used
        assert found.remaining == units - found.booked
        assert (found.taken(1) is None) == (found.remaining < 1)

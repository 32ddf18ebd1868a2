"""What payers permit in advance, as a stock that is never promised twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.protobuf import field_mask_pb2
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from tests.claims.builders import Practice, identifier

from praxis.claims.v1 import authorization_pb2 as authorization
from praxis.claims.v1 import authorization_service_pb2 as pb
from praxis.claims.v1 import events_pb2
from praxis.patients.v1 import events_pb2 as patients
from praxis_chassis.context import system_context
from praxis_chassis.events import store_recorded
from praxis_chassis.testing import Refused
from praxis_claims.rules.units import Stock
from praxis_claims.usecases import reservations

HELD, CONFIRMED = authorization.UNIT_RESERVATION_STATE_HELD, authorization.UNIT_RESERVATION_STATE_CONFIRMED
RELEASED, EXPIRED = authorization.UNIT_RESERVATION_STATE_RELEASED, authorization.UNIT_RESERVATION_STATE_EXPIRED


@pytest.fixture
def known(practice: Practice) -> Practice:
    practice.tell_patient()
    practice.tell_coverage()
    return practice


def recorded(practice: Practice, **more: Any) -> authorization.Authorization:
    values: dict[str, Any] = {
        "patient_id": practice.patient_id,
        "payer_id": practice.payer_id,
        "number": f"A{identifier()[-12:]}",
        "units": 6,
        "from_date": "2026-03-01",
        "to_date": "2026-06-01",
    }
    wanted = authorization.Authorization(**(values | more))
    return practice.tenant.call("CreateAuthorization", pb.CreateAuthorizationRequest(authorization=wanted))


def reserve(practice: Practice, found: authorization.Authorization, units: int = 1, **more: Any) -> Any:
    key = more.pop("key", "")
    return practice.tenant.call("ReserveUnits", pb.ReserveUnitsRequest(id=found.id, units=units, **more), key=key)


def release(practice: Practice, reservation_id: str, units: int = 0) -> Any:
    return practice.tenant.call("ReleaseReservation", pb.ReleaseReservationRequest(id=reservation_id, units=units))


def confirm(practice: Practice, reservation_id: str, reference_id: str = "") -> Any:
    request = pb.ConfirmReservationRequest(id=reservation_id, reference_id=reference_id)
    return practice.tenant.call("ConfirmReservation", request)


def shown(practice: Practice, found: authorization.Authorization) -> authorization.Authorization:
    return practice.tenant.call("GetAuthorization", pb.GetAuthorizationRequest(id=found.id))


def run_out(practice: Practice) -> None:
    """Let all reservations that wait for a confirmation run out."""
    with practice.tenant.session() as session:
        session.execute(text("UPDATE unit_reservations SET expire_time = now() - interval '1 second'"))


def sweep(practice: Practice) -> None:
    runtime = practice.tenant.under_test.runtime
    with runtime.database.transaction(system_context(runtime, practice.tenant.id, "sweep")) as session:
        reservations.expire_overdue(session)
        store_recorded(session)


def test_eight_visits_do_not_fit_an_authorization_for_six(known: Practice) -> None:
    found = recorded(known)
    with pytest.raises(Refused) as refused:
        reserve(known, found, 8)
    assert (refused.value.reason, refused.value.metadata["remaining"]) == ("AUTHORIZATION_UNITS_SHORT", "6")
    six = reserve(known, found, 6, service_dates=["2026-03-02", "2026-05-31"])
    assert (six.authorization.units_reserved, six.authorization.units_remaining) == (6, 0)
    assert six.reservation.state == HELD
    with pytest.raises(Refused, match="AUTHORIZATION_UNITS_SHORT"):
        reserve(known, found)
    event = known.tenant.events(events_pb2.AuthorizationReserved)[0]
    assert (event.reservation, event.authorization) == (six.reservation, six.authorization)


def test_a_hundred_at_once_never_get_more_than_there_is(known: Practice) -> None:
    found = recorded(known, units=37)

    def ask(number: int) -> str:
        try:
            return reserve(known, found, key=f"ask-{number}").reservation.id
        except Refused as refused:
            return refused.reason

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(100)))
    assert answers.count("AUTHORIZATION_UNITS_SHORT") == 63
    assert len({answer for answer in answers if answer != "AUTHORIZATION_UNITS_SHORT"}) == 37
    after = shown(known, found)
    assert (after.units_reserved, after.units_remaining) == (37, 0)
    assert len(known.tenant.events(events_pb2.AuthorizationReserved)) == 37


def test_a_retry_reserves_once(known: Practice) -> None:
    found = recorded(known)
    assert reserve(known, found, 2, key="same") == reserve(known, found, 2, key="same")
    assert shown(known, found).units_reserved == 2


def test_the_database_has_the_last_word(known: Practice) -> None:
    recorded(known)
    with pytest.raises(IntegrityError, match="ck_authorizations_stock"), known.tenant.session() as session:
        session.execute(text("UPDATE authorizations SET units_reserved = units + 1"))


def test_units_go_back_one_by_one_or_all(known: Practice) -> None:
    found = recorded(known)
    kept = confirm(known, reserve(known, found, 4).reservation.id, known.coverage_id)
    assert (kept.reservation.state, kept.reservation.reference_id) == (CONFIRMED, known.coverage_id)
    part = release(known, kept.reservation.id, 1)
    assert (part.reservation.state, part.reservation.units_held, part.authorization.units_remaining) == (
        CONFIRMED,
        3,
        3,
    )
    with pytest.raises(Refused) as refused:
        release(known, kept.reservation.id, 4)
    assert [item[:2] for item in refused.value.violations] == [("units", "UNITS_NOT_HELD")]
    rest = release(known, kept.reservation.id)
    assert (rest.reservation.state, rest.authorization.units_remaining) == (RELEASED, 6)
    with pytest.raises(Refused, match="RESERVATION_CLOSED"):
        release(known, kept.reservation.id)
    assert len(known.tenant.events(events_pb2.AuthorizationReleased)) == 2


def test_what_is_not_confirmed_runs_out_and_what_is_stays(known: Practice) -> None:
    found = recorded(known)
    kept = confirm(known, reserve(known, found, 2).reservation.id).reservation
    lost = reserve(known, found, 4).reservation
    run_out(known)
    with pytest.raises(Refused, match="RESERVATION_CLOSED"):
        confirm(known, lost.id)
    sweep(known)
    listed = known.tenant.call("ListReservations", pb.ListReservationsRequest(authorization_id=found.id)).reservations
    assert {item.id: (item.state, item.units_held) for item in listed} == {
        kept.id: (CONFIRMED, 2),
        lost.id: (EXPIRED, 0),
    }
    assert shown(known, found).units_remaining == 4
    event = known.tenant.events(events_pb2.AuthorizationReleased)[0]
    assert (event.reservation.id, event.reservation.state) == (lost.id, EXPIRED)


def test_who_asks_gets_what_has_run_out_at_once(known: Practice) -> None:
    found = recorded(known)
    reserve(known, found, 6)
    run_out(known)
    assert reserve(known, found, 6).authorization.units_remaining == 0


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"service_dates": ["2026-02-28"]}, "AUTHORIZATION_OUTSIDE_DATES"),
        ({"service_dates": ["2026-03-01", "2026-06-01"]}, "AUTHORIZATION_OUTSIDE_DATES"),
        ({"patient_id": "019ad2b5-7c00-7000-8000-000000000001"}, "AUTHORIZATION_UNSUITABLE"),
        ({"appointment_type_id": "019ad2b5-7c00-7000-8000-000000000001"}, "AUTHORIZATION_UNSUITABLE"),
        ({"service_dates": ["2026-02-30"]}, "INVALID_REQUEST"),
        ({"units": 0}, "INVALID_REQUEST"),
        ({"units": -1}, "INVALID_REQUEST"),
        ({"expire_minutes": 1441}, "INVALID_REQUEST"),
    ],
)
def test_what_is_not_permitted_is_refused(known: Practice, asked: Any, reason: str) -> None:
    kind = identifier()
    found = recorded(known, appointment_type_ids=[kind])
    good = {"service_dates": ["2026-03-01"], "patient_id": known.patient_id, "appointment_type_id": kind, "units": 1}
    assert reserve(known, found, **good).reservation.state == HELD
    with pytest.raises(Refused) as refused:
        reserve(known, found, **(good | asked))
    assert refused.value.reason == reason
    assert shown(known, found).units_reserved == 1


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"units": 0}, "authorization.units", "INT32_GTE_LTE"),
        ({"to_date": "2026-03-01"}, "authorization.to_date", "DATES_REVERSED"),
        ({"number": ""}, "authorization.number", "STRING_PATTERN"),
        ({"coverage_id": identifier()}, "authorization.coverage_id", "COVERAGE_OF_ANOTHER"),
        ({"diagnosis_codes": ["back pain"]}, "authorization.diagnosis_codes[0]", "STRING_PATTERN"),
    ],
)
def test_a_wrong_authorization_is_refused_by_field(known: Practice, fields: Any, path: str, reason: str) -> None:
    assert recorded(known, coverage_id=known.coverage_id).units_remaining == 6
    with pytest.raises(Refused) as refused:
        recorded(known, **fields)
    assert [item[:2] for item in refused.value.violations] == [(path, reason)]


def test_a_number_is_recorded_once_and_an_unknown_patient_not_at_all(known: Practice) -> None:
    found = recorded(known)
    with pytest.raises(Refused, match="AUTHORIZATION_NUMBER_TAKEN"):
        recorded(known, number=found.number)
    with pytest.raises(Refused, match="PATIENT_UNKNOWN"):
        recorded(known, patient_id="019ad2b5-7c00-7000-8000-000000000001")


def test_an_extension_adds_units_and_nothing_promised_is_taken_away(known: Practice) -> None:
    found = reserve(known, recorded(known), 5).authorization
    mask = field_mask_pb2.FieldMask(paths=["units"])

    def change(units: int) -> authorization.Authorization:
        wanted = authorization.Authorization(id=found.id, units=units)
        request = pb.UpdateAuthorizationRequest(authorization=wanted, update_mask=mask)
        return known.tenant.call("UpdateAuthorization", request)

    assert change(12).units_remaining == 7
    with pytest.raises(Refused) as refused:
        change(4)
    assert [item[:2] for item in refused.value.violations] == [("authorization.units", "UNITS_BELOW_PROMISED")]
    assert change(5).units_remaining == 0


def test_a_closed_one_keeps_what_it_promised(known: Practice) -> None:
    found = recorded(known)
    kept = reserve(known, found, 2).reservation
    known.tenant.call("CloseAuthorization", pb.CloseAuthorizationRequest(id=found.id))
    with pytest.raises(Refused, match="AUTHORIZATION_CLOSED"):
        reserve(known, found)
    assert confirm(known, kept.id).reservation.state == CONFIRMED


def test_the_usable_ones_are_found(known: Practice) -> None:
    kind = identifier()
    full = recorded(known, units=1)
    reserve(known, full)
    right = recorded(known, appointment_type_ids=[kind])
    anything = recorded(known)

    def listed(**filters: str) -> list[str]:
        request = pb.ListAuthorizationsRequest(patient_id=known.patient_id, **filters)
        return [item.id for item in known.tenant.call("ListAuthorizations", request).authorizations]

    assert listed() == [full.id, right.id, anything.id]
    assert listed(usable_date="2026-04-01", appointment_type_id=kind) == [right.id, anything.id]
    assert listed(usable_date="2026-04-01", appointment_type_id=identifier()) == [anything.id]
    assert listed(usable_date="2026-06-01") == []


def test_an_erased_patient_leaves_units_and_no_numbers(known: Practice) -> None:
    found = recorded(known, number="XYLOPHANES7", note="Xylophanes")
    reserve(known, found, 2)
    known.tenant.receive(patients.PatientErased(patient_id=known.patient_id), known.patient_id)
    after = shown(known, found)
    assert (after.state, after.units_reserved) == (authorization.AUTHORIZATION_STATE_ERASED, 2)
    with known.tenant.session() as session:
        rows = session.execute(text("SELECT authorizations::text FROM authorizations")).scalars()
        assert "xylophanes" not in "".join(rows).lower()
    told = str(known.tenant.events(events_pb2.AuthorizationRecorded))
    assert "xylophanes" not in told.lower()


@given(st.integers(1, 50), st.lists(st.tuples(st.booleans(), st.integers(1, 20)), max_size=40))
def test_reserved_units_are_those_taken_and_not_given_back(units: int, steps: list[tuple[bool, int]]) -> None:
    stock, open_ones = Stock(units), [0][:0]
    for takes, number in steps:
        if takes:
            after = stock.taken(number)
            assert (after is None) == (number > units - sum(open_ones))
            if after is not None:
                stock, open_ones = after, [*open_ones, number]
        elif open_ones:
            stock = stock.given_back(open_ones.pop(number % len(open_ones)))
        assert stock.reserved == sum(open_ones)
        assert stock.remaining == units - sum(open_ones)

"""Scheduling and the real claims over the bus: both know how many units of an authorization are left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.claims import builders
from tests.claims.test_authorizations import recorded, release, reserve, shown
from tests.scheduling.conftest import Practice
from tests.scheduling.test_authorizations import SHORT, Permitted, book, cancel
from tests.scheduling.test_series import SKIP, appointment, create, plan, results, rule

from praxis_chassis.testing import Refused, ServiceUnderTest

SECONDS = 60


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until events have told it."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answer(act: Callable[[], Any]) -> str:
    """Return why something is refused, or nothing."""
    try:
        act()
    except Refused as refused:
        return refused.reason
    return ""


@pytest.fixture
def payer(practice: Practice, claims: ServiceUnderTest) -> builders.Practice:
    """The same practice as claims knows it."""
    known = builders.Practice(claims.tenant(practice.tenant.id), patient_id=practice.patient())
    known.add_payer()
    known.tell_patient()
    return known


def test_eight_visits_on_six_units_and_what_is_reserved_by_hand(practice: Practice, payer: builders.Practice) -> None:
    kind, provider = practice.type(), practice.open_provider()
    found = recorded(payer, units=6, from_date="", to_date="", appointment_type_ids=[kind.id])
    wanted = plan(practice, kind, provider, rule(8), patient=payer.patient_id, authorization_id=found.id)

    def tried(**more: Any) -> str:
        return answer(lambda: create(practice, wanted, **more))

    eventually(lambda: tried() != "AUTHORIZATION_UNKNOWN")
    assert tried() == "SERIES_CONFLICTS"
    outcome = create(practice, wanted, on_conflict=SKIP)
    assert results(outcome) == ["booked"] * 6 + ["conflict"] * 2
    eventually(lambda: shown(payer, found).units_booked == 6)
    assert shown(payer, found).units_remaining == 0
    assert answer(lambda: reserve(payer, found)) == SHORT

    cancel(practice, appointment(practice, outcome.series.appointment_ids[0]))
    eventually(lambda: shown(payer, found).units_remaining == 1)
    by_hand = reserve(payer, found).reservation
    on = Permitted(practice, payer.patient_id, found.id)

    def refused() -> str:
        return answer(lambda: cancel(practice, book(practice, kind, provider, on, "10:00")))

    # Scheduling hears of the reservation a moment later; what was booked meanwhile is cancelled again.
    eventually(lambda: refused() == SHORT)
    release(payer, by_hand.id)
    eventually(lambda: answer(lambda: book(practice, kind, provider, on, "16:30")) == "")
    eventually(lambda: shown(payer, found).units_booked == 6)
    assert shown(payer, found).units_remaining == 0

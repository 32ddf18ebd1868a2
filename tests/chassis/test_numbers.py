"""Numbers without gaps, given to those who wait for one in the order in which they came."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from praxis_chassis.numbers import next_number
from praxis_chassis.testing import ServiceUnderTest, TenantUnderTest

WAITING, EACH, HOLD_SECONDS = 8, 25, 0.01


class GivenUp(Exception):
    """A transaction that ends after its number was taken."""


def test_they_begin_where_they_are_told_and_leave_no_gap(patients: ServiceUnderTest) -> None:
    tenant = patients.tenant()
    assert [number(tenant, "chart") for _ in range(3)] == [1001, 1002, 1003]
    with pytest.raises(GivenUp):
        number(tenant, "chart", given_up=True)
    assert number(tenant, "chart") == 1004
    assert number(tenant, "claim") == 1001
    assert number(patients.tenant(), "chart") == 1001


def number(tenant: TenantUnderTest, series: str, *, given_up: bool = False) -> int:
    with tenant.session() as session:
        taken = next_number(session, series, start=1001)
        if given_up:
            raise GivenUp
    return taken


def test_who_waits_is_served_in_turn(patients: ServiceUnderTest) -> None:
    tenant, tickets = patients.tenant(), itertools.count()
    served: list[tuple[int, int]] = []

    def ask() -> None:
        for _ in range(EACH):
            with tenant.session() as session:
                session.connection()  # from here on it takes a moment until the number is asked for
                ticket = next(tickets)
                served.append((next_number(session, "chart"), ticket))
                time.sleep(HOLD_SECONDS)

    threads = [threading.Thread(target=ask) for _ in range(WAITING)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken for taken, _ in served) == list(range(1, WAITING * EACH + 1))
    overtaken = max(taken - 1 - ticket for taken, ticket in served)
    print(f"{len(served)} numbers: nobody was overtaken by more than {overtaken}")
    # Nobody who came after all the others of that moment is served before them, but for a close finish.
    assert overtaken < WAITING

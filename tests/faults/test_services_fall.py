"""Services are killed one after another under load: the others go on, and all come back by themselves."""

from __future__ import annotations

import signal

import pytest
from tests.faults.house import ROUTES, House
from tests.support.load import failures, share_ok

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]
VICTIMS = ["patients", "scheduling", "billing", "claims", "reporting"]
UNRELATED_OK = 0.999


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_dead_service_stops_only_its_own_routes(house: House, victim: str) -> None:
    others = [name for name in ROUTES if name != victim]
    with house.load(*ROUTES.values(), threads=4) as load:
        load.wait_for(100)
        for part in house.replicas(victim):
            house.signal(part, signal.SIGKILL)
        load.wait_for(300)
        for part in house.replicas(victim):
            house.await_part(part)
        back = house.await_answers(victim)
    seen = share_ok(load.of(*others))
    print(f"{victim} killed: {seen:.4%} of {len(load.of(*others))} others ok, routes back {back:.1f} s after readiness")
    print(dict(failures(load.answers)))
    assert not all(answer.ok for answer in load.of(victim)), "nobody noticed, so the run shows nothing"
    assert seen >= UNRELATED_OK, failures(load.of(*others))
    assert all(answer.status in {200, 503, 504} for answer in load.answers)

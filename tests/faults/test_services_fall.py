"""Services are killed one after another under load: the others go on, and all come back by themselves."""

from __future__ import annotations

import signal

import pytest
from tests.faults.house import ROUTES, House, registration
from tests.support.load import Call, Load, failures, share_ok

from praxis_local.processes import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.alone, pytest.mark.timeout(240)]
VICTIMS = ["patients", "scheduling", "billing", "claims", "reporting"]
UNRELATED_OK = 0.999
# Services whose part of the view of a patient is left out, with a warning, while they are gone.
IN_VIEW = {"patients", "scheduling", "billing"}
# A service that is back soon is waited for and missed by nobody; the launcher's pauses grow with every death.
ROUNDS, WATCH_SECONDS = 4, 3.0


def kill_and_watch(house: House, load: Load, victim: str) -> bool:
    """Kill a service, and tell whether its own route failed and the views that need it were partial."""
    for part in house.replicas(victim):
        house.await_part(part)
        house.signal(part, signal.SIGKILL)

    def noticed() -> bool:
        return bool(failures(load.of(victim))) and (load.partial > 0 or victim not in IN_VIEW)

    return wait_until(noticed, WATCH_SECONDS)


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_dead_service_stops_only_its_own_routes(house: House, victim: str) -> None:
    house.await_calm()
    others = [name for name in ROUTES if name != victim]
    patient = house.owner.post("/v1/patients", registration(7), name=f"before {victim}")["patient"]["id"]
    view = Call("view", f"/v1/views/patients/{patient}")
    with house.load(*ROUTES.values(), view, threads=4) as load:
        load.wait_for(50)
        assert any(kill_and_watch(house, load, victim) for _round in range(ROUNDS)), "nobody noticed in any round"
        load.wait_for(150)
        for part in house.replicas(victim):
            house.await_part(part)
        back = house.await_answers(victim)
    seen, partial = share_ok([*load.of(*others), *load.of("view")]), load.partial
    print(f"{victim} killed: {seen:.4%} of {len(load.of(*others))} others ok, routes back {back:.1f} s after readiness")
    print(dict(failures(load.answers)))
    assert seen >= UNRELATED_OK, failures(load.of(*others))
    assert bool(partial) == (victim in IN_VIEW), "a view lacks a part while its service is gone, and only then"
    assert all(answer.status in {200, 503, 504} for answer in load.answers)

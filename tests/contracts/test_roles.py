"""Every built-in role may call exactly what its patterns say, over every RPC; and without a login nothing is open.

The restrictions that exist are tried with it: the purpose of use, and the circle of a portal user.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from uuid import UUID

import httpx
import pytest
from google.rpc import error_details_pb2
from support.front_door import SERVICES, FrontDoor

from praxis.policy.v1 import policy_pb2
from praxis_chassis.boundary import Boundary, Method
from praxis_chassis.compartment import Compartment
from praxis_chassis.errors import CallFailed
from praxis_chassis.tokens import Minter
from praxis_chassis.types import new_id
from praxis_gateway import contracts
from praxis_gateway.identity.rules.permissions import resolve
from praxis_gateway.identity.rules.roles import BUILT_IN, PORTAL

DENIED = "PERMISSION_DENIED"
# What anybody may read: probes, the description of the interface and its page.
OPEN = {"/livez", "/readyz", "/v1/openapi.json", "/docs", "/docs/reference.css", "/docs/reference.js"}
SOME_ID = "019ad2b5-7c00-7000-8000-000000000001"
# The usual one, a further one that every RPC accepts today, and one that none does.
PURPOSES = ("operations", "treatment", "public_health")
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@dataclass(frozen=True)
class Gate:
    """The boundaries of all services, and who signs tokens for them."""

    boundaries: dict[str, Boundary]
    minter: Minter
    permissions: dict[str, set[str]]

    def methods(self) -> Iterator[tuple[str, Method]]:
        """Yield the RPCs that the gateway calls for people."""
        routed = {operation.full_name for operation in contracts.load().operations}
        for service, boundary in self.boundaries.items():
            yield from ((service, method) for name, method in boundary.methods.items() if name in routed)

    def verdict(
        self,
        service: str,
        method: Method,
        role: str,
        own: Compartment | None = None,
        tenant_id: UUID | None = None,
        purpose: str = PURPOSES[0],
    ) -> str:
        """Return the reason with which an empty request of a role is refused, or nothing when it is answered."""
        granted = resolve(BUILT_IN[role].permissions, self.permissions.get(service, ()))
        token = self.minter.mint(
            tenant_id=tenant_id or new_id(),
            subject=str(new_id()),
            kind="patient" if role == PORTAL else "user",
            permissions=granted,
            purpose=purpose,
            factor_time=time.time(),
            compartment=own,
        )
        metadata = {"authorization": f"Bearer {token}"}
        try:
            self.boundaries[service].call(method.full_name, method.request(), metadata, 5.0, peers=None)
        except CallFailed as failure:
            return _reason(failure)
        return ""


def _reason(failure: CallFailed) -> str:
    for packed in failure.status.details:
        info = error_details_pb2.ErrorInfo()
        if packed.Unpack(info):
            return info.reason
    return ""


@pytest.fixture(scope="module")
def gate(front_door: FrontDoor) -> Gate:
    found = {name: front_door.services[name].server.boundary for name in SERVICES}
    found["identity"] = Boundary(front_door.gateway.runtime)
    return Gate(found, front_door.services["patients"].minter, contracts.load().permissions)


@pytest.fixture(scope="module")
def tenants(front_door: FrontDoor) -> list[UUID]:
    """Two practices that have just begun, and one that nobody has heard of."""
    begun = [front_door.newcomer() for _ in range(2)]
    for _, diary in begun:
        diary.close()
    return [*(tenant_id for tenant_id, _ in begun), new_id()]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", BUILT_IN)
def test_a_role_may_do_what_its_patterns_say_and_nothing_else(
    gate: Gate, tenants: list[UUID], role: str, long: bool
) -> None:
    wrong, may, may_not = [], 0, 0
    # Each RPC is asked for one practice and one purpose, and as there are more roles than those, soon for all of them.
    every, turn = list(product(tenants, PURPOSES)), list(BUILT_IN).index(role)
    for number, (service, method) in enumerate(gate.methods(), turn):
        pairs = every if long else [every[number % len(every)]]
        permission = method.policy.permission
        allowed = permission in {"none", "public"} or bool(resolve(BUILT_IN[role].permissions, [permission]))
        own = None
        if role == PORTAL:
            allowed, own = allowed and bool(method.policy.portal), Compartment(new_id(), frozenset())
        for tenant_id, purpose in pairs:
            verdict = gate.verdict(service, method, role, own, tenant_id, purpose)
            expected = allowed and purpose != PURPOSES[-1]
            if (verdict == DENIED) == expected:
                wrong.append(f"{method.full_name} for {purpose} answered {verdict or 'well'}")
            may, may_not = may + expected, may_not + (not expected)
    print(f"{role}: {may} calls of {may + may_not} let in, {may_not} kept out")
    assert not wrong, "\n".join(wrong)
    assert may, "a role that may do nothing shows nothing"
    assert may_not


def test_a_portal_user_without_a_compartment_may_do_nothing(gate: Gate) -> None:
    open_to_portal = [(service, method) for service, method in gate.methods() if method.policy.portal]
    assert len(open_to_portal) > 15
    assert {gate.verdict(service, method, PORTAL) for service, method in open_to_portal} == {DENIED}


def test_what_is_open_for_own_patients_says_whose_it_is(gate: Gate) -> None:
    """Without a field to look at, nobody could tell whose the answer is."""
    for _service, method in gate.methods():
        if method.policy.portal == policy_pb2.PORTAL_ACCESS_OWN:
            assert method.policy.patient_field or method.policy.party_field, method.full_name


def test_nothing_is_open_without_a_login(front_door: FrontDoor) -> None:
    """Every rule of the router with every verb, not only those that the contracts know."""
    client = httpx.Client(transport=httpx.WSGITransport(app=front_door.gateway.app), base_url="http://localhost")
    answered, refused, wrong = set(), 0, []
    for rule in front_door.gateway.app.url_map.iter_rules():
        path = rule.rule
        for name in rule.arguments:
            path = path.replace(f"<segment:{name}>", SOME_ID)
        assert "<" not in path, f"the crawl does not know how to fill {rule.rule}"
        for verb in VERBS:
            status = client.request(verb, path).status_code
            if status < 400:
                answered.add(path)
                if path not in OPEN or verb not in {"GET", "HEAD"}:
                    wrong.append(f"{verb} {path} answered {status}")
            refused += status in {401, 405, 400, 415}
    client.close()
    print(f"{refused} calls refused, {len(answered)} pages open")
    assert not wrong, "\n".join(wrong)
    assert answered == OPEN

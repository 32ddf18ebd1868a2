"""Whoever moves money says which version of the object he has seen: over every RPC whose policy says that it does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import httpx
import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from support.front_door import SERVICES, FrontDoor, route_pattern
from support.practice_day import Lived

from praxis.policy.v1 import policy_pb2
from praxis_chassis.boundary import Method

# What makes something, of which nobody can have seen a version; a retry is told by its key.
MAKES = {
    "CreateAdjustment": "makes an adjustment",
    "CreateEncounter": "makes an encounter",
    "CreatePayment": "makes a payment",
    "CreateRemittanceFile": "takes a file in, and knows the same bytes again",
}


@dataclass(frozen=True)
class Verb:
    """An RPC that moves money of something that is there."""

    name: str
    template: str


@pytest.fixture(scope="module")
def moving(front_door: FrontDoor) -> list[Method]:
    """Every RPC of every service that moves money, with those that are closed to the public."""
    found = [method for service in SERVICES for method in front_door.services[service].methods.values()]
    return [method for method in found if method.policy.audit_class == policy_pb2.AUDIT_CLASS_MONEY]


def test_what_moves_money_asks_for_an_etag_or_makes_something(moving: list[Method]) -> None:
    without = {method.name for method in moving if "etag" not in method.request.DESCRIPTOR.fields_by_name}
    assert without == MAKES.keys()
    assert len(moving) > len(MAKES)


def test_money_is_not_moved_at_the_door_without_an_etag(moving: list[Method], lived: Lived) -> None:
    """Each such call that went well is refused when it is made again without the version."""
    verbs = [verb for method in moving if method.name not in MAKES for verb in _public(method)]
    assert {"PostRemittance", "DiscardRemittance", "ReversePayment"} <= {verb.name for verb in verbs}
    for verb in verbs:
        pattern = route_pattern(verb.template)
        told = next(each for each in lived.diary.exchanges if each.method == "POST" and pattern.fullmatch(each.path))
        assert "if-match" in told.headers, verb
        unseen = replace(told, headers={"content-type": "application/json"}).again(lived.diary.client)
        assert (unseen.status_code, unseen.json()["code"]) == (httpx.codes.PRECONDITION_REQUIRED, "ETAG_REQUIRED"), verb
        assert "If-Match" in unseen.json()["detail"]


def _public(method: Method) -> list[Verb]:
    described = descriptor_pool.Default().FindMethodByName(method.full_name.replace("/", "."))
    template = described.GetOptions().Extensions[annotations_pb2.http].post
    return [Verb(method.name, template)] if template else []

"""A portal user searches and books for the patients whom the person answers for, and learns nothing of others."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from praxis.scheduling.v1 import appointment_service_pb2 as pb
from praxis.scheduling.v1 import appointment_type_pb2
from praxis_chassis.compartment import Compartment
from praxis_chassis.context import Actor, Context
from praxis_chassis.errors import DomainError
from praxis_chassis.rpc import Call
from praxis_scheduling.api import portal


def calling(compartment: Compartment | None) -> Call:
    unused: Any = None
    context = Context(tenant_id=uuid4(), actor=Actor("patient", "p"), runtime=None, compartment=compartment)
    return Call(unused, context)


def test_a_search_names_no_foreign_patient() -> None:
    own, foreign = uuid4(), uuid4()
    compartment = Compartment(party_id=uuid4(), patient_ids=frozenset({own}))
    with pytest.raises(DomainError):
        portal.names_own(calling(compartment), str(foreign))
    portal.names_own(calling(compartment), str(own))
    portal.names_own(calling(compartment), "")
    portal.names_own(calling(None), str(foreign))


def test_a_group_is_booked_by_the_rules_of_the_booking_channel() -> None:
    member = pb.GroupMember(reason="Cough", notes="VIP", authorization_id=str(uuid4()))
    wanted = pb.BookTogetherRequest(members=[member], override_reason="I want it", channel=1)
    asked = pb.BookTogetherRequest()
    asked.CopyFrom(wanted)
    portal.restrict(calling(None), asked)
    assert asked == wanted
    portal.restrict(calling(Compartment(party_id=uuid4(), patient_ids=frozenset())), asked)
    assert (asked.channel, asked.override_reason) == (appointment_type_pb2.CHANNEL_BOOKING, "")
    assert list(asked.members) == [pb.GroupMember(reason="Cough")]

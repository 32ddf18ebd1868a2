"""Where a portal user's world ends: the patients whom the person answers for, and the person's own party."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from google.protobuf.message import Message

from praxis.policy.v1 import policy_pb2
from praxis_chassis.errors import invalid, not_found

PORTAL_USER = "patient"


@dataclass(frozen=True, slots=True)
class Compartment:
    """The own party of a portal user, and the patients that it answers for, when the login was looked up last."""

    party_id: UUID
    patient_ids: frozenset[UUID]


def is_closed(policy: Any, kind: str, compartment: Compartment | None) -> bool:
    """Tell whether an RPC is closed to a caller because he uses the portal; without a compartment every one is."""
    if kind != PORTAL_USER:
        return False
    return compartment is None or policy.portal == policy_pb2.PORTAL_ACCESS_UNSPECIFIED


def check_request(policy: Any, compartment: Compartment | None, request: Message) -> None:
    """Refuse a portal user's request that names somebody else, or that asks for a list of everybody."""
    if compartment is None or policy.portal != policy_pb2.PORTAL_ACCESS_OWN:
        return
    if policy.party_field and ids_at(policy.party_field, request) != {compartment.party_id}:
        raise not_found("party", *ids_at(policy.party_field, request))
    named = ids_at("patient_id", request) if "patient_id" in request.DESCRIPTOR.fields_by_name else None
    if named is not None and not named:
        raise invalid("patient_id", "PATIENT_REQUIRED")
    if policy.patient_field and not policy.patient_field.startswith("reply."):
        named = (named or set()) | ids_at(policy.patient_field, request)
    check_shown(policy, compartment, named or set())


def check_shown(policy: Any, compartment: Compartment | None, patient_ids: Iterable[UUID]) -> None:
    """Refuse what would show or change a patient outside the compartment, as if there were none."""
    if compartment is None or policy.portal != policy_pb2.PORTAL_ACCESS_OWN:
        return
    foreign = set(patient_ids) - compartment.patient_ids - {compartment.party_id}
    if foreign:
        raise not_found("patient", min(foreign))


def ids_at(path: str, message: Message) -> set[UUID]:
    """Return the ids at a path of fields; lists are followed."""
    values: list[Any] = [message]
    for part in path.split("."):
        values = [item for value in values for item in items_of(getattr(value, part))]
    return {UUID(value) for value in values if value}


def items_of(value: Any) -> Iterable[Any]:
    """Return the members of a repeated field, or the one value of another."""
    return value if isinstance(value, Iterable) and not isinstance(value, str | bytes | Message) else [value]

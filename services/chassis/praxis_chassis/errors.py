"""Refusals with a declared reason, and their form on the wire (google.rpc.Status)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from google.protobuf import descriptor
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from praxis.policy.v1 import policy_pb2
from praxis.type.v1 import errors_pb2 as common
from praxis_chassis.texts import Catalog


@dataclass(frozen=True, slots=True)
class Violation:
    """One invalid field: its path in the request, the reason and the arguments of the reason's text."""

    path: str
    reason: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    text: str = ""


class DomainError(Exception):
    """A refusal that the caller can act on; `reason` is an enum value of an `errors.proto`.

    The arguments of its text are told to programs as words; the text itself writes money as the reader does.
    """

    is_refusal = True  # not a fault, so that no span it passes is marked as failed

    def __init__(
        self,
        reason: int,
        *,
        enum: Any = None,
        details: Sequence[Message] = (),
        violations: Sequence[Violation] = (),
        **metadata: object,
    ) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.enum = enum
        self.details = list(details)
        self.violations = list(violations)
        self.arguments: Mapping[str, object] = metadata
        self.text_key = ""  # where one reason is told in several ways: the key of this one's text

    @property
    def metadata(self) -> dict[str, str]:
        """The arguments as words."""
        return {key: str(value) for key, value in self.arguments.items()}


class CallFailed(Exception):
    """A finished refusal, ready for any transport."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(code_pb2.Code.Name(status.code))
        self.status = status


def common_error(reason: int, **metadata: object) -> DomainError:
    """Return a refusal whose reason every service shares."""
    error = DomainError(reason, enum=common.CommonErrorReason)
    error.arguments = metadata
    return error


def state_conflict(resource: str, state: str, allowed: Sequence[str]) -> DomainError:
    """Return the answer to a change that the state of a resource does not allow; some states allow none."""
    error = common_error(
        common.COMMON_ERROR_REASON_STATE_CONFLICT, resource=resource, state=state, allowed=", ".join(allowed)
    )
    error.text_key = "" if allowed else "STATE_FINAL"
    return error


def not_found(resource: str, identifier: object) -> DomainError:
    """Return the answer for an object that is not there, or not visible to the caller."""
    return common_error(common.COMMON_ERROR_REASON_NOT_FOUND, resource=resource, id=identifier)


def invalid(path: str, reason: str, **arguments: object) -> DomainError:
    """Return the answer for one invalid field; `reason` is a key of the service's text catalog."""
    return refuse([Violation(path, reason, arguments)])


def refuse(violations: Sequence[Violation]) -> DomainError:
    """Return the answer for several invalid fields at once."""
    return DomainError(common.COMMON_ERROR_REASON_INVALID_REQUEST, enum=common.CommonErrorReason, violations=violations)


@lru_cache(maxsize=512)
def reason_name(enum: Any, number: int) -> tuple[str, int]:
    """Return the reason without its type prefix and its gRPC code, as the contract declares them."""
    described: descriptor.EnumDescriptor = enum.DESCRIPTOR
    value = described.values_by_number[number]
    prefix = "".join(f"_{c}" if c.isupper() else c.upper() for c in described.name).lstrip("_") + "_"
    return value.name.removeprefix(prefix), value.GetOptions().Extensions[policy_pb2.status_code] or code_pb2.INTERNAL


def is_pending(error: DomainError, enum: Any) -> bool:
    """Tell whether the contract says that a refusal may end by itself, once an event has arrived."""
    described = (error.enum or enum).DESCRIPTOR.values_by_number[error.reason]
    return bool(described.GetOptions().Extensions[policy_pb2.pending])


def status_of(error: DomainError, enum: Any, domain: str, catalog: Catalog, locale: str) -> status_pb2.Status:
    """Return the wire form of a refusal, with its text in the caller's language."""
    name, code = reason_name(error.enum or enum, error.reason)
    status = status_pb2.Status(code=code, message=catalog.render(locale, error.text_key or name, error.arguments))
    info = error_details_pb2.ErrorInfo(reason=name, domain=domain, metadata=error.metadata)
    status.details.add().Pack(info)
    if error.violations:
        request = error_details_pb2.BadRequest()
        for item in error.violations:
            text = item.text or catalog.render(locale, item.reason, item.arguments)
            request.field_violations.add(field=item.path, reason=item.reason, description=text)
        status.details.add().Pack(request)
    for detail in error.details:
        status.details.add().Pack(detail)
    return status

"""Problem documents (RFC 9457): every refusal in one form, saying what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from praxis_gateway.contracts import Operation
from praxis_gateway.converters import Violation, to_json
from praxis_gateway.transcoding import place_of

MEDIA_TYPE = "application/problem+json"

# gRPC status code → HTTP status and the code of a problem that names no reason of its own.
_STATUS = {
    1: (503, "UNAVAILABLE"),
    3: (400, "INVALID_REQUEST"),
    4: (504, "DEADLINE_EXCEEDED"),
    5: (404, "NOT_FOUND"),
    6: (409, "ALREADY_EXISTS"),
    7: (403, "PERMISSION_DENIED"),
    8: (429, "OVERLOADED"),
    9: (409, "STATE_CONFLICT"),
    10: (409, "STATE_CONFLICT"),
    11: (400, "INVALID_REQUEST"),
    12: (501, "UNIMPLEMENTED"),
    14: (503, "UNAVAILABLE"),
    16: (401, "UNAUTHENTICATED"),
}
_STATUS_BY_REASON = {
    "ETAG_MISMATCH": 412,
    "ETAG_REQUIRED": 428,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "OVERLOADED": 503,
}
_SENTENCES = {
    "UNAVAILABLE": "A part of the system does not answer. Nothing was changed; try again in a moment.",
    "DEADLINE_EXCEEDED": "This took too long and was undone. Try again, or ask for less at once.",
    "OVERLOADED": "The system has more requests than it can answer in time. Try again in a few seconds.",
    "UNIMPLEMENTED": "A part of the system does not know this call yet. Try again in a few minutes.",
    "INTERNAL": "Something went wrong that you cannot mend. Tell support the request id.",
}


@dataclass
class Problem(Exception):
    """One refusal: what it is, what to do, and where the input was wrong."""

    status: int
    code: str
    detail: str
    errors: list[Violation] = field(default_factory=list)
    members: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def document(self, request_id: str, trace: str = "") -> dict[str, Any]:
        """Return the document to send; `trace` is the W3C trace parent of the call."""
        document: dict[str, Any] = {
            "type": f"/docs#problem/{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
        }
        if trace:
            document["trace_id"] = trace.split("-")[1]
        if self.errors:
            document["errors"] = [violation.entry() for violation in self.errors]
        return {**self.members, **document}


def invalid_input(violations: list[Violation]) -> Problem:
    """Return the problem of a request that does not fit the contract."""
    first = violations[0]
    place = first.parameter or first.pointer or "body"
    more = f" There are {len(violations) - 1} more; see errors." if len(violations) > 1 else ""
    return Problem(400, "INVALID_REQUEST", f"{place}: {first.message}{more}", violations)


def not_authenticated(detail: str, code: str = "UNAUTHENTICATED") -> Problem:
    """Return the answer to a caller who is not logged in."""
    return Problem(401, code, detail, headers={"WWW-Authenticate": 'Bearer realm="praxis"'})


def from_status(status: status_pb2.Status, operation: Operation | None = None) -> Problem:
    """Return the problem that a service's refusal becomes."""
    http_status, code = _STATUS.get(status.code, (500, "INTERNAL"))
    problem = Problem(http_status, code, status.message or _SENTENCES.get(code, code))
    for packed in status.details:
        detail = _unpack(packed)
        if detail is not None:
            _add_detail(problem, detail, operation)
    problem.status = _STATUS_BY_REASON.get(problem.code, problem.status)
    if http_status >= 500 and problem.code in _SENTENCES:
        problem.detail = _SENTENCES[problem.code]
    _add_headers(problem)
    return problem


def _unpack(packed: Packed) -> Message | None:
    """Return the message inside, or nothing when this process does not know its type."""
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
        return message_factory.GetMessageClass(descriptor).FromString(packed.value)
    except (KeyError, DecodeError):
        return None


def _add_detail(problem: Problem, detail: Message, operation: Operation | None) -> None:
    if isinstance(detail, error_details_pb2.ErrorInfo):
        problem.code = detail.reason or problem.code
    elif isinstance(detail, error_details_pb2.LocalizedMessage):
        problem.detail = detail.message
    elif isinstance(detail, error_details_pb2.RetryInfo):
        problem.headers["Retry-After"] = str(max(1, detail.retry_delay.seconds))
    elif isinstance(detail, error_details_pb2.BadRequest):
        problem.errors.extend(_violation(fault, operation) for fault in detail.field_violations)
    elif detail.DESCRIPTOR.full_name.startswith("praxis."):
        problem.members[_snake(detail.DESCRIPTOR.name)] = to_json(detail)


def _violation(fault: error_details_pb2.BadRequest.FieldViolation, operation: Operation | None) -> Violation:
    place = place_of(operation, fault.field) if operation else Violation(f"/{fault.field}", "", "")
    return Violation(place.pointer, fault.reason or "INVALID", fault.description, place.parameter)


def _add_headers(problem: Problem) -> None:
    if problem.status == HTTPStatus.UNAUTHORIZED:
        problem.headers["WWW-Authenticate"] = 'Bearer realm="praxis"'
    if problem.status in (429, 503):
        problem.headers.setdefault("Retry-After", "1")


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")

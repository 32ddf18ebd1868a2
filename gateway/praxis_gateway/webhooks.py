"""Calls of other systems that prove themselves by a signature: let in as guests, and passed on as they came."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from werkzeug.wrappers import Request

from praxis.type.v1 import type_pb2
from praxis_gateway.contracts import Operation
from praxis_gateway.problems import Problem
from praxis_gateway.tokens import Caller

LARGEST = 65_536
LONGEST_SIGNATURE = 512
MOST_SIGNATURES = 5


def guest(operation: Operation, path: Mapping[str, str]) -> Caller:
    """Return somebody who may call this one operation for the practice that the path names, and nothing else.

    Whether he is who he says the service finds out, because it has the secret.
    """
    place = operation.path_fields().index(operation.policy.tenant_field)
    try:
        tenant = str(UUID(path[f"p{place}"]))
    except ValueError:
        raise Problem(404, "NOT_FOUND", "There is no such practice. Check the address.") from None
    return Caller(tenant, "guest", "anonymous", (operation.policy.permission,))


def raw_request(request: Request, data: bytes) -> type_pb2.RawRequest:
    """Return a body as it came, with the headers that sign it."""
    signed = [(name.lower(), value) for name, value in request.headers.items() if "signature" in name.lower()]
    kept = {name: value for name, value in signed[:MOST_SIGNATURES] if len(value) <= LONGEST_SIGNATURE}
    return type_pb2.RawRequest(content=data, media_type=request.mimetype[:200], signatures=kept)

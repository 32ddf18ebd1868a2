"""What the gateway does after a few calls beyond passing on the reply: cookies of logins, and the test clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Response, request

from praxis.identity.v1 import clock_service_pb2, session_pb2
from praxis.operations.v1 import operations_service_pb2 as operations_pb2
from praxis_chassis.tokens import Minter
from praxis_chassis.types import new_id
from praxis_gateway.authentication import COOKIE, LOOPBACK_COOKIE, Authenticator, is_secure
from praxis_gateway.endpoint import AfterCall
from praxis_gateway.invoke import WRITE_SECONDS, RefusedError, Reply, Transport
from praxis_gateway.problems import from_status
from praxis_gateway.tokens import Caller, bearer

_SET_CLOCK = "praxis.operations.v1.OperationsService/SetClockOffset"


def after_calls(
    authenticator: Authenticator, minter: Minter, transports: Mapping[str, Transport]
) -> dict[str, AfterCall]:
    """Return the effects by the RPC that they follow."""
    return {
        "praxis.identity.v1.SessionService/CreateSession": _set_cookie,
        "praxis.identity.v1.SessionService/DeleteSession": _end_session(authenticator),
        "praxis.identity.v1.UserService/ChangePassword": _end_session(authenticator),
        "praxis.identity.v1.ClockService/AdvanceClock": _move_clocks(minter, transports),
    }


def _set_cookie(_: Caller | None, reply: Reply, response: Response) -> None:
    session = reply.message
    assert isinstance(session, session_pb2.Session)
    name = COOKIE if is_secure(request) else LOOPBACK_COOKIE
    response.set_cookie(name, session.token, path="/", secure=is_secure(request), httponly=True, samesite="Lax")


def _end_session(authenticator: Authenticator) -> AfterCall:
    def end(_: Caller | None, __: Reply, response: Response) -> None:
        authenticator.forget(request)
        if request.method == "DELETE":
            response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
            response.delete_cookie(LOOPBACK_COOKIE, path="/", httponly=True, samesite="Lax")

    return end


def _move_clocks(minter: Minter, transports: Mapping[str, Transport]) -> Callable[..., None]:
    """Return the effect that tells every service the new offset; a retry of the call tells it again."""

    def move(caller: Caller | None, reply: Reply, _: Response) -> None:
        clock = reply.message
        assert isinstance(clock, clock_service_pb2.Clock)
        assert caller is not None
        offset = operations_pb2.SetClockOffsetRequest(offset_seconds=clock.offset_seconds)
        system = Caller(caller.tenant_id, "gateway", "system")
        for transport in transports.values():
            token = bearer(minter, system, ["operations.clock.set"])
            metadata = {"authorization": token, "x-request-id": str(new_id())}
            try:
                transport.call(_SET_CLOCK, offset, metadata, WRITE_SECONDS)
            except RefusedError as refusal:
                raise from_status(refusal.status) from None

    return move

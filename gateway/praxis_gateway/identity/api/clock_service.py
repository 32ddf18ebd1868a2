"""RPCs of the test clock."""

from __future__ import annotations

from praxis.identity.v1 import clock_service_pb2 as pb
from praxis_chassis.rpc import Call, command, query
from praxis_gateway.identity.usecases import clocks


class ClockService:
    """Shows and moves the clock of a test practice."""

    @query
    def GetClock(self, _request: pb.GetClockRequest, call: Call) -> pb.Clock:
        return clocks.show(call.session)

    @command
    def AdvanceClock(self, request: pb.AdvanceClockRequest, call: Call) -> pb.Clock:
        return clocks.advance(call.session, request.seconds)

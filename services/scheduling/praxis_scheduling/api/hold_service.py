"""Times that are kept for callers who have not finished booking."""

from __future__ import annotations

from praxis.scheduling.v1 import hold_pb2
from praxis.scheduling.v1 import hold_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.mappings import HOLD
from praxis_scheduling.store.models import Hold
from praxis_scheduling.usecases import holding, holds


class HoldService:
    """Keeps times for callers who have not finished booking."""

    @query
    def GetHold(self, request: pb.GetHoldRequest, call: Call) -> hold_pb2.Hold:
        return HOLD.message(fetch(call.session, Hold, request.id))

    @command
    def CreateHold(self, request: pb.CreateHoldRequest, call: Call) -> hold_pb2.Hold:
        made = holding.keep(call.session, HOLD.new(request.hold))
        reply: hold_pb2.Hold = HOLD.message(made)
        reply.token = made.token
        return reply

    @command
    def ReleaseHold(self, request: pb.ReleaseHoldRequest, call: Call) -> hold_pb2.Hold:
        return HOLD.message(holds.release(call.session, request.id, request.etag))

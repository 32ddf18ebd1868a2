"""Changes of the clock, shown before they come."""

from __future__ import annotations

from praxis.scheduling.v1 import clock_change_service_pb2 as pb
from praxis_chassis.rpc import Call, query
from praxis_scheduling.usecases import clock_changes


class ClockChangeService:
    """Shows changes of the clock before they come."""

    @query
    def PreviewClockChanges(self, request: pb.PreviewClockChangesRequest, call: Call) -> pb.PreviewClockChangesResponse:
        return pb.PreviewClockChangesResponse(clock_changes=clock_changes.preview(call.session, request))

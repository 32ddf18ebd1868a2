"""The times in which a location or a resource is closed."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from praxis.scheduling.v1 import closure_service_pb2 as pb
from praxis.scheduling.v1 import template_pb2
from praxis_chassis.database import fetch
from praxis_chassis.mapping import moment
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.mappings import CLOSURE
from praxis_scheduling.store.models import Closure
from praxis_scheduling.usecases import holidays, setup


class ClosureService:
    """The times in which a location or a resource is closed."""

    @query
    def GetClosure(self, request: pb.GetClosureRequest, call: Call) -> template_pb2.Closure:
        return CLOSURE.message(fetch(call.session, Closure, request.id))

    @query
    def ListClosures(self, request: pb.ListClosuresRequest, call: Call) -> pb.ListClosuresResponse:
        wanted = select(Closure)
        if request.location_id:
            wanted = wanted.where(Closure.location_id == UUID(request.location_id))
        if request.HasField("ends_after_time"):
            wanted = wanted.where(Closure.end_time > moment(request.ends_after_time))
        if not request.include_inactive:
            wanted = wanted.where(Closure.active)
        items, token = page(call.session, wanted, order=[Closure.start_time, Closure.id], request=request)
        return pb.ListClosuresResponse(closures=map(CLOSURE.message, items), next_page_token=token)

    @query
    def SuggestHolidays(self, request: pb.SuggestHolidaysRequest, call: Call) -> pb.SuggestHolidaysResponse:
        return holidays.suggest(call.session, request)

    @command
    def CreateClosure(self, request: pb.CreateClosureRequest, call: Call) -> template_pb2.Closure:
        return CLOSURE.message(setup.create_closure(call.session, CLOSURE.new(request.closure)))

    @command
    def UpdateClosure(self, request: pb.UpdateClosureRequest, call: Call) -> template_pb2.Closure:
        found = fetch(call.session, Closure, request.closure.id, lock=True, etag=request.closure.etag)
        CLOSURE.apply(found, request.closure, request.update_mask.paths)
        return CLOSURE.message(setup.change_closure(call.session, found))

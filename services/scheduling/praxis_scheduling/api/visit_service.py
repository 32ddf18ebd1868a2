"""Visits: the flow board from the arrival to the check-out."""

from __future__ import annotations

from praxis.scheduling.v1 import visit_pb2
from praxis.scheduling.v1 import visit_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.dates import between
from praxis_scheduling.api.mappings import VISIT
from praxis_scheduling.store.models import Visit
from praxis_scheduling.usecases import visits


class VisitService:
    """Runs the flow board."""

    @query
    def GetVisit(self, request: pb.GetVisitRequest, call: Call) -> visit_pb2.Visit:
        return VISIT.message(fetch(call.session, Visit, request.id))

    @query
    def ListVisits(self, request: pb.ListVisitsRequest, call: Call) -> pb.ListVisitsResponse:
        wanted = visits.wanted(request, between(Visit.local_date, request))
        items, token = page(call.session, wanted, order=[Visit.arrive_time, Visit.id], request=request)
        return pb.ListVisitsResponse(visits=map(VISIT.message, items), next_page_token=token)

    @command
    def CreateVisit(self, request: pb.CreateVisitRequest, call: Call) -> visit_pb2.Visit:
        return VISIT.message(visits.walk_in(call.session, VISIT.new(request.visit)))

    @command
    def RoomVisit(self, request: pb.RoomVisitRequest, call: Call) -> visit_pb2.Visit:
        return VISIT.message(visits.room(call.session, request.id, request.etag, request.room_id))

    @command
    def StartVisitTech(self, request: pb.StartVisitTechRequest, call: Call) -> visit_pb2.Visit:
        return VISIT.message(visits.start_tech(call.session, request.id, request.etag))

    @command
    def StartVisitClinician(self, request: pb.StartVisitClinicianRequest, call: Call) -> visit_pb2.Visit:
        visit = visits.start_clinician(call.session, request.id, request.etag, request.practitioner_id)
        return VISIT.message(visit)

    @command
    def ReadyVisitForCheckout(self, request: pb.ReadyVisitForCheckoutRequest, call: Call) -> visit_pb2.Visit:
        return VISIT.message(visits.ready_for_checkout(call.session, request.id, request.etag))

    @command
    def CompleteVisit(self, request: pb.CompleteVisitRequest, call: Call) -> visit_pb2.Visit:
        return VISIT.message(visits.complete(call.session, request.id, request.etag))

    @command
    def LeaveVisit(self, request: pb.LeaveVisitRequest, call: Call) -> visit_pb2.Visit:
        return VISIT.message(visits.leave(call.session, request.id, request.etag))

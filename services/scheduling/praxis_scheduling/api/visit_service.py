"""Visits: the flow board from the arrival to the check-out."""

from __future__ import annotations

from sqlalchemy import select

from praxis.scheduling.v1 import visit_pb2
from praxis.scheduling.v1 import visit_service_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.database import fetch
from praxis_chassis.mapping import instant
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.dates import between
from praxis_scheduling.api.flow_mappings import VISIT_STATUS_EVENT
from praxis_scheduling.api.mappings import VISIT
from praxis_scheduling.store.flow import Visit, VisitStatusEvent
from praxis_scheduling.usecases import queue, visits, wait_times


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
        return VISIT.message(visits.leave(call.session, request.id, request.etag, request.reason))

    @command
    def UndoVisit(self, request: pb.UndoVisitRequest, call: Call) -> visit_pb2.Visit:
        return VISIT.message(visits.undo(call.session, request.id, request.etag, request.reason))

    @command
    def UpdateVisit(self, request: pb.UpdateVisitRequest, call: Call) -> visit_pb2.Visit:
        found = fetch(call.session, Visit, request.visit.id, lock=True, etag=request.visit.etag)
        VISIT.apply(found, request.visit, request.update_mask.paths)
        return VISIT.message(visits.change(call.session, found))

    @query
    def ListVisitStatusEvents(
        self, request: pb.ListVisitStatusEventsRequest, call: Call
    ) -> pb.ListVisitStatusEventsResponse:
        visit = fetch(call.session, Visit, request.visit_id)
        wanted = select(VisitStatusEvent).where(VisitStatusEvent.visit_id == visit.id)
        items, token = page(call.session, wanted, order=[VisitStatusEvent.sequence], request=request)
        reply = pb.ListVisitStatusEventsResponse(next_page_token=token, patient_id=str(visit.patient_id))
        undone = visits.undone_steps(call.session, visit)
        for item in items:
            reply.status_events.append(VISIT_STATUS_EVENT.message(item))
            reply.status_events[-1].undone = item.sequence in undone
        return reply

    @query
    def GetVisitQueue(self, request: pb.GetVisitQueueRequest, call: Call) -> pb.GetVisitQueueResponse:
        places = queue.places(call.session, request)
        entries = [
            visit_pb2.QueueEntry(
                visit=VISIT.message(place.visit),
                position=place.position,
                waited_minutes=place.waited_minutes,
                estimated_wait_minutes=place.estimated_wait_minutes,
            )
            for place in places
        ]
        return pb.GetVisitQueueResponse(entries=entries, as_of_time=instant(clock.now(call.session)))

    @query
    def GetWaitTimes(self, request: pb.GetWaitTimesRequest, call: Call) -> pb.GetWaitTimesResponse:
        rows = wait_times.rows(call.session, request)
        return pb.GetWaitTimesResponse(rows=rows, as_of_time=instant(clock.now(call.session)))

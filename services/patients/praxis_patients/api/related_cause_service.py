"""The RPCs of causes for which another insurer may be liable."""

from __future__ import annotations

from sqlalchemy import select

from praxis.patients.v1 import related_cause_pb2
from praxis.patients.v1 import related_cause_service_pb2 as pb
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.merging import now_of
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.causes import RELATED_CAUSE, RelatedCause
from praxis_patients.usecases import causes


class RelatedCauseService:
    @query
    def GetRelatedCause(self, request: pb.GetRelatedCauseRequest, call: Call) -> related_cause_pb2.RelatedCause:
        return RELATED_CAUSE.message(fetch(call.session, RelatedCause, request.id))

    @query
    def ListRelatedCauses(self, request: pb.ListRelatedCausesRequest, call: Call) -> pb.ListRelatedCausesResponse:
        wanted = select(RelatedCause)
        if request.patient_id:
            wanted = wanted.where(RelatedCause.patient_id == now_of(uuid_of(request.patient_id, "patient_id")))
        found, token = page(call.session, wanted, order=[RelatedCause.id], request=request)
        return pb.ListRelatedCausesResponse(related_causes=map(RELATED_CAUSE.message, found), next_page_token=token)

    @command
    def CreateRelatedCause(self, request: pb.CreateRelatedCauseRequest, call: Call) -> related_cause_pb2.RelatedCause:
        return RELATED_CAUSE.message(causes.create(call.session, request))

    @command
    def UpdateRelatedCause(self, request: pb.UpdateRelatedCauseRequest, call: Call) -> related_cause_pb2.RelatedCause:
        return RELATED_CAUSE.message(causes.update(call.session, request))

    @command
    def CloseRelatedCause(self, request: pb.CloseRelatedCauseRequest, call: Call) -> related_cause_pb2.RelatedCause:
        return RELATED_CAUSE.message(causes.close(call.session, request))

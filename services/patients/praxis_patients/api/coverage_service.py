"""The RPCs of coverages."""

from __future__ import annotations

from sqlalchemy import select

from praxis.patients.v1 import coverage_pb2
from praxis.patients.v1 import coverage_service_pb2 as pb
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.mappings import COVERAGE
from praxis_patients.store.models import Coverage
from praxis_patients.usecases import coverages


class CoverageService:
    @query
    def GetCoverage(self, request: pb.GetCoverageRequest, call: Call) -> coverage_pb2.Coverage:
        return COVERAGE.message(fetch(call.session, Coverage, request.id))

    @query
    def ListCoverages(self, request: pb.ListCoveragesRequest, call: Call) -> pb.ListCoveragesResponse:
        wanted = select(Coverage)
        if request.patient_id:
            wanted = wanted.where(Coverage.patient_id == uuid_of(request.patient_id, "patient_id"))
        order = [Coverage.patient_id, Coverage.rank, Coverage.id]
        found, token = page(call.session, wanted, order=order, request=request)
        return pb.ListCoveragesResponse(coverages=map(COVERAGE.message, found), next_page_token=token)

    @command
    def CreateCoverage(self, request: pb.CreateCoverageRequest, call: Call) -> coverage_pb2.Coverage:
        return COVERAGE.message(coverages.add(call.session, request))

    @command
    def UpdateCoverage(self, request: pb.UpdateCoverageRequest, call: Call) -> coverage_pb2.Coverage:
        return COVERAGE.message(coverages.update(call.session, request))

    @command
    def EndCoverage(self, request: pb.EndCoverageRequest, call: Call) -> coverage_pb2.Coverage:
        return COVERAGE.message(coverages.end(call.session, request))

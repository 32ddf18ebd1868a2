"""The RPCs of coverages."""

from __future__ import annotations

from sqlalchemy import select

from praxis.patients.v1 import coverage_pb2
from praxis.patients.v1 import coverage_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.merging import now_of
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.mappings import COVERAGE
from praxis_patients.store.models import Coverage
from praxis_patients.usecases import coverages, verifications


class CoverageService:
    @query
    def GetCoverage(self, request: pb.GetCoverageRequest, call: Call) -> coverage_pb2.Coverage:
        return COVERAGE.message(fetch(call.session, Coverage, request.id))

    @query
    def ListCoverages(self, request: pb.ListCoveragesRequest, call: Call) -> pb.ListCoveragesResponse:
        wanted = select(Coverage)
        if request.patient_id:
            wanted = wanted.where(Coverage.patient_id == now_of(uuid_of(request.patient_id, "patient_id")))
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
    def VerifyCoverage(self, request: pb.VerifyCoverageRequest, call: Call) -> coverage_pb2.Coverage:
        return COVERAGE.message(verifications.verify(call.session, request))

    @command
    def AttachCard(self, request: pb.AttachCardRequest, call: Call) -> coverage_pb2.Coverage:
        return COVERAGE.message(verifications.attach_card(call.session, request))

    @query
    def GetCardImage(self, request: pb.GetCardImageRequest, call: Call) -> type_pb2.FileReference:
        return verifications.card_image(call.session, request)

    @query
    def ListCoverageVerifications(
        self, request: pb.ListCoverageVerificationsRequest, call: Call
    ) -> pb.ListCoverageVerificationsResponse:
        session, bounds = call.session, verifications.limits(call.session, request)
        found, token = page(session, verifications.worklist(session, request), order=[Coverage.id], request=request)
        items = [
            pb.CoverageVerification(
                coverage=COVERAGE.message(item), reasons=verifications.reasons_of(session, item, bounds)
            )
            for item in found
        ]
        return pb.ListCoverageVerificationsResponse(coverage_verifications=items, next_page_token=token)

    @command
    def EndCoverage(self, request: pb.EndCoverageRequest, call: Call) -> coverage_pb2.Coverage:
        return COVERAGE.message(coverages.end(call.session, request))

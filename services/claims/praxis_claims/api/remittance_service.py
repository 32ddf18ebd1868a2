"""The RPCs of remittances."""

from __future__ import annotations

from sqlalchemy import select

from praxis.claims.v1 import remittance_pb2, remittance_service_pb2
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_claims.store.mappings import REMITTANCE, REMITTANCE_CLAIM
from praxis_claims.store.models import Remittance, RemittanceClaim, RemittanceFile
from praxis_claims.usecases import remittances


class RemittanceService:
    @command
    def CreateRemittanceFile(
        self, request: remittance_service_pb2.CreateRemittanceFileRequest, call: Call
    ) -> remittance_pb2.RemittanceFile:
        stored = remittances.take_in(call.session, request.file)
        return remittances.summary(call.session, stored)

    @query
    def GetRemittanceFile(
        self, request: remittance_service_pb2.GetRemittanceFileRequest, call: Call
    ) -> remittance_pb2.RemittanceFile:
        return remittances.summary(call.session, fetch(call.session, RemittanceFile, request.id))

    @query
    def GetRemittance(
        self, request: remittance_service_pb2.GetRemittanceRequest, call: Call
    ) -> remittance_pb2.Remittance:
        return REMITTANCE.message(fetch(call.session, Remittance, request.id))

    @query
    def ListRemittances(
        self, request: remittance_service_pb2.ListRemittancesRequest, call: Call
    ) -> remittance_service_pb2.ListRemittancesResponse:
        wanted = select(Remittance)
        if request.states:
            wanted = wanted.where(Remittance.state.in_(list(request.states)))
        if request.payer_id:
            wanted = wanted.where(Remittance.payer_id == uuid_of(request.payer_id))
        if request.remittance_file_id:
            wanted = wanted.where(Remittance.remittance_file_id == uuid_of(request.remittance_file_id))
        found, token = page(call.session, wanted, order=[Remittance.id], request=request, descending=True)
        messages = map(REMITTANCE.message, found)
        return remittance_service_pb2.ListRemittancesResponse(remittances=messages, next_page_token=token)

    @query
    def ListRemittanceClaims(
        self, request: remittance_service_pb2.ListRemittanceClaimsRequest, call: Call
    ) -> remittance_service_pb2.ListRemittanceClaimsResponse:
        remittance = fetch(call.session, Remittance, request.remittance_id)
        wanted = select(RemittanceClaim).where(RemittanceClaim.remittance_id == remittance.id)
        if request.states:
            wanted = wanted.where(RemittanceClaim.state.in_(list(request.states)))
        order = [RemittanceClaim.position, RemittanceClaim.id]
        found, token = page(call.session, wanted, order=order, request=request)
        messages = map(REMITTANCE_CLAIM.message, found)
        return remittance_service_pb2.ListRemittanceClaimsResponse(remittance_claims=messages, next_page_token=token)

    @command
    def PostRemittance(
        self, request: remittance_service_pb2.PostRemittanceRequest, call: Call
    ) -> remittance_pb2.Remittance:
        remittance = remittances.approve(call.session, request)
        call.session.flush()
        return REMITTANCE.message(remittance)

    @command
    def DiscardRemittance(
        self, request: remittance_service_pb2.DiscardRemittanceRequest, call: Call
    ) -> remittance_pb2.Remittance:
        remittance = remittances.discard(call.session, request)
        call.session.flush()
        return REMITTANCE.message(remittance)

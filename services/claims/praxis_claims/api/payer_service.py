"""The RPCs of payers."""

from __future__ import annotations

from praxis.claims.v1 import payer_pb2, payer_service_pb2
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_claims.store.mappings import PAYER
from praxis_claims.store.models import Payer
from praxis_claims.usecases import payers


class PayerService:
    @query
    def GetPayer(self, request: payer_service_pb2.GetPayerRequest, call: Call) -> payer_pb2.Payer:
        return PAYER.message(fetch(call.session, Payer, request.id))

    @query
    def ListPayers(
        self, request: payer_service_pb2.ListPayersRequest, call: Call
    ) -> payer_service_pb2.ListPayersResponse:
        found, token = page(call.session, payers.listed(request), order=[Payer.name, Payer.id], request=request)
        return payer_service_pb2.ListPayersResponse(payers=map(PAYER.message, found), next_page_token=token)

    @command
    def CreatePayer(self, request: payer_service_pb2.CreatePayerRequest, call: Call) -> payer_pb2.Payer:
        return _stored(call, payers.create(call.session, request))

    @command
    def UpdatePayer(self, request: payer_service_pb2.UpdatePayerRequest, call: Call) -> payer_pb2.Payer:
        return _stored(call, payers.update(call.session, request))


def _stored(call: Call, payer: Payer) -> payer_pb2.Payer:
    call.session.flush()
    return PAYER.message(payer)

"""Visits for which something that is usually charged was not."""

from __future__ import annotations

from praxis.billing.v1 import missed_charge_pb2
from praxis.billing.v1 import missed_charge_service_pb2 as pb
from praxis_billing.store.models import VisitCopy
from praxis_billing.usecases import missed_charges
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query


class MissedChargeService:
    """Visits for which something that is usually charged was not."""

    @query
    def ListMissedCharges(self, request: pb.ListMissedChargesRequest, call: Call) -> pb.ListMissedChargesResponse:
        order = [VisitCopy.local_date, VisitCopy.id]
        wanted = missed_charges.wanted(call.session, request)
        visits, token = page(call.session, wanted, order=order, request=request, descending=True)
        return pb.ListMissedChargesResponse(
            missed_charges=missed_charges.messages(call.session, visits, dismissed=request.dismissed),
            next_page_token=token,
        )

    @command
    def DismissMissedCharge(self, request: pb.DismissMissedChargeRequest, call: Call) -> missed_charge_pb2.MissedCharge:
        return missed_charges.dismiss(call.session, request)

    @command
    def RestoreMissedCharge(self, request: pb.RestoreMissedChargeRequest, call: Call) -> missed_charge_pb2.MissedCharge:
        return missed_charges.restore(call.session, request.visit_id)

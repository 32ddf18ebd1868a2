"""RPCs of payments and adjustments."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select

from praxis.billing.v1 import payment_pb2
from praxis.billing.v1 import payment_service_pb2 as pb
from praxis_billing.store.mappings import ADJUSTMENT, PAYMENT
from praxis_billing.store.models import Adjustment, Payment
from praxis_billing.usecases import adjustments, payments
from praxis_chassis.database import fetch
from praxis_chassis.mapping import read_date
from praxis_chassis.merging import now_of
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query


class PaymentService:
    @command
    def CreatePayment(self, request: pb.CreatePaymentRequest, call: Call) -> payment_pb2.Payment:
        return _shown(payments.receive(call.session, request.payment))

    @query
    def GetPayment(self, request: pb.GetPaymentRequest, call: Call) -> payment_pb2.Payment:
        return _shown(fetch(call.session, Payment, request.id))

    @query
    def ListPayments(self, request: pb.ListPaymentsRequest, call: Call) -> pb.ListPaymentsResponse:
        order = [Payment.received_date, Payment.id]
        items, token = page(call.session, _wanted(request), order=order, request=request, descending=True)
        return pb.ListPaymentsResponse(payments=map(_shown, items), next_page_token=token)

    @command
    def AllocatePayment(self, request: pb.AllocatePaymentRequest, call: Call) -> payment_pb2.Payment:
        return _shown(payments.allocate(call.session, request))

    @command
    def ReversePayment(self, request: pb.ReversePaymentRequest, call: Call) -> payment_pb2.Payment:
        return _shown(payments.reverse(call.session, request))

    @command
    def CreateAdjustment(self, request: pb.CreateAdjustmentRequest, call: Call) -> payment_pb2.Adjustment:
        return ADJUSTMENT.message(adjustments.adjust(call.session, request.adjustment))

    @query
    def GetAdjustment(self, request: pb.GetAdjustmentRequest, call: Call) -> payment_pb2.Adjustment:
        return ADJUSTMENT.message(fetch(call.session, Adjustment, request.id))

    @query
    def ListAdjustments(self, request: pb.ListAdjustmentsRequest, call: Call) -> pb.ListAdjustmentsResponse:
        found = select(Adjustment)
        if request.encounter_id:
            found = found.where(Adjustment.encounter_id == UUID(request.encounter_id))
        if request.patient_id:
            found = found.where(Adjustment.patient_id == now_of(request.patient_id))
        items, token = page(call.session, found, order=[Adjustment.id], request=request, descending=True)
        call.shows(*{item.patient_id for item in items})
        return pb.ListAdjustmentsResponse(adjustments=map(ADJUSTMENT.message, items), next_page_token=token)

    @command
    def ReverseAdjustment(self, request: pb.ReverseAdjustmentRequest, call: Call) -> payment_pb2.Adjustment:
        return ADJUSTMENT.message(adjustments.reverse(call.session, request))


def _shown(payment: Payment) -> payment_pb2.Payment:
    """Return a payment with the reason of its reversal, which events leave out."""
    message = PAYMENT.message(payment)
    message.reversal_reason = payment.reversal_reason
    return message


def _wanted(request: pb.ListPaymentsRequest) -> Select[Payment]:
    found = select(Payment)
    if request.account_id:
        found = found.where(Payment.account_id == UUID(request.account_id))
    if request.payer_id:
        found = found.where(Payment.payer_id == UUID(request.payer_id))
    if first := read_date(request.from_date, "from_date"):
        found = found.where(Payment.received_date >= first)
    if last := read_date(request.to_date, "to_date"):
        found = found.where(Payment.received_date <= last)
    if request.unapplied_only:
        found = found.where(Payment.unapplied_minor != 0)
    return found

"""Built-in reports over gRPC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from praxis.reporting.v1 import report_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis.rpc import Call, command, query
from praxis_reporting.usecases import agings, appointments_list, claims_by_state, day_sheet, exports, reconciliation


class ReportService:
    @query
    def GetDaySheet(self, request: pb.GetDaySheetRequest, call: Call) -> pb.GetDaySheetResponse:
        reply = day_sheet.day_sheet(call.session, request)
        call.shows(*_patients(reply.rows))
        return reply

    @query
    def GetAppointmentsList(self, request: pb.GetAppointmentsListRequest, call: Call) -> pb.GetAppointmentsListResponse:
        reply = appointments_list.appointments_list(call.session, request)
        call.shows(*_patients(reply.rows))
        return reply

    @query
    def GetPatientAging(self, request: pb.GetPatientAgingRequest, call: Call) -> pb.GetPatientAgingResponse:
        return agings.patient_aging(call.session, request)

    @query
    def GetPayerAging(self, request: pb.GetPayerAgingRequest, call: Call) -> pb.GetPayerAgingResponse:
        return agings.payer_aging(call.session, request)

    @query
    def GetClaimsByState(self, request: pb.GetClaimsByStateRequest, call: Call) -> pb.GetClaimsByStateResponse:
        reply = claims_by_state.claims_by_state(call.session, request)
        call.shows(*_patients(reply.rows))
        return reply

    @query
    def GetReconciliation(self, _: pb.GetReconciliationRequest, call: Call) -> pb.GetReconciliationResponse:
        return reconciliation.reconcile(call.session)

    @command
    def ExportReport(self, request: pb.ExportReportRequest, call: Call) -> type_pb2.FileReference:
        return exports.export(call.session, request)


def _patients(rows: Iterable[Any]) -> set[UUID]:
    return {UUID(row.patient_id) for row in rows if row.patient_id}

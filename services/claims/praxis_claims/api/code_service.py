"""The RPCs of code sets."""

from __future__ import annotations

from praxis.claims.v1 import code_pb2, code_service_pb2
from praxis_chassis.rpc import Call, query
from praxis_claims.usecases import codes


class CodeService:
    @query
    def GetDiagnosisCode(self, request: code_service_pb2.GetDiagnosisCodeRequest, call: Call) -> code_pb2.DiagnosisCode:
        return codes.look_up(call.session, request.code, request.service_date)

    @query
    def ListDiagnosisCodes(
        self, request: code_service_pb2.ListDiagnosisCodesRequest, call: Call
    ) -> code_service_pb2.ListDiagnosisCodesResponse:
        return codes.search(call.session, request)

    @query
    def ListPlacesOfService(
        self, _request: code_service_pb2.ListPlacesOfServiceRequest, _call: Call
    ) -> code_service_pb2.ListPlacesOfServiceResponse:
        places = [code_pb2.PlaceOfService(code=code, name=name) for code, name in codes.places()]
        return code_service_pb2.ListPlacesOfServiceResponse(places_of_service=places)

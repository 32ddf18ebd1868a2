"""The RPCs of merges."""

from __future__ import annotations

from praxis.patients.v1 import merge_pb2
from praxis.patients.v1 import merge_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.mappings import PATIENT_MERGE
from praxis_patients.store.merges import PatientMerge
from praxis_patients.usecases import merges


class MergeService:
    @command
    def MergePatients(self, request: pb.MergePatientsRequest, call: Call) -> merge_pb2.PatientMerge:
        return PATIENT_MERGE.message(merges.merge(call.session, request))

    @query
    def GetPatientMerge(self, request: pb.GetPatientMergeRequest, call: Call) -> merge_pb2.PatientMerge:
        return PATIENT_MERGE.message(fetch(call.session, PatientMerge, request.id))

    @query
    def ListPatientMerges(self, request: pb.ListPatientMergesRequest, call: Call) -> pb.ListPatientMergesResponse:
        wanted = merges.listed(request)
        found, token = page(call.session, wanted, order=[PatientMerge.id], request=request, descending=True)
        return pb.ListPatientMergesResponse(patient_merges=map(PATIENT_MERGE.message, found), next_page_token=token)

    @command
    def ReversePatientMerge(self, request: pb.ReversePatientMergeRequest, call: Call) -> merge_pb2.PatientMerge:
        return PATIENT_MERGE.message(merges.reverse(call.session, request))

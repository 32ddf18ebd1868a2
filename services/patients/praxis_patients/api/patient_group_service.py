"""The RPCs of groups of patients."""

from __future__ import annotations

from sqlalchemy import select

from praxis.patients.v1 import patient_group_pb2
from praxis.patients.v1 import patient_group_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.annotations import PatientGroup
from praxis_patients.store.mappings import PATIENT_GROUP
from praxis_patients.usecases import alerts


class PatientGroupService:
    @query
    def GetPatientGroup(self, request: pb.GetPatientGroupRequest, call: Call) -> patient_group_pb2.PatientGroup:
        return PATIENT_GROUP.message(fetch(call.session, PatientGroup, request.id))

    @query
    def ListPatientGroups(self, request: pb.ListPatientGroupsRequest, call: Call) -> pb.ListPatientGroupsResponse:
        found, token = page(
            call.session, select(PatientGroup), order=[PatientGroup.tag, PatientGroup.id], request=request
        )
        return pb.ListPatientGroupsResponse(patient_groups=map(PATIENT_GROUP.message, found), next_page_token=token)

    @command
    def CreatePatientGroup(self, request: pb.CreatePatientGroupRequest, call: Call) -> patient_group_pb2.PatientGroup:
        return PATIENT_GROUP.message(alerts.create_group(call.session, request.patient_group))

    @command
    def UpdatePatientGroup(self, request: pb.UpdatePatientGroupRequest, call: Call) -> patient_group_pb2.PatientGroup:
        return PATIENT_GROUP.message(alerts.change_group(call.session, request))

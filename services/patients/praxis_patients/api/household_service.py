"""The RPCs of households."""

from __future__ import annotations

from praxis.patients.v1 import household_pb2
from praxis.patients.v1 import household_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.annotations import Household
from praxis_patients.store.mappings import HOUSEHOLD, PATIENT_READING
from praxis_patients.store.models import Patient
from praxis_patients.usecases import households


class HouseholdService:
    @query
    def GetHousehold(self, request: pb.GetHouseholdRequest, call: Call) -> household_pb2.Household:
        return HOUSEHOLD.message(fetch(call.session, Household, request.id))

    @query
    def ListHouseholds(self, request: pb.ListHouseholdsRequest, call: Call) -> pb.ListHouseholdsResponse:
        wanted, order = households.wanted(request), [Household.id]
        found, token = page(call.session, wanted, order=order, request=request)
        return pb.ListHouseholdsResponse(households=map(HOUSEHOLD.message, found), next_page_token=token)

    @command
    def CreateHousehold(self, request: pb.CreateHouseholdRequest, call: Call) -> household_pb2.Household:
        return HOUSEHOLD.message(households.create(call.session, request.household))

    @command
    def UpdateHousehold(self, request: pb.UpdateHouseholdRequest, call: Call) -> household_pb2.Household:
        return HOUSEHOLD.message(households.update(call.session, request))

    @query
    def ListHouseholdPatients(
        self, request: pb.ListHouseholdPatientsRequest, call: Call
    ) -> pb.ListHouseholdPatientsResponse:
        wanted, order = households.patients(call.session, request.id), [Patient.sort_name, Patient.id]
        found, token = PATIENT_READING.page(call.session, wanted, order=order, request=request)
        return pb.ListHouseholdPatientsResponse(patients=found, next_page_token=token)

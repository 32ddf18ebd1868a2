"""The RPCs of patients."""

from __future__ import annotations

from uuid import UUID

from praxis.patients.v1 import patient_pb2
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis import merging
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.mappings import PATIENT, PATIENT_READING
from praxis_patients.usecases import erasure, patients, responsibilities, search, states


class PatientService:
    @command
    def RegisterPatient(self, request: pb.RegisterPatientRequest, call: Call) -> pb.RegisterPatientResponse:
        return patients.register(call.session, request)

    @query
    def GetPatient(self, request: pb.GetPatientRequest, call: Call) -> patient_pb2.Patient:
        found = PATIENT_READING.get(call.session, request.id)
        if found.survivor_id:
            found = PATIENT_READING.get(call.session, str(merging.current(call.session, UUID(found.id))))
        return _shown(found)

    @query
    def ListPatients(self, request: pb.ListPatientsRequest, call: Call) -> pb.ListPatientsResponse:
        page = search.listed(call.session, request)
        return pb.ListPatientsResponse(
            patients=map(_shown, page.patients), next_page_token=page.token, truncated=page.truncated
        )

    @command
    def UpdatePatient(self, request: pb.UpdatePatientRequest, call: Call) -> patient_pb2.Patient:
        return patients.update(call.session, request)

    @command
    def ChangeResponsibilities(self, request: pb.ChangeResponsibilitiesRequest, call: Call) -> patient_pb2.Patient:
        return PATIENT.message(responsibilities.change(call.session, request))

    @command
    def TransferOwnership(self, request: pb.TransferOwnershipRequest, call: Call) -> patient_pb2.Patient:
        return PATIENT.message(responsibilities.transfer(call.session, request))

    @command
    def DeactivatePatient(self, request: pb.DeactivatePatientRequest, call: Call) -> patient_pb2.Patient:
        return PATIENT.message(states.deactivate(call.session, request))

    @command
    def ReactivatePatient(self, request: pb.ReactivatePatientRequest, call: Call) -> patient_pb2.Patient:
        return PATIENT.message(states.reactivate(call.session, request))

    @command
    def MarkPatientDeceased(self, request: pb.MarkPatientDeceasedRequest, call: Call) -> patient_pb2.Patient:
        return PATIENT.message(states.mark_deceased(call.session, request))

    @command
    def TransferPatient(self, request: pb.TransferPatientRequest, call: Call) -> patient_pb2.Patient:
        return PATIENT.message(states.transfer(call.session, request))

    @command
    def ErasePatient(self, request: pb.ErasePatientRequest, call: Call) -> patient_pb2.Patient:
        return _shown(PATIENT.message(erasure.erase(call.session, request)))


def _shown(patient: patient_pb2.Patient) -> patient_pb2.Patient:
    """Leave out of an erased patient who the parties are that remain for others; their ids stay, as with the money."""
    if patient.state == patient_pb2.PATIENT_STATE_ERASED:
        for item in patient.responsibilities:
            item.ClearField("party_display_name")
    return patient

"""The RPCs of what is left to do for patients."""

from __future__ import annotations

from praxis.patients.v1 import task_pb2
from praxis.patients.v1 import task_service_pb2 as pb
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.mappings import TASK
from praxis_patients.store.tasks import PatientTask
from praxis_patients.usecases import tasks


class PatientTaskService:
    @query
    def ListPatientTasks(self, request: pb.ListPatientTasksRequest, call: Call) -> pb.ListPatientTasksResponse:
        found, token = page(call.session, tasks.wanted(request), order=[PatientTask.id], request=request)
        return pb.ListPatientTasksResponse(patient_tasks=map(TASK.message, found), next_page_token=token)

    @command
    def CompletePatientTask(self, request: pb.CompletePatientTaskRequest, call: Call) -> task_pb2.PatientTask:
        return TASK.message(tasks.close(call.session, request.id, request.etag, tasks.DONE))

    @command
    def DismissPatientTask(self, request: pb.DismissPatientTaskRequest, call: Call) -> task_pb2.PatientTask:
        return TASK.message(tasks.close(call.session, request.id, request.etag, tasks.DISMISSED))

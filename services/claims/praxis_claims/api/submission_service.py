"""The RPCs of submitted files and the answers to them."""

from __future__ import annotations

from sqlalchemy import select

from praxis.claims.v1 import submission_pb2, submission_service_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, query
from praxis_claims.store.mappings import ACKNOWLEDGMENT, SUBMISSION
from praxis_claims.store.models import Acknowledgment, Claim, Submission


class SubmissionService:
    @query
    def GetSubmission(
        self, request: submission_service_pb2.GetSubmissionRequest, call: Call
    ) -> submission_pb2.Submission:
        return SUBMISSION.message(fetch(call.session, Submission, request.id))

    @query
    def ListSubmissions(
        self, request: submission_service_pb2.ListSubmissionsRequest, call: Call
    ) -> submission_service_pb2.ListSubmissionsResponse:
        wanted = select(Submission)
        if request.states:
            wanted = wanted.where(Submission.state.in_(list(request.states)))
        found, token = page(call.session, wanted, order=[Submission.id], request=request, descending=True)
        messages = map(SUBMISSION.message, found)
        return submission_service_pb2.ListSubmissionsResponse(submissions=messages, next_page_token=token)

    @query
    def GetSubmissionX12(
        self, request: submission_service_pb2.GetSubmissionX12Request, call: Call
    ) -> type_pb2.FileReference:
        submission = fetch(call.session, Submission, request.id)
        patients = select(Claim.patient_id).where(Claim.submission_id == submission.id)
        call.shows(*call.session.scalars(patients))
        return submission.file

    @query
    def ListAcknowledgments(
        self, request: submission_service_pb2.ListAcknowledgmentsRequest, call: Call
    ) -> submission_service_pb2.ListAcknowledgmentsResponse:
        submission = fetch(call.session, Submission, request.submission_id)
        answers = select(Acknowledgment).where(Acknowledgment.submission_id == submission.id)
        found, token = page(call.session, answers, order=[Acknowledgment.id], request=request)
        messages = map(ACKNOWLEDGMENT.message, found)
        return submission_service_pb2.ListAcknowledgmentsResponse(acknowledgments=messages, next_page_token=token)

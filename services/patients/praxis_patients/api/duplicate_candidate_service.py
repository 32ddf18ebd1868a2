"""The RPCs of likely duplicates."""

from __future__ import annotations

from collections.abc import Collection

from praxis.patients.v1 import duplicate_candidate_pb2
from praxis.patients.v1 import duplicate_candidate_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.duplicates import DuplicateCandidate
from praxis_patients.usecases import duplicates


class DuplicateCandidateService:
    @query
    def GetDuplicateCandidate(
        self, request: pb.GetDuplicateCandidateRequest, call: Call
    ) -> duplicate_candidate_pb2.DuplicateCandidate:
        return _shown(call, [fetch(call.session, DuplicateCandidate, request.id)])[0]

    @query
    def ListDuplicateCandidates(
        self, request: pb.ListDuplicateCandidatesRequest, call: Call
    ) -> pb.ListDuplicateCandidatesResponse:
        order = [DuplicateCandidate.score, DuplicateCandidate.id]
        wanted = duplicates.listed(request)
        found, token = page(call.session, wanted, order=order, request=request, descending=True)
        return pb.ListDuplicateCandidatesResponse(duplicate_candidates=_shown(call, found), next_page_token=token)

    @command
    def DismissDuplicateCandidate(
        self, request: pb.DismissDuplicateCandidateRequest, call: Call
    ) -> duplicate_candidate_pb2.DuplicateCandidate:
        return _shown(call, [duplicates.dismiss(call.session, request)])[0]

    @command
    def FindDuplicateCandidates(
        self, request: pb.FindDuplicateCandidatesRequest, call: Call
    ) -> pb.FindDuplicateCandidatesResponse:
        return duplicates.find(call.session, request)


def _shown(call: Call, rows: Collection[DuplicateCandidate]) -> list[duplicate_candidate_pb2.DuplicateCandidate]:
    """Return pairs, and note that both records of each are shown."""
    call.shows(*(row.other_patient_id for row in rows))
    return duplicates.messages(call.session, rows)

"""The RPCs of claims."""

from __future__ import annotations

from sqlalchemy import select

from praxis.claims.v1 import claim_pb2, claim_service_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_claims.store.mappings import CLAIM, SUBMISSION, TIMELINE_ENTRY
from praxis_claims.store.models import Claim, ClaimStep
from praxis_claims.usecases import claims, submissions


class ClaimService:
    @query
    def GetClaim(self, request: claim_service_pb2.GetClaimRequest, call: Call) -> claim_pb2.Claim:
        return CLAIM.message(fetch(call.session, Claim, request.id))

    @query
    def ListClaims(
        self, request: claim_service_pb2.ListClaimsRequest, call: Call
    ) -> claim_service_pb2.ListClaimsResponse:
        newest = request.order_by == claim_service_pb2.CLAIM_ORDER_NEWEST_SERVICE
        first = Claim.service_from_date if newest else Claim.filing_deadline_date
        found, token = page(
            call.session,
            claims.listed(call.session, request),
            order=[first, Claim.id],
            request=request,
            descending=newest,
        )
        return claim_service_pb2.ListClaimsResponse(claims=map(CLAIM.message, found), next_page_token=token)

    @query
    def ListClaimTimeline(
        self, request: claim_service_pb2.ListClaimTimelineRequest, call: Call
    ) -> claim_service_pb2.ListClaimTimelineResponse:
        claim = fetch(call.session, Claim, request.id)
        call.shows(claim.patient_id)
        steps = select(ClaimStep).where(ClaimStep.claim_id == claim.id)
        found, token = page(call.session, steps, order=[ClaimStep.occur_time, ClaimStep.id], request=request)
        entries = map(TIMELINE_ENTRY.message, found)
        return claim_service_pb2.ListClaimTimelineResponse(entries=entries, next_page_token=token)

    @command
    def GetClaimX12(self, request: claim_service_pb2.GetClaimX12Request, call: Call) -> type_pb2.FileReference:
        claim = fetch(call.session, Claim, request.id)
        call.shows(claim.patient_id)
        return submissions.single_file(call.session, claim)

    @command
    def UpdateClaim(self, request: claim_service_pb2.UpdateClaimRequest, call: Call) -> claim_pb2.Claim:
        return _stored(call, claims.correct(call.session, request))

    @command
    def ScrubClaim(self, request: claim_service_pb2.ScrubClaimRequest, call: Call) -> claim_pb2.Claim:
        return _stored(call, claims.scrub(call.session, request))

    @command
    def HoldClaim(self, request: claim_service_pb2.HoldClaimRequest, call: Call) -> claim_pb2.Claim:
        return _stored(call, claims.hold(call.session, request))

    @command
    def ReleaseClaim(self, request: claim_service_pb2.ReleaseClaimRequest, call: Call) -> claim_pb2.Claim:
        return _stored(call, claims.release(call.session, request))

    @command
    def OverrideClaim(self, request: claim_service_pb2.OverrideClaimRequest, call: Call) -> claim_pb2.Claim:
        return _stored(call, claims.override(call.session, request))

    @command
    def SubmitClaims(
        self, request: claim_service_pb2.SubmitClaimsRequest, call: Call
    ) -> claim_service_pb2.SubmitClaimsResponse:
        made = submissions.submit(call.session, request)
        call.session.flush()
        return claim_service_pb2.SubmitClaimsResponse(
            submissions=map(SUBMISSION.message, made), claim_count=sum(one.claim_count for one in made)
        )


def _stored(call: Call, claim: Claim) -> claim_pb2.Claim:
    call.session.flush()
    return CLAIM.message(claim)

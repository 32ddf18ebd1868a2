"""The RPCs of referrals."""

from __future__ import annotations

from praxis.patients.v1 import referral_pb2
from praxis.patients.v1 import referral_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.referrals import REFERRAL, Referral
from praxis_patients.usecases import referrals


class ReferralService:
    @query
    def GetReferral(self, request: pb.GetReferralRequest, call: Call) -> referral_pb2.Referral:
        return REFERRAL.message(fetch(call.session, Referral, request.id))

    @query
    def ListReferrals(self, request: pb.ListReferralsRequest, call: Call) -> pb.ListReferralsResponse:
        found, token = page(call.session, referrals.wanted(request), order=[Referral.id], request=request)
        return pb.ListReferralsResponse(referrals=map(REFERRAL.message, found), next_page_token=token)

    @command
    def CreateReferral(self, request: pb.CreateReferralRequest, call: Call) -> referral_pb2.Referral:
        return REFERRAL.message(referrals.create(call.session, request))

    @command
    def UpdateReferral(self, request: pb.UpdateReferralRequest, call: Call) -> referral_pb2.Referral:
        return REFERRAL.message(referrals.update(call.session, request))

    @command
    def RecordReferralVisit(self, request: pb.RecordReferralVisitRequest, call: Call) -> referral_pb2.Referral:
        return REFERRAL.message(referrals.record_visit(call.session, request))

    @command
    def RemoveReferralVisit(self, request: pb.RemoveReferralVisitRequest, call: Call) -> referral_pb2.Referral:
        return REFERRAL.message(referrals.remove_visit(call.session, request))

    @command
    def CloseReferral(self, request: pb.CloseReferralRequest, call: Call) -> referral_pb2.Referral:
        return REFERRAL.message(referrals.close(call.session, request))

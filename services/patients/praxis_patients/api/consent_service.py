"""The RPCs of what patients agreed to."""

from __future__ import annotations

from praxis.patients.v1 import consent_pb2
from praxis.patients.v1 import consent_service_pb2 as pb
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.consents import CONSENT, Consent
from praxis_patients.usecases import consents


class ConsentService:
    @query
    def ListConsents(self, request: pb.ListConsentsRequest, call: Call) -> pb.ListConsentsResponse:
        wanted = consents.listed(call.session, request)
        found, token = page(call.session, wanted, order=[Consent.id], request=request)
        return pb.ListConsentsResponse(consents=consents.shown(call.session, found), next_page_token=token)

    @command
    def CreateConsent(self, request: pb.CreateConsentRequest, call: Call) -> consent_pb2.Consent:
        return CONSENT.message(consents.say(call.session, request))

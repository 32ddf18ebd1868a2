"""The RPCs of how and for what parties may be contacted."""

from __future__ import annotations

from sqlalchemy import select

from praxis.patients.v1 import contact_preferences_pb2
from praxis.patients.v1 import contact_preferences_service_pb2 as pb
from praxis_chassis.database import uuid_of
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.contact import ContactDecision
from praxis_patients.store.contact_mappings import CONTACT_DECISION, CONTACT_PREFERENCES
from praxis_patients.usecases import contact_preferences


class ContactPreferencesService:
    @query
    def GetContactPreferences(
        self, request: pb.GetContactPreferencesRequest, call: Call
    ) -> contact_preferences_pb2.ContactPreferences:
        return CONTACT_PREFERENCES.message(contact_preferences.shown(call.session, request.party_id))

    @command
    def UpdateContactPreferences(
        self, request: pb.UpdateContactPreferencesRequest, call: Call
    ) -> contact_preferences_pb2.ContactPreferences:
        return CONTACT_PREFERENCES.message(contact_preferences.update(call.session, request))

    @command
    def OptOut(self, request: pb.OptOutRequest, call: Call) -> contact_preferences_pb2.ContactPreferences:
        return CONTACT_PREFERENCES.message(contact_preferences.opt_out(call.session, request))

    @command
    def OptIn(self, request: pb.OptInRequest, call: Call) -> contact_preferences_pb2.ContactPreferences:
        return CONTACT_PREFERENCES.message(contact_preferences.opt_in(call.session, request))

    @query
    def ListContactDecisions(
        self, request: pb.ListContactDecisionsRequest, call: Call
    ) -> pb.ListContactDecisionsResponse:
        wanted = select(ContactDecision).where(ContactDecision.party_id == uuid_of(request.party_id, "party_id"))
        found, token = page(call.session, wanted, order=[ContactDecision.id], request=request)
        return pb.ListContactDecisionsResponse(
            contact_decisions=map(CONTACT_DECISION.message, found), next_page_token=token
        )

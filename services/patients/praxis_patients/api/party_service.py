"""The RPCs of parties."""

from __future__ import annotations

from praxis.patients.v1 import party_pb2
from praxis.patients.v1 import party_service_pb2 as pb
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store import queries
from praxis_patients.store.mappings import PARTY
from praxis_patients.store.models import Party
from praxis_patients.usecases import contacts, parties


class PartyService:
    @query
    def GetParty(self, request: pb.GetPartyRequest, call: Call) -> party_pb2.Party:
        return PARTY.message(fetch(call.session, Party, request.id))

    @query
    def ListParties(self, request: pb.ListPartiesRequest, call: Call) -> pb.ListPartiesResponse:
        wanted = parties.found(call.session, request.query)
        found, token = page(call.session, wanted, order=[Party.sort_name, Party.id], request=request)
        return pb.ListPartiesResponse(parties=map(PARTY.message, found), next_page_token=token)

    @command
    def CreateParty(self, request: pb.CreatePartyRequest, call: Call) -> party_pb2.Party:
        return PARTY.message(parties.create(call.session, request))

    @query
    def GetCompartment(self, request: pb.GetCompartmentRequest, call: Call) -> pb.Compartment:
        today = contacts.today(call.session)
        found = call.session.scalars(queries.compartment(uuid_of(request.party_id), today))
        return pb.Compartment(patient_ids=map(str, found))

    @command
    def UpdateParty(self, request: pb.UpdatePartyRequest, call: Call) -> party_pb2.Party:
        return PARTY.message(parties.update(call.session, request))

"""RPCs of encounters."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select

from praxis.billing.v1 import encounter_pb2
from praxis.billing.v1 import encounter_service_pb2 as pb
from praxis_billing.store.mappings import ENCOUNTER
from praxis_billing.store.models import Encounter, Share
from praxis_billing.usecases import encounters
from praxis_chassis.database import fetch
from praxis_chassis.mapping import read_date
from praxis_chassis.merging import now_of
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query


class EncounterService:
    @command
    def CreateEncounter(self, request: pb.CreateEncounterRequest, call: Call) -> encounter_pb2.Encounter:
        return ENCOUNTER.message(encounters.post_encounter(call.session, request.encounter))

    @query
    def PreviewEncounter(self, request: pb.PreviewEncounterRequest, call: Call) -> encounter_pb2.Encounter:
        preview = ENCOUNTER.message(encounters.preview(call.session, request.encounter))
        preview.etag = ""  # nothing is stored that could be changed
        return preview

    @query
    def GetEncounter(self, request: pb.GetEncounterRequest, call: Call) -> encounter_pb2.Encounter:
        return ENCOUNTER.message(fetch(call.session, Encounter, request.id))

    @query
    def ListEncounters(self, request: pb.ListEncountersRequest, call: Call) -> pb.ListEncountersResponse:
        order = [Encounter.service_date, Encounter.id]
        items, token = page(call.session, _wanted(request), order=order, request=request, descending=True)
        call.shows(*{item.patient_id for item in items})
        return pb.ListEncountersResponse(encounters=map(ENCOUNTER.message, items), next_page_token=token)

    @command
    def ReverseEncounter(self, request: pb.ReverseEncounterRequest, call: Call) -> encounter_pb2.Encounter:
        return ENCOUNTER.message(encounters.reverse(call.session, request))

    @command
    def TransferResponsibility(self, request: pb.TransferResponsibilityRequest, call: Call) -> encounter_pb2.Encounter:
        return ENCOUNTER.message(encounters.transfer(call.session, request))


def _wanted(request: pb.ListEncountersRequest) -> Select[Encounter]:
    found = select(Encounter)
    if request.patient_id:
        found = found.where(Encounter.patient_id == now_of(request.patient_id))
    if request.visit_id:
        found = found.where(Encounter.visit_id == UUID(request.visit_id))
    if request.state:
        found = found.where(Encounter.state == request.state)
    if first := read_date(request.from_date, "from_date"):
        found = found.where(Encounter.service_date >= first)
    if last := read_date(request.to_date, "to_date"):
        found = found.where(Encounter.service_date <= last)
    if request.account_id:
        paid_by = select(Share.encounter_id).where(Share.account_id == UUID(request.account_id))
        found = found.where(Encounter.id.in_(paid_by))
    return found

"""Recalls, by rules and by hand."""

from __future__ import annotations

from sqlalchemy import select

from praxis.scheduling.v1 import recall_pb2
from praxis.scheduling.v1 import recall_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.dates import between
from praxis_scheduling.api.mappings import RECALL, RECALL_RULE
from praxis_scheduling.store.recalls import Recall, RecallRule
from praxis_scheduling.usecases import recalls


class RecallService:
    """Recalls patients, by rules and by hand."""

    @query
    def GetRecallRule(self, request: pb.GetRecallRuleRequest, call: Call) -> recall_pb2.RecallRule:
        return RECALL_RULE.message(fetch(call.session, RecallRule, request.id))

    @query
    def ListRecallRules(self, request: pb.ListRecallRulesRequest, call: Call) -> pb.ListRecallRulesResponse:
        wanted = select(RecallRule)
        if not request.include_inactive:
            wanted = wanted.where(RecallRule.active)
        items, token = page(call.session, wanted, order=[RecallRule.name, RecallRule.id], request=request)
        return pb.ListRecallRulesResponse(recall_rules=map(RECALL_RULE.message, items), next_page_token=token)

    @command
    def CreateRecallRule(self, request: pb.CreateRecallRuleRequest, call: Call) -> recall_pb2.RecallRule:
        return RECALL_RULE.message(recalls.create_rule(call.session, RECALL_RULE.new(request.recall_rule)))

    @command
    def UpdateRecallRule(self, request: pb.UpdateRecallRuleRequest, call: Call) -> recall_pb2.RecallRule:
        found = fetch(call.session, RecallRule, request.recall_rule.id, lock=True, etag=request.recall_rule.etag)
        RECALL_RULE.apply(found, request.recall_rule, request.update_mask.paths)
        return RECALL_RULE.message(recalls.change_rule(call.session, found))

    @query
    def GetRecall(self, request: pb.GetRecallRequest, call: Call) -> recall_pb2.Recall:
        return shown(fetch(call.session, Recall, request.id))

    @query
    def ListRecalls(self, request: pb.ListRecallsRequest, call: Call) -> pb.ListRecallsResponse:
        wanted = recalls.wanted(request, between(Recall.due_date, request))
        items, token = page(call.session, wanted, order=[Recall.due_date, Recall.id], request=request)
        return pb.ListRecallsResponse(recalls=map(shown, items), next_page_token=token)

    @command
    def CreateRecall(self, request: pb.CreateRecallRequest, call: Call) -> recall_pb2.Recall:
        return shown(recalls.recall_by_hand(call.session, RECALL.new(request.recall)))

    @command
    def StopRecall(self, request: pb.StopRecallRequest, call: Call) -> recall_pb2.Recall:
        return shown(recalls.stop_by_hand(call.session, request.id, request.etag))


def shown(recall: Recall) -> recall_pb2.Recall:
    """Return a recall with the name of its patient, which events do not carry."""
    reply: recall_pb2.Recall = RECALL.message(recall)
    reply.patient_name = recall.patient.name
    return reply

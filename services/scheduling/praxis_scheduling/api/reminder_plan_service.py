"""What is sent about appointments, in which words, and how."""

from __future__ import annotations

from sqlalchemy import select

from praxis.scheduling.v1 import communication_pb2
from praxis.scheduling.v1 import reminder_plan_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.mappings import COMMUNICATION_SETTINGS, MESSAGE_TEMPLATE, REMINDER_PLAN
from praxis_scheduling.store.communications import MessageTemplate, ReminderPlan
from praxis_scheduling.usecases import communications, sending_settings


class ReminderPlanService:
    """Sets up what is sent about appointments, in which words, and how."""

    @query
    def GetReminderPlan(self, request: pb.GetReminderPlanRequest, call: Call) -> communication_pb2.ReminderPlan:
        return REMINDER_PLAN.message(fetch(call.session, ReminderPlan, request.id))

    @query
    def ListReminderPlans(self, request: pb.ListReminderPlansRequest, call: Call) -> pb.ListReminderPlansResponse:
        wanted = select(ReminderPlan)
        if not request.include_inactive:
            wanted = wanted.where(ReminderPlan.active)
        items, token = page(call.session, wanted, order=[ReminderPlan.name, ReminderPlan.id], request=request)
        return pb.ListReminderPlansResponse(reminder_plans=map(REMINDER_PLAN.message, items), next_page_token=token)

    @command
    def CreateReminderPlan(self, request: pb.CreateReminderPlanRequest, call: Call) -> communication_pb2.ReminderPlan:
        plan = REMINDER_PLAN.new(request.reminder_plan)
        return REMINDER_PLAN.message(communications.create_plan(call.session, plan))

    @command
    def UpdateReminderPlan(self, request: pb.UpdateReminderPlanRequest, call: Call) -> communication_pb2.ReminderPlan:
        found = fetch(call.session, ReminderPlan, request.reminder_plan.id, lock=True, etag=request.reminder_plan.etag)
        REMINDER_PLAN.apply(found, request.reminder_plan, request.update_mask.paths)
        return REMINDER_PLAN.message(communications.change_plan(call.session, found))

    @query
    def GetMessageTemplate(
        self, request: pb.GetMessageTemplateRequest, call: Call
    ) -> communication_pb2.MessageTemplate:
        return MESSAGE_TEMPLATE.message(fetch(call.session, MessageTemplate, request.id))

    @query
    def ListMessageTemplates(
        self, request: pb.ListMessageTemplatesRequest, call: Call
    ) -> pb.ListMessageTemplatesResponse:
        wanted = select(MessageTemplate)
        if not request.include_inactive:
            wanted = wanted.where(MessageTemplate.active)
        items, token = page(call.session, wanted, order=[MessageTemplate.name, MessageTemplate.id], request=request)
        found = map(MESSAGE_TEMPLATE.message, items)
        return pb.ListMessageTemplatesResponse(message_templates=found, next_page_token=token)

    @command
    def CreateMessageTemplate(
        self, request: pb.CreateMessageTemplateRequest, call: Call
    ) -> communication_pb2.MessageTemplate:
        template = MESSAGE_TEMPLATE.new(request.message_template)
        return MESSAGE_TEMPLATE.message(communications.create_template(call.session, template))

    @command
    def UpdateMessageTemplate(
        self, request: pb.UpdateMessageTemplateRequest, call: Call
    ) -> communication_pb2.MessageTemplate:
        asked = request.message_template
        found = fetch(call.session, MessageTemplate, asked.id, lock=True, etag=asked.etag)
        MESSAGE_TEMPLATE.apply(found, asked, request.update_mask.paths)
        return MESSAGE_TEMPLATE.message(communications.change_template(call.session, found))

    @query
    def GetCommunicationSettings(
        self, request: pb.GetCommunicationSettingsRequest, call: Call
    ) -> communication_pb2.CommunicationSettings:
        return COMMUNICATION_SETTINGS.message(sending_settings.settings_of(call.session))

    @command
    def UpdateCommunicationSettings(
        self, request: pb.UpdateCommunicationSettingsRequest, call: Call
    ) -> communication_pb2.CommunicationSettings:
        asked, paths = request.communication_settings, request.update_mask.paths
        changed = sending_settings.change(call.session, asked, paths, COMMUNICATION_SETTINGS)
        return COMMUNICATION_SETTINGS.message(changed)

"""The weekly hours of resources."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import or_, select

from praxis.scheduling.v1 import template_pb2
from praxis.scheduling.v1 import template_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.mapping import read_date
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.mappings import TEMPLATE
from praxis_scheduling.store.models import Template
from praxis_scheduling.usecases import setup


class TemplateService:
    """The weekly hours of resources."""

    @query
    def GetTemplate(self, request: pb.GetTemplateRequest, call: Call) -> template_pb2.Template:
        return TEMPLATE.message(fetch(call.session, Template, request.id))

    @query
    def ListTemplates(self, request: pb.ListTemplatesRequest, call: Call) -> pb.ListTemplatesResponse:
        wanted = select(Template)
        if request.resource_id:
            wanted = wanted.where(Template.resource_id == UUID(request.resource_id))
        if day := read_date(request.on_date, "on_date"):
            wanted = wanted.where(Template.valid_from_date <= day)
            wanted = wanted.where(or_(Template.valid_until_date.is_(None), Template.valid_until_date > day))
        items, token = page(call.session, wanted, order=[Template.valid_from_date, Template.id], request=request)
        return pb.ListTemplatesResponse(templates=map(TEMPLATE.message, items), next_page_token=token)

    @command
    def CreateTemplate(self, request: pb.CreateTemplateRequest, call: Call) -> template_pb2.Template:
        return TEMPLATE.message(setup.create_template(call.session, TEMPLATE.new(request.template)))

    @command
    def UpdateTemplate(self, request: pb.UpdateTemplateRequest, call: Call) -> template_pb2.Template:
        found = fetch(call.session, Template, request.template.id, lock=True, etag=request.template.etag)
        TEMPLATE.apply(found, request.template, request.update_mask.paths)
        return TEMPLATE.message(setup.change_template(call.session, found))

"""What is different from the weekly hours on single dates."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from praxis.scheduling.v1 import template_exception_service_pb2 as pb
from praxis.scheduling.v1 import template_pb2
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.dates import between
from praxis_scheduling.api.mappings import TEMPLATE_EXCEPTION
from praxis_scheduling.store.models import TemplateException
from praxis_scheduling.usecases import setup


class TemplateExceptionService:
    """What is different from the weekly hours on single dates."""

    @query
    def GetTemplateException(
        self, request: pb.GetTemplateExceptionRequest, call: Call
    ) -> template_pb2.TemplateException:
        return TEMPLATE_EXCEPTION.message(fetch(call.session, TemplateException, request.id))

    @query
    def ListTemplateExceptions(
        self, request: pb.ListTemplateExceptionsRequest, call: Call
    ) -> pb.ListTemplateExceptionsResponse:
        wanted = select(TemplateException).where(*between(TemplateException.local_date, request))
        if request.resource_id:
            wanted = wanted.where(TemplateException.resource_id == UUID(request.resource_id))
        if not request.include_inactive:
            wanted = wanted.where(TemplateException.active)
        order = [TemplateException.local_date, TemplateException.id]
        items, token = page(call.session, wanted, order=order, request=request)
        return pb.ListTemplateExceptionsResponse(
            template_exceptions=map(TEMPLATE_EXCEPTION.message, items), next_page_token=token
        )

    @command
    def CreateTemplateException(
        self, request: pb.CreateTemplateExceptionRequest, call: Call
    ) -> template_pb2.TemplateException:
        exception = TEMPLATE_EXCEPTION.new(request.template_exception)
        return TEMPLATE_EXCEPTION.message(setup.create_exception(call.session, exception))

    @command
    def UpdateTemplateException(
        self, request: pb.UpdateTemplateExceptionRequest, call: Call
    ) -> template_pb2.TemplateException:
        given = request.template_exception
        found = fetch(call.session, TemplateException, given.id, lock=True, etag=given.etag)
        TEMPLATE_EXCEPTION.apply(found, given, request.update_mask.paths)
        return TEMPLATE_EXCEPTION.message(setup.change_exception(call.session, found))

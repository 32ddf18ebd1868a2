"""People, rooms and things that appointments occupy."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from praxis.scheduling.v1 import resource_pb2
from praxis.scheduling.v1 import resource_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.mappings import RESOURCE
from praxis_scheduling.store.models import Resource
from praxis_scheduling.usecases import setup


class ResourceService:
    """People, rooms and things that appointments occupy."""

    @query
    def GetResource(self, request: pb.GetResourceRequest, call: Call) -> resource_pb2.Resource:
        return RESOURCE.message(fetch(call.session, Resource, request.id))

    @query
    def ListResources(self, request: pb.ListResourcesRequest, call: Call) -> pb.ListResourcesResponse:
        wanted = select(Resource)
        if request.location_id:
            wanted = wanted.where(Resource.location_id == UUID(request.location_id))
        if request.practitioner_id:
            wanted = wanted.where(Resource.practitioner_id == UUID(request.practitioner_id))
        if request.kind:
            wanted = wanted.where(Resource.kind == request.kind)
        if not request.include_inactive:
            wanted = wanted.where(Resource.active)
        items, token = page(call.session, wanted, order=[Resource.name, Resource.id], request=request)
        return pb.ListResourcesResponse(resources=map(RESOURCE.message, items), next_page_token=token)

    @command
    def CreateResource(self, request: pb.CreateResourceRequest, call: Call) -> resource_pb2.Resource:
        return RESOURCE.message(setup.create_resource(call.session, RESOURCE.new(request.resource)))

    @command
    def UpdateResource(self, request: pb.UpdateResourceRequest, call: Call) -> resource_pb2.Resource:
        found = fetch(call.session, Resource, request.resource.id, lock=True, etag=request.resource.etag)
        RESOURCE.apply(found, request.resource, request.update_mask.paths)
        return RESOURCE.message(setup.change_resource(call.session, found))

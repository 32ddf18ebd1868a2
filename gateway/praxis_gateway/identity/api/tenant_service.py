"""RPCs of practices."""

from __future__ import annotations

from praxis.identity.v1 import tenant_pb2
from praxis.identity.v1 import tenant_service_pb2 as pb
from praxis_chassis.rpc import Call, command, query
from praxis_gateway.identity.api.mappings import tenant_message, user_message
from praxis_gateway.identity.usecases import tenants


class TenantService:
    """Creates practices and keeps their settings."""

    @command
    def CreateTenant(self, request: pb.CreateTenantRequest, call: Call) -> pb.CreateTenantResponse:
        tenant, membership, owner = tenants.create(call.session, request)
        return pb.CreateTenantResponse(tenant=tenant_message(tenant), owner=user_message(membership, owner))

    @query
    def GetTenant(self, _request: pb.GetTenantRequest, call: Call) -> tenant_pb2.Tenant:
        return tenant_message(tenants.current(call.session))

    @command
    def UpdateTenant(self, request: pb.UpdateTenantRequest, call: Call) -> tenant_pb2.Tenant:
        return tenant_message(tenants.update(call.session, request))

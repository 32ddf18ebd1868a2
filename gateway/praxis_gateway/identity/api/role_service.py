"""RPCs of roles."""

from __future__ import annotations

from sqlalchemy import select

from praxis.identity.v1 import role_pb2
from praxis.identity.v1 import role_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_gateway.identity.api.mappings import ROLE, built_in_message
from praxis_gateway.identity.rules.roles import BUILT_IN, by_id
from praxis_gateway.identity.store.models import Role
from praxis_gateway.identity.usecases import access, roles


class RoleService:
    """Keeps the roles of a practice."""

    @query
    def GetRole(self, request: pb.GetRoleRequest, call: Call) -> role_pb2.Role:
        built_in = by_id(request.id)
        return built_in_message(built_in) if built_in else ROLE.message(fetch(call.session, Role, request.id))

    @query
    def ListRoles(self, request: pb.ListRolesRequest, call: Call) -> pb.ListRolesResponse:
        own, next_page_token = page(call.session, select(Role), order=[Role.name], request=request)
        built_in = [] if request.page_token else [built_in_message(role) for role in BUILT_IN.values()]
        return pb.ListRolesResponse(
            roles=[*built_in, *(ROLE.message(role) for role in own)], next_page_token=next_page_token
        )

    @command
    def CreateRole(self, request: pb.CreateRoleRequest, call: Call) -> role_pb2.Role:
        return ROLE.message(roles.create(call.session, request))

    @command
    def UpdateRole(self, request: pb.UpdateRoleRequest, call: Call) -> role_pb2.Role:
        return ROLE.message(roles.update(call.session, request))

    @command
    def RetireRole(self, request: pb.RetireRoleRequest, call: Call) -> role_pb2.Role:
        return ROLE.message(roles.retire(call.session, request.id, request.etag))

    @query
    def ListPermissions(self, _request: pb.ListPermissionsRequest, _call: Call) -> pb.ListPermissionsResponse:
        return pb.ListPermissionsResponse(permissions=access.all_permissions())

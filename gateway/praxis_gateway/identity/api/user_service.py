"""RPCs of the people of a practice."""

from __future__ import annotations

from praxis.identity.v1 import user_pb2
from praxis.identity.v1 import user_service_pb2 as pb
from praxis_chassis.rpc import Call, command, query
from praxis_gateway.identity.api.mappings import user_message
from praxis_gateway.identity.store import queries
from praxis_gateway.identity.usecases import users


class UserService:
    """Invites people to a practice and says what they may do there."""

    @query
    def GetUser(self, request: pb.GetUserRequest, call: Call) -> user_pb2.User:
        return user_message(*queries.member(call.session, request.id))

    @query
    def ListUsers(self, request: pb.ListUsersRequest, call: Call) -> pb.ListUsersResponse:
        members, next_page_token = queries.members(call.session, request)
        return pb.ListUsersResponse(
            users=[user_message(membership, user) for membership, user in members], next_page_token=next_page_token
        )

    @command
    def InviteUser(self, request: pb.InviteUserRequest, call: Call) -> pb.InviteUserResponse:
        member, token = users.invite(call.session, request)
        return pb.InviteUserResponse(user=user_message(*member), invitation_token=token)

    @command
    def UpdateUser(self, request: pb.UpdateUserRequest, call: Call) -> user_pb2.User:
        return user_message(*users.update(call.session, request))

    @command
    def SetUserRoles(self, request: pb.SetUserRolesRequest, call: Call) -> user_pb2.User:
        return user_message(*users.set_roles(call.session, request))

    @command
    def DisableUser(self, request: pb.DisableUserRequest, call: Call) -> user_pb2.User:
        return user_message(*users.set_disabled(call.session, request.id, request.etag, disabled=True))

    @command
    def EnableUser(self, request: pb.EnableUserRequest, call: Call) -> user_pb2.User:
        return user_message(*users.set_disabled(call.session, request.id, request.etag, disabled=False))

    @command
    def ResetUserPassword(self, request: pb.ResetUserPasswordRequest, call: Call) -> pb.ResetUserPasswordResponse:
        return pb.ResetUserPasswordResponse(invitation_token=users.reset_password(call.session, request.id))

    @command
    def AcceptInvitation(self, request: pb.AcceptInvitationRequest, call: Call) -> pb.AcceptInvitationResponse:
        user = users.accept_invitation(call.session, request.invitation_token, request.password)
        return pb.AcceptInvitationResponse(email=user.email)

    @command
    def ChangePassword(self, request: pb.ChangePasswordRequest, call: Call) -> pb.ChangePasswordResponse:
        users.change_password(call.session, request.current_password, request.new_password)
        return pb.ChangePasswordResponse()

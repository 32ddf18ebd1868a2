"""RPCs of logging in and out."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from praxis.identity.v1 import session_pb2
from praxis.identity.v1 import session_service_pb2 as pb
from praxis_chassis.rpc import Call, command, query
from praxis_gateway.identity.api.mappings import session_message
from praxis_gateway.identity.usecases import access, sessions


class SessionService:
    """Logs people in and out."""

    @command
    def CreateSession(self, request: pb.CreateSessionRequest, call: Call) -> session_pb2.Session:
        login, token, user, membership, tenant = sessions.log_in(call.session, request)
        message = session_message(login, user, membership, tenant)
        message.token = token
        return message

    @query
    def GetSession(self, _request: pb.GetSessionRequest, call: Call) -> session_pb2.Session:
        login, user, membership, tenant = sessions.current(call.session)
        return session_message(
            login, user, membership, tenant, access.patterns_of_roles(call.session, membership.roles)
        )

    @command
    def DeleteSession(self, _request: pb.DeleteSessionRequest, call: Call) -> Empty:
        sessions.log_out(call.session)
        return Empty()

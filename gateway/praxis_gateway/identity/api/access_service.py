"""RPCs that only the gateway itself calls: who is this, and what may he do."""

from __future__ import annotations

from praxis.identity.v1 import access_service_pb2 as pb
from praxis_chassis.mapping import instant
from praxis_chassis.rpc import Call, command, query
from praxis_gateway.identity.usecases import access, api_keys, sessions


class AccessService:
    """Tells the gateway who a caller is and what the caller may do."""

    @command
    def AuthenticateSession(self, request: pb.AuthenticateSessionRequest, call: Call) -> pb.AuthenticateSessionResponse:
        login = sessions.authenticate(call.session, request.token)
        return pb.AuthenticateSessionResponse(
            session_id=str(login.id),
            tenant_id=str(login.tenant_id),
            user_id=str(login.user_id),
            csrf_token=login.csrf_token,
            auth_time=instant(login.auth_time),
            factors=login.factors,
        )

    @query
    def GetUserAccess(self, request: pb.GetUserAccessRequest, call: Call) -> pb.Access:
        patterns = access.patterns_of_user(call.session, request.user_id)
        party = access.party_of_user(call.session, request.user_id)
        return pb.Access(subject_id=request.user_id, permissions=patterns, party_id=str(party or ""))

    @query
    def GetApiKeyAccess(self, request: pb.GetApiKeyAccessRequest, call: Call) -> pb.Access:
        key = api_keys.authenticate(call.session, request.key)
        return pb.Access(subject_id=str(key.id), permissions=key.scopes, expire_time=instant(key.expire_time))

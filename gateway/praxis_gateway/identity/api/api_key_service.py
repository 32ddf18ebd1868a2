"""RPCs of API keys."""

from __future__ import annotations

from sqlalchemy import select

from praxis.identity.v1 import api_key_pb2
from praxis.identity.v1 import api_key_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_gateway.identity.api.mappings import API_KEY
from praxis_gateway.identity.store.models import ApiKey
from praxis_gateway.identity.usecases import api_keys


class ApiKeyService:
    """Creates and revokes API keys."""

    @query
    def GetApiKey(self, request: pb.GetApiKeyRequest, call: Call) -> api_key_pb2.ApiKey:
        return API_KEY.message(fetch(call.session, ApiKey, request.id))

    @query
    def ListApiKeys(self, request: pb.ListApiKeysRequest, call: Call) -> pb.ListApiKeysResponse:
        keys, token = page(call.session, select(ApiKey), order=[ApiKey.id], request=request, descending=True)
        return pb.ListApiKeysResponse(api_keys=[API_KEY.message(key) for key in keys], next_page_token=token)

    @command
    def CreateApiKey(self, request: pb.CreateApiKeyRequest, call: Call) -> api_key_pb2.ApiKey:
        key, text = api_keys.create(call.session, request.api_key)
        call.session.flush()
        message = API_KEY.message(key)
        message.key = text
        return message

    @command
    def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, call: Call) -> api_key_pb2.ApiKey:
        return API_KEY.message(api_keys.revoke(call.session, request.id))

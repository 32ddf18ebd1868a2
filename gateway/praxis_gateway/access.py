"""Ask identity who a credential belongs to and what it opens, and patients whom a portal user answers for."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2

from praxis.identity.v1 import access_service_pb2 as access_pb2
from praxis.patients.v1 import party_service_pb2 as party_pb2
from praxis_chassis.compartment import PORTAL_USER, Compartment
from praxis_chassis.tokens import Minter
from praxis_chassis.types import new_id
from praxis_gateway.identity.rules import keys
from praxis_gateway.invoke import READ_SECONDS, RefusedError, Transport
from praxis_gateway.problems import from_status, not_authenticated
from praxis_gateway.tokens import Caller, bearer

SERVICE = "praxis.identity.v1.AccessService"
COMPARTMENT = "praxis.patients.v1.PartyService/GetCompartment"
_READ_ACCESS = ("identity.access.read",)
_READ_COMPARTMENT = ("patients.compartments.read",)
_SYSTEM = "gateway"


class Access:
    """The gateway's own questions, asked as the system and never on behalf of a caller."""

    def __init__(self, identity: Transport, patients: Transport | None, minter: Minter) -> None:
        self._identity = identity
        self._patients = patients
        self._minter = minter

    def caller(self, credential: str) -> Caller:
        """Return who a credential belongs to, or refuse it."""
        try:
            return self._key(credential) if _looks_like_key(credential) else self._session(credential)
        except RefusedError as refusal:
            raise from_status(refusal.status) from None

    def _key(self, text: str) -> Caller:
        parts = keys.parse(text)
        if parts is None:
            raise not_authenticated(
                "This is not a whole API key; copy it again, to the last letter.", "API_KEY_INVALID"
            )
        tenant_id = str(parts.tenant_id)
        reply = self._ask("GetApiKeyAccess", access_pb2.GetApiKeyAccessRequest(key=text), tenant_id)
        assert isinstance(reply, access_pb2.Access)
        return Caller(tenant_id, reply.subject_id, "client", tuple(reply.permissions))

    def _session(self, token: str) -> Caller:
        session = self._ask("AuthenticateSession", access_pb2.AuthenticateSessionRequest(token=token[:200]))
        assert isinstance(session, access_pb2.AuthenticateSessionResponse)
        request = access_pb2.GetUserAccessRequest(user_id=session.user_id)
        access = self._ask("GetUserAccess", request, session.tenant_id)
        assert isinstance(access, access_pb2.Access)
        return Caller(
            session.tenant_id,
            session.user_id,
            PORTAL_USER if access.party_id else "user",
            tuple(access.permissions),
            session.session_id,
            session.csrf_token,
            self._compartment(access.party_id, session.tenant_id) if access.party_id else None,
        )

    def _compartment(self, party_id: str, tenant_id: str) -> Compartment:
        """Return whom a portal user answers for now; without patients nobody knows, and the user waits outside."""
        if self._patients is None:
            raise RefusedError(status_pb2.Status(code=code_pb2.UNAVAILABLE))
        metadata = self._metadata(tenant_id, _READ_COMPARTMENT)
        request = party_pb2.GetCompartmentRequest(party_id=party_id)
        reply = self._patients.call(COMPARTMENT, request, metadata, READ_SECONDS).message
        assert isinstance(reply, party_pb2.Compartment)
        return Compartment(UUID(party_id), frozenset(map(UUID, reply.patient_ids)))

    def _ask(self, method: str, request: Message, tenant_id: str = "") -> Message:
        metadata = self._metadata(tenant_id, _READ_ACCESS)
        return self._identity.call(f"{SERVICE}/{method}", request, metadata, READ_SECONDS).message

    def _metadata(self, tenant_id: str, permissions: tuple[str, ...]) -> dict[str, str]:
        metadata = {"x-request-id": str(new_id())}
        if tenant_id:
            metadata["authorization"] = bearer(self._minter, Caller(tenant_id, _SYSTEM, "system"), permissions)
        return metadata


def _looks_like_key(credential: str) -> bool:
    return credential.startswith(("praxis_test_", "praxis_live_"))

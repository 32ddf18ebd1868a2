"""The internal token: an Ed25519 JWT that the gateway mints and every service verifies."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from praxis_chassis.compartment import Compartment
from praxis_chassis.machine import MACHINE

AUDIENCE = "praxis-internal"
LIFE_SECONDS = 120
# Clocks of two machines may differ by this much.
LEEWAY_SECONDS = 60
CACHED = 4096


class TokenInvalid(Exception):
    """The token is missing, malformed, signed by somebody else, or expired."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    tenant_id: UUID | None
    subject: str
    kind: str
    permissions: frozenset[str]
    purpose: str
    session_id: str
    issuer: str
    expires: float
    factor_time: float = 0.0
    compartment: Compartment | None = None


def make_key_pair(private: Path, public: Path) -> None:
    """Write a fresh key pair, unless there is one."""
    if private.exists() and public.exists():
        return
    key = OKPKey.generate_key("Ed25519")
    private.touch(mode=0o600)
    private.write_bytes(key.as_pem(private=True))
    public.write_bytes(key.as_pem(private=False))


class Minter:
    """Signs tokens; only the gateway and the work processes of services are told of a private key."""

    def __init__(self, private_pem: bytes, issuer: str = "gateway") -> None:
        self.key = OKPKey.import_key(private_pem)
        self.issuer = issuer

    def mint(
        self,
        *,
        tenant_id: UUID | None,
        subject: str,
        kind: str,
        permissions: Iterable[str],
        purpose: str = "operations",
        session_id: str = "",
        factor_time: float = 0.0,
        compartment: Compartment | None = None,
    ) -> str:
        """Return a token that is valid for two minutes; `factor_time` says when a second factor was last proven.

        The token of a portal user carries the compartment, so that every service holds the same wall.
        """
        now = int(MACHINE.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "sub": subject,
            "kind": kind,
            "perms": sorted(permissions),
            "purpose": purpose,
            "sid": session_id,
            "fat": factor_time,
        }
        if tenant_id is not None:
            claims["tid"] = str(tenant_id)
        if compartment is not None:
            claims["own"] = {"party": str(compartment.party_id), "patients": sorted(map(str, compartment.patient_ids))}
        return jwt.encode({"alg": "Ed25519"}, claims, self.key, algorithms=["Ed25519"])


class Verifier:
    """Checks tokens, and remembers good ones until they expire, because a check costs 0.1 ms."""

    def __init__(self, public_pem: bytes) -> None:
        self.key = OKPKey.import_key(public_pem)
        self.known: OrderedDict[str, Claims] = OrderedDict()
        self.lock = Lock()

    def verify(self, token: str) -> Claims:
        """Return the claims, or raise TokenInvalid."""
        with self.lock:
            claims = self.known.get(token)
        if claims is None:
            claims = self._read(token)
            self._remember(token, claims)
        if claims.expires + LEEWAY_SECONDS < MACHINE.time():
            raise TokenInvalid("expired")
        return claims

    def _remember(self, token: str, claims: Claims) -> None:
        with self.lock:
            self.known[token] = claims
            while len(self.known) > CACHED:
                self.known.popitem(last=False)

    def _read(self, token: str) -> Claims:
        try:
            content = jwt.decode(token, self.key, algorithms=["Ed25519"]).claims
            if content["aud"] != AUDIENCE:
                raise TokenInvalid("audience")
            if content["iat"] > MACHINE.time() + LEEWAY_SECONDS:
                raise TokenInvalid("from the future")
            return Claims(
                tenant_id=UUID(content["tid"]) if "tid" in content else None,
                subject=str(content["sub"]),
                kind=str(content["kind"]),
                permissions=frozenset(content["perms"]),
                purpose=str(content.get("purpose", "operations")),
                session_id=str(content.get("sid", "")),
                issuer=str(content["iss"]),
                expires=float(content["exp"]),
                factor_time=float(content.get("fat", 0.0)),
                compartment=_compartment(content["own"]) if "own" in content else None,
            )
        except (JoseError, KeyError, ValueError, TypeError) as failure:
            raise TokenInvalid(type(failure).__name__) from failure


def _compartment(content: Any) -> Compartment:
    return Compartment(UUID(content["party"]), frozenset(map(UUID, content["patients"])))

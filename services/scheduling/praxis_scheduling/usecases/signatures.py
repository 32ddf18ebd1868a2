"""Names that prove themselves: an id and the practice's signature of it, for addresses that need no login."""

from __future__ import annotations

import base64
import hmac
from uuid import UUID

from sqlalchemy.orm import Session

from praxis_chassis.context import context_of

LENGTH = 32


def signed(session: Session, purpose: str, identifier: UUID) -> str:
    """Return the signed name of something, as a part of an address."""
    data = identifier.bytes + _signature(session, purpose, identifier)
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def proven(session: Session, purpose: str, text: str) -> UUID | None:
    """Return what a signed name is of, or nothing when the signature is wrong."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    if len(data) != LENGTH:
        return None
    identifier = UUID(bytes=data[:16])
    return identifier if hmac.compare_digest(data[16:], _signature(session, purpose, identifier)) else None


def _signature(session: Session, purpose: str, identifier: UUID) -> bytes:
    context = context_of(session)
    signature: bytes = context.runtime.keys.index(context.tenant, purpose, str(identifier))
    return signature

"""Keys of programs: create, check, revoke."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from praxis.identity.v1 import api_key_pb2, errors_pb2, events_pb2
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.types import new_id
from praxis_gateway.identity.rules import keys
from praxis_gateway.identity.store.models import ApiKey
from praxis_gateway.identity.usecases import access, credentials, tenants

LONGEST_LIFE = timedelta(days=366)


def create(session: Session, new: api_key_pb2.ApiKey) -> tuple[ApiKey, str]:
    """Create a key out of scopes that the caller holds; return its text too, which is stored nowhere."""
    access.require_known("api_key.scopes", new.scopes)
    access.require_grantable(session, new.scopes)
    tenant_id = context_of(session).tenant
    mode = "test" if tenants.is_test(session, tenant_id) else "live"
    text = keys.KeyText(mode, tenant_id, new_id(), keys.secret_text(secrets.token_bytes(32)))
    key = ApiKey(
        id=text.key_id,
        title=new.title,
        key_prefix=text.prefix,
        secret_hash=credentials.digest(text.secret),
        scopes=list(new.scopes),
        expire_time=_expire_time(new),
    )
    session.add(key)
    record(session, events_pb2.ApiKeyCreated, key)
    return key, str(text)


def _expire_time(new: api_key_pb2.ApiKey) -> datetime:
    now = access.real_now()
    if not new.HasField("expire_time"):
        return now + timedelta(days=365)
    wanted = new.expire_time.ToDatetime(now.tzinfo)
    if not now < wanted <= now + LONGEST_LIFE:
        raise invalid("api_key.expire_time", "KEY_LIFE")
    return wanted


def revoke(session: Session, key_id: str) -> ApiKey:
    """Stop a key from working; revoking it twice changes nothing."""
    key = fetch(session, ApiKey, key_id, lock=True)
    if key.revoke_time is None:
        key.revoke_time = access.real_now()
        record(session, events_pb2.ApiKeyRevoked, key)
    return key


def authenticate(session: Session, text: str) -> ApiKey:
    """Return the key of the practice that a program sent, if it still lets anybody in."""
    parts = keys.parse(text)
    tenant_id = context_of(session).tenant
    key = session.get(ApiKey, (tenant_id, parts.key_id)) if parts and parts.tenant_id == tenant_id else None
    right = key is not None and parts and hmac.compare_digest(key.secret_hash, credentials.digest(parts.secret))
    if key is None or not right or not access.usable(key, access.real_now()):
        raise DomainError(errors_pb2.ERROR_REASON_API_KEY_INVALID)
    return key

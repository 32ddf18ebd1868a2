"""Practices: create one with its owner, show it, rename it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from praxis.identity.v1 import errors_pb2, tenant_pb2, tenant_service_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import check_etag
from praxis_chassis.errors import DomainError
from praxis_chassis.types import new_id
from praxis_gateway.identity.rules.roles import OWNER
from praxis_gateway.identity.store import queries
from praxis_gateway.identity.store.models import Membership, SetupToken, Tenant, User
from praxis_gateway.identity.usecases import credentials, throttling, updates


def create(session: Session, request: tenant_service_pb2.CreateTenantRequest) -> tuple[Tenant, Membership, User]:
    """Use up a setup token and create a practice with its first owner."""
    owner = _owner(session, request)
    if not queries.use_setup_token(session, credentials.digest(request.setup_token), clock.now(session)):
        raise DomainError(errors_pb2.ERROR_REASON_SETUP_TOKEN_INVALID)
    mode = request.tenant.mode or tenant_pb2.Tenant.MODE_LIVE
    tenant = Tenant(id=new_id(), name=request.tenant.name, kind=request.tenant.kind, mode=mode)
    session.add_all([tenant, owner])
    session.flush()
    membership = Membership(tenant_id=tenant.id, user_id=owner.id, roles=[OWNER], location_ids=[], accepted=True)
    session.add(membership)
    session.flush()
    return tenant, membership, owner


def _owner(session: Session, request: tenant_service_pb2.CreateTenantRequest) -> User:
    """Return the owner's login, which may exist already and is then proven by its password."""
    new = request.owner
    email = new.email.strip().lower()
    known = queries.user_by_email(session, email)
    if known is not None:
        throttling.check_password(session, email, new.password, known.password_hash)
        return known
    credentials.check_strength("owner.password", new.password, request.tenant.name, email.split("@")[0])
    password_hash = credentials.hash_password(new.password)
    return User(id=new_id(), email=email, display_name=new.display_name, password_hash=password_hash)


def current(session: Session) -> Tenant:
    """Return the caller's practice."""
    return queries.tenant(session, context_of(session).tenant)


def update(session: Session, request: tenant_service_pb2.UpdateTenantRequest) -> Tenant:
    """Change the name or the kind of the caller's practice."""
    tenant = queries.lock_tenant(session)
    check_etag(tenant, request.tenant.etag, "tenant")
    for path in request.update_mask.paths:
        updates.require_changeable("tenant", path, ("name", "kind"))
        setattr(tenant, path, getattr(request.tenant, path))
    session.flush()
    return tenant


def add_setup_token(session: Session) -> str:
    """Return a new token that creates one practice."""
    text = f"praxis_setup_{credentials.token()}"
    session.add(SetupToken(token_hash=credentials.digest(text)))
    return text


def is_test(session: Session, tenant_id: UUID) -> bool:
    """Tell whether a practice holds invented data only."""
    return queries.tenant(session, tenant_id).mode == tenant_pb2.Tenant.MODE_TEST

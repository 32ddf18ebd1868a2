"""The practice's own roles."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.identity.v1 import errors_pb2, events_pb2, role_service_pb2
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_gateway.identity.rules import roles
from praxis_gateway.identity.store import queries
from praxis_gateway.identity.store.models import Role
from praxis_gateway.identity.usecases import access, updates


def create(session: Session, request: role_service_pb2.CreateRoleRequest) -> Role:
    """Create a role out of permissions that the caller holds."""
    new = request.role
    _check_permissions(session, list(new.permissions))
    taken = session.scalar(select(Role.id).where(Role.name == new.name))
    if new.name in roles.BUILT_IN or taken is not None:
        raise DomainError(errors_pb2.ERROR_REASON_ROLE_NAME_TAKEN, name=new.name)
    role = Role(name=new.name, title=new.title, permissions=list(new.permissions))
    session.add(role)
    record(session, events_pb2.RoleCreated, role)
    return role


def update(session: Session, request: role_service_pb2.UpdateRoleRequest) -> Role:
    """Change the title or the permissions of a role whose permissions the caller holds."""
    role = _own(session, request.role.id, request.role.etag)
    for path in request.update_mask.paths:
        updates.require_changeable("role", path, ("title", "permissions"))
        if path == "title":
            role.title = request.role.title
        else:
            _check_permissions(session, list(request.role.permissions))
            role.permissions = list(request.role.permissions)
    record(session, events_pb2.RoleUpdated, role)
    return role


def retire(session: Session, role_id: str, etag: str) -> Role:
    """Retire a role that nobody carries."""
    role = _own(session, role_id, etag)
    queries.lock_tenant(session)
    carriers = queries.carriers(session, role.name)
    if carriers:
        raise DomainError(errors_pb2.ERROR_REASON_ROLE_IN_USE, count=carriers)
    role.retired = True
    record(session, events_pb2.RoleRetired, role)
    return role


def _own(session: Session, role_id: str, etag: str) -> Role:
    if roles.by_id(role_id):
        raise DomainError(errors_pb2.ERROR_REASON_ROLE_BUILT_IN)
    role = fetch(session, Role, role_id, lock=True, etag=etag)
    access.require_grantable(session, role.permissions)
    return role


def _check_permissions(session: Session, patterns: list[str]) -> None:
    access.require_known("role.permissions", patterns)
    access.require_grantable(session, patterns)

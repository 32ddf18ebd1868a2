"""How identity's rows and its messages correspond."""

from __future__ import annotations

from collections.abc import Iterable

from praxis.identity.v1 import api_key_pb2, role_pb2, session_pb2, tenant_pb2, user_pb2
from praxis_chassis.mapping import Mapping, Special, instant
from praxis_gateway.identity.rules.roles import BuiltInRole
from praxis_gateway.identity.store.models import ApiKey, Login, Membership, Role, Tenant, User
from praxis_gateway.identity.usecases import sessions

ROLE = Mapping(Role, role_pb2.Role, read_only={"name", "retired"}, special={"built_in": Special(lambda _: False)})
API_KEY = Mapping(ApiKey, api_key_pb2.ApiKey, special={"key": Special(None)})


def tenant_message(tenant: Tenant) -> tenant_pb2.Tenant:
    """Return the public state of a practice."""
    return tenant_pb2.Tenant(
        id=str(tenant.id),
        name=tenant.name,
        kind=tenant.kind,  # type: ignore[arg-type]
        mode=tenant.mode,  # type: ignore[arg-type]
        etag=f'"{tenant.version}"',
        create_time=instant(tenant.create_time),
        update_time=instant(tenant.update_time),
    )


def user_message(membership: Membership, user: User) -> user_pb2.User:
    """Return a person as a member of a practice."""
    return user_pb2.User(
        id=str(user.id),
        email=user.email,
        display_name=user.display_name,
        roles=membership.roles,
        location_ids=[str(location_id) for location_id in membership.location_ids],
        party_id=str(membership.party_id or ""),
        state=membership.state(),  # type: ignore[arg-type]
        etag=f'"{membership.version}"',
        create_time=instant(membership.create_time),
        update_time=instant(membership.update_time),
    )


def built_in_message(role: BuiltInRole) -> role_pb2.Role:
    """Return a role that comes with Praxis."""
    return role_pb2.Role(
        id=str(role.id), name=role.name, title=role.title, permissions=role.permissions, built_in=True, etag='"1"'
    )


def session_message(
    login: Login, user: User, membership: Membership, tenant: Tenant, permissions: Iterable[str] = ()
) -> session_pb2.Session:
    """Return a session without its token."""
    return session_pb2.Session(
        id=str(login.id),
        csrf_token=login.csrf_token,
        user_id=str(user.id),
        email=user.email,
        display_name=user.display_name,
        tenant_id=str(tenant.id),
        tenant_name=tenant.name,
        roles=membership.roles,
        location_ids=[str(location_id) for location_id in membership.location_ids],
        permissions=permissions,
        factors=login.factors,
        auth_time=instant(login.auth_time),
        idle_expire_time=instant(sessions.expire_time(login)),
        expire_time=instant(login.auth_time + sessions.LONGEST),
    )

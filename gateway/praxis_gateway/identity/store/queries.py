"""Questions asked of identity's tables; those of global tables always name the tenant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis_chassis.context import context_of
from praxis_chassis.database import uuid_of
from praxis_chassis.errors import not_found
from praxis_chassis.paging import PageRequest, page
from praxis_gateway.identity.rules import roles as role_rules
from praxis_gateway.identity.store.models import Login, Membership, Role, SetupToken, Tenant, Throttle, User

_IN_FORCE = (Membership.disabled.is_(False), Membership.accepted)


def tenant(session: Session, tenant_id: UUID) -> Tenant:
    """Return a tenant."""
    found = session.get(Tenant, tenant_id)
    if found is None:
        raise not_found("tenant", tenant_id)
    return found


def user_by_email(session: Session, email: str) -> User | None:
    """Return the login with this e-mail address, in lower case."""
    return session.scalar(select(User).where(User.email == email))


def member(session: Session, user_id: str | UUID, lock: bool = False) -> tuple[Membership, User]:
    """Return a person of the caller's practice."""
    query = member_list(session).where(Membership.user_id == uuid_of(user_id))
    row = session.execute(query.with_for_update(of=Membership) if lock else query).one_or_none()
    if row is None:
        raise not_found("user", user_id)
    return row[0], row[1]


def member_list(session: Session) -> Select[Membership, User]:
    """Return the query of all people of the caller's practice."""
    joined = select(Membership, User).join(User, User.id == Membership.user_id)
    return joined.where(Membership.tenant_id == context_of(session).tenant)


def members(session: Session, request: PageRequest) -> tuple[list[tuple[Membership, User]], str]:
    """Return one page of the people of the caller's practice, oldest first."""
    query = select(Membership).where(Membership.tenant_id == context_of(session).tenant)
    order = [Membership.create_time, Membership.user_id]
    found, token = page(session, query, order=order, request=request)
    ids = [membership.user_id for membership in found]
    users = {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))}
    return [(membership, users[membership.user_id]) for membership in found], token


def practices_of(session: Session, user_id: UUID) -> Sequence[tuple[Membership, Tenant]]:
    """Return the practices that a person can log in to, by name."""
    query = select(Membership, Tenant).join(Tenant, Tenant.id == Membership.tenant_id)
    query = query.where(Membership.user_id == user_id, *_IN_FORCE).order_by(Tenant.name, Tenant.id)
    return [(row[0], row[1]) for row in session.execute(query)]


def lock_tenant(session: Session) -> Tenant:
    """Lock the caller's tenant, so that changes of who owns it wait for each other."""
    query = select(Tenant).where(Tenant.id == context_of(session).tenant).with_for_update()
    return session.scalars(query).one()


def active_owners(session: Session) -> int:
    """Return how many people can log in to the caller's practice as owner."""
    query = select(func.count()).select_from(Membership)
    return (
        session.scalar(
            query.where(
                Membership.tenant_id == context_of(session).tenant,
                *_IN_FORCE,
                Membership.roles.contains([role_rules.OWNER]),
            )
        )
        or 0
    )


def carriers(session: Session, role_name: str) -> int:
    """Return how many people of the practice carry a role."""
    query = select(func.count()).select_from(Membership).where(Membership.tenant_id == context_of(session).tenant)
    return session.scalar(query.where(Membership.roles.contains([role_name]))) or 0


def own_roles(session: Session, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the permissions of the practice's own roles among these, by name."""
    found = session.execute(select(Role.name, Role.permissions).where(Role.name.in_(names), Role.retired.is_(False)))
    return {row.name: row.permissions for row in found}


def login_by_hash(session: Session, token_hash: bytes) -> Login | None:
    """Return the session that a token belongs to, if the person may still log in to its practice."""
    query = select(Login).join(
        Membership, (Membership.tenant_id == Login.tenant_id) & (Membership.user_id == Login.user_id)
    )
    return session.scalar(query.where(Login.token_hash == token_hash, *_IN_FORCE))


def revoke_logins(session: Session, user_id: UUID, now: datetime, *, tenant_id: UUID | None, keep: UUID | None) -> None:
    """End the sessions of a person, in one practice or in all, but for the one to keep."""
    change = update(Login).where(Login.user_id == user_id, Login.revoke_time.is_(None)).values(revoke_time=now)
    if tenant_id is not None:
        change = change.where(Login.tenant_id == tenant_id)
    if keep is not None:
        change = change.where(Login.id != keep)
    session.execute(change)


def use_setup_token(session: Session, token_hash: bytes, now: datetime) -> bool:
    """Use up a setup token; of two callers with the same one, one wins."""
    change = update(SetupToken).where(SetupToken.token_hash == token_hash, SetupToken.use_time.is_(None))
    return session.execute(change.values(use_time=now).returning(SetupToken.token_hash)).first() is not None


def throttle(session: Session, account_hash: bytes, now: datetime) -> Throttle:
    """Return the throttle of an account, locked: tries for one account take turns."""
    row = insert(Throttle).values(account_hash=account_hash, failures=0, blocked_until=now)
    session.execute(row.on_conflict_do_nothing())
    query = select(Throttle).where(Throttle.account_hash == account_hash).with_for_update()
    return session.scalars(query).one()


def invited(session: Session, invitation_hash: bytes) -> tuple[Membership, User] | None:
    """Return the membership that an invitation token belongs to, with the login, both locked."""
    joined = select(Membership, User).join(User, User.id == Membership.user_id)
    row = session.execute(joined.where(Membership.invitation_hash == invitation_hash).with_for_update()).one_or_none()
    return (row[0], row[1]) if row else None

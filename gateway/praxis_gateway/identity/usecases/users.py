"""People of a practice: add them, say what they may do, lock them out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.identity.v1 import errors_pb2, user_service_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import check_etag
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.types import new_id
from praxis_gateway.identity.rules import permissions, roles
from praxis_gateway.identity.store import queries
from praxis_gateway.identity.store.models import Membership, User
from praxis_gateway.identity.usecases import access, credentials, throttling, updates

INVITATION_LIFE = timedelta(days=7)

Member = tuple[Membership, User]


def invite(session: Session, request: user_service_pb2.InviteUserRequest) -> tuple[Member, str]:
    """Add a person; return an invitation token unless the person was given a new login with a password.

    Addresses are not proven, and a login serves several practices: so a membership is in force only once somebody has
    shown the token of this practice and, where the login has a password, that password too.
    """
    _require_roles_exist(session, "user.roles", request.user.roles)
    _require_party_fits("user", request.user.roles, request.user.party_id)
    access.require_grantable(session, access.patterns_of_roles(session, request.user.roles))
    email = request.user.email.strip().lower()
    user = queries.user_by_email(session, email)
    if user is not None:
        _require_joinable(session, user, request.password)
    else:
        user = _new_user(session, email, request)
    membership = Membership(
        tenant_id=context_of(session).tenant,
        user_id=user.id,
        roles=list(request.user.roles),
        location_ids=[UUID(text) for text in request.user.location_ids],
        party_id=UUID(request.user.party_id) if request.user.party_id else None,
        accepted=bool(request.password),
    )
    text = "" if membership.accepted else _invitation(membership)
    session.add(membership)
    session.flush()
    return (membership, user), text


def _new_user(session: Session, email: str, request: user_service_pb2.InviteUserRequest) -> User:
    user = User(id=new_id(), email=email, display_name=request.user.display_name)
    if request.password:
        credentials.check_strength("password", request.password, email.split("@", maxsplit=1)[0])
        user.password_hash = credentials.hash_password(request.password)
    session.add(user)
    session.flush()
    return user


def _require_joinable(session: Session, user: User, password: str) -> None:
    """Refuse a second membership, and a password for a login that has one."""
    if session.get(Membership, (context_of(session).tenant, user.id)) is not None:
        raise DomainError(errors_pb2.ERROR_REASON_USER_EXISTS)
    if password:
        raise DomainError(errors_pb2.ERROR_REASON_LOGIN_EXISTS)


def _require_roles_exist(session: Session, path: str, names: Sequence[str]) -> None:
    known = {*roles.BUILT_IN, *queries.own_roles(session, list(names))}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise invalid(path, "ROLE_UNKNOWN", role=unknown[0])


def _require_party_fits(path: str, names: Sequence[str], party_id: str) -> None:
    """Refuse a portal user without a party, or with a second role: nobody is staff and patient by one login."""
    if roles.PORTAL in names and len(names) > 1:
        raise invalid(f"{path}.roles".lstrip("."), "PORTAL_ROLE_ALONE")
    if (roles.PORTAL in names) != bool(party_id):
        raise invalid(f"{path}.party_id" if path else "roles", "PORTAL_PARTY_REQUIRED")


def update(session: Session, request: user_service_pb2.UpdateUserRequest) -> Member:
    """Change the name or the locations of a person."""
    membership, user = _changeable(session, request.user.id, request.user.etag)
    for path in request.update_mask.paths:
        updates.require_changeable("user", path, ("display_name", "location_ids"))
        if path == "location_ids":
            membership.location_ids = [UUID(text) for text in request.user.location_ids]
        else:
            _require_own_login(session, user)
            user.display_name = request.user.display_name
    membership.update_time = clock.wall()
    session.flush()
    return membership, user


def set_roles(session: Session, request: user_service_pb2.SetUserRolesRequest) -> Member:
    """Replace the roles of a person."""
    membership, user = _changeable(session, request.id, request.etag)
    _require_roles_exist(session, "roles", request.roles)
    _require_party_fits("", request.roles, str(membership.party_id or ""))
    access.require_grantable(session, access.patterns_of_roles(session, request.roles))
    membership.roles = list(request.roles)
    return _keep_an_owner(session, membership, user)


def set_disabled(session: Session, user_id: str, etag: str, disabled: bool) -> Member:
    """Lock a person out of the practice, or let the person in again."""
    membership, user = _changeable(session, user_id, etag)
    membership.disabled = disabled
    if disabled:
        tenant_id = context_of(session).tenant
        queries.revoke_logins(session, user.id, clock.wall(), tenant_id=tenant_id, keep=None)
    return _keep_an_owner(session, membership, user)


def _keep_an_owner(session: Session, membership: Membership, user: User) -> Member:
    session.flush()
    if queries.active_owners(session) == 0:
        raise DomainError(errors_pb2.ERROR_REASON_LAST_OWNER)
    return membership, user


def _changeable(session: Session, user_id: str, etag: str) -> Member:
    """Return a person whom the caller may change: one who holds nothing that the caller lacks."""
    queries.lock_tenant(session)
    membership, user = queries.member(session, user_id, lock=True)
    check_etag(membership, etag, "user")
    _require_rank(session, access.patterns_of_roles(session, membership.roles))
    return membership, user


def _require_rank(session: Session, held: Iterable[str]) -> None:
    if permissions.beyond(access.patterns_of_caller(session), held):
        raise DomainError(errors_pb2.ERROR_REASON_USER_OUTRANKS_CALLER)


def _require_own_login(session: Session, user: User) -> None:
    """Refuse to change a login that another practice relies on too."""
    if len(queries.practices_of(session, user.id)) > 1:
        raise DomainError(errors_pb2.ERROR_REASON_LOGIN_SHARED)


def reset_password(session: Session, user_id: str) -> str:
    """Return an invitation token by which a person chooses a new password."""
    membership, user = _changeable(session, user_id, "")
    if membership.accepted:
        _require_own_login(session, user)
    return _invitation(membership)


def _invitation(membership: Membership) -> str:
    text = f"praxis_invitation_{credentials.token()}"
    membership.invitation_hash = credentials.digest(text)
    membership.invitation_expire_time = clock.wall() + INVITATION_LIFE
    return text


def accept_invitation(session: Session, text: str, password: str) -> User:
    """Join the practice that invited: with the first password, the present one, or a new one after a reset."""
    found = queries.invited(session, credentials.digest(text))
    if found is None or found[0].invitation_expire_time is None or found[0].invitation_expire_time < clock.wall():
        raise DomainError(errors_pb2.ERROR_REASON_INVITATION_INVALID)
    membership, user = found
    joining = not membership.accepted
    if joining and user.password_hash:
        throttling.check_password(session, user.email, password, user.password_hash)
    else:
        _require_own_login(session, user)
        _set_password(session, user, "password", password, keep=None)
    membership.accepted = True
    membership.invitation_hash = membership.invitation_expire_time = None
    return user


def change_password(session: Session, present: str, new: str) -> None:
    """Change the caller's password and end the caller's other sessions."""
    context = context_of(session)
    if not context.session_id:
        raise DomainError(errors_pb2.ERROR_REASON_SESSION_REQUIRED)
    _, user = queries.member(session, context.actor.id)
    throttling.check_password(session, user.email, present, user.password_hash)
    _set_password(session, user, "new_password", new, keep=UUID(context.session_id))


def _set_password(session: Session, user: User, path: str, password: str, keep: UUID | None) -> None:
    credentials.check_strength(path, password, user.email.split("@")[0])
    user.password_hash = credentials.hash_password(password)
    queries.revoke_logins(session, user.id, clock.wall(), tenant_id=None, keep=keep)

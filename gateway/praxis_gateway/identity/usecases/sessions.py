"""Logging in, staying logged in, logging out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.identity.v1 import errors_pb2, session_pb2, session_service_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError
from praxis_chassis.types import new_id
from praxis_gateway.identity.store import queries
from praxis_gateway.identity.store.models import Login, Membership, Tenant, User
from praxis_gateway.identity.usecases import credentials, throttling

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=12)
_SEEN_STEP = timedelta(seconds=30)


def log_in(
    session: Session, request: session_service_pb2.CreateSessionRequest
) -> tuple[Login, str, User, Membership, Tenant]:
    """Check a password and open a session in one practice; return its token too, which is stored nowhere."""
    email = request.email.strip().lower()
    user = queries.user_by_email(session, email)
    throttling.check_password(session, email, request.password, user.password_hash if user else None)
    assert user is not None
    assert user.password_hash is not None
    if credentials.outdated(user.password_hash):
        user.password_hash = credentials.hash_password(request.password)
    membership, tenant = _choose(queries.practices_of(session, user.id), request.tenant_id)
    text = f"praxis_session_{credentials.token()}"
    login = Login(
        id=new_id(),
        token_hash=credentials.digest(text),
        tenant_id=tenant.id,
        user_id=user.id,
        csrf_token=credentials.token(),
        factors=["password"],
    )
    session.add(login)
    session.flush()
    return login, text, user, membership, tenant


def _choose(practices: Sequence[tuple[Membership, Tenant]], tenant_id: str) -> tuple[Membership, Tenant]:
    """Return the practice to log in to; a person without any is answered like a wrong password."""
    wanted = [pair for pair in practices if tenant_id in ("", str(pair[1].id))]
    if not wanted:
        raise DomainError(errors_pb2.ERROR_REASON_CREDENTIALS_INVALID)
    if len(wanted) > 1:
        choices = [session_pb2.TenantChoice(tenant_id=str(tenant.id), tenant_name=tenant.name) for _, tenant in wanted]
        details = [session_pb2.TenantChoices(tenants=choices)]
        raise DomainError(errors_pb2.ERROR_REASON_TENANT_CHOICE_REQUIRED, details=details)
    return wanted[0]


def authenticate(session: Session, token: str) -> Login:
    """Return the session of a token and note that it is in use."""
    login = queries.login_by_hash(session, credentials.digest(token))
    now = clock.wall()
    if login is None or login.revoke_time is not None or expire_time(login) <= now:
        raise DomainError(errors_pb2.ERROR_REASON_SESSION_INVALID)
    if now - login.seen_time > _SEEN_STEP:
        login.seen_time = now
    return login


def expire_time(login: Login) -> datetime:
    """Return when a session ends if it is not used again."""
    return min(login.seen_time + IDLE, login.auth_time + LONGEST)


def current(session: Session) -> tuple[Login, User, Membership, Tenant]:
    """Return the caller's session with everything that is shown of it."""
    login = _own(session)
    membership, user = queries.member(session, login.user_id)
    return login, user, membership, queries.tenant(session, login.tenant_id)


def log_out(session: Session) -> None:
    """End the caller's session."""
    _own(session).revoke_time = clock.wall()


def _own(session: Session) -> Login:
    """Return the caller's session; a program with an API key has none."""
    login_id = context_of(session).session_id
    login = session.get(Login, UUID(login_id)) if login_id else None
    if login is None:
        raise DomainError(errors_pb2.ERROR_REASON_SESSION_REQUIRED)
    return login

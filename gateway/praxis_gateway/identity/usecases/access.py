"""What a caller may do, and whether he may let others do it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.identity.v1 import errors_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError, invalid
from praxis_gateway import contracts
from praxis_gateway.identity.rules import permissions, roles
from praxis_gateway.identity.store import queries
from praxis_gateway.identity.store.models import ApiKey


def patterns_of_roles(session: Session, names: Iterable[str]) -> list[str]:
    """Return the permission patterns that roles give in the caller's practice."""
    wanted = list(names)
    return roles.patterns(wanted, queries.own_roles(session, wanted))


def patterns_of_user(session: Session, user_id: str) -> list[str]:
    """Return the permission patterns of a person who can log in."""
    membership, _ = queries.member(session, user_id)
    if membership.disabled or not membership.accepted:
        raise DomainError(errors_pb2.ERROR_REASON_SESSION_INVALID)
    return patterns_of_roles(session, membership.roles)


def party_of_user(session: Session, user_id: str) -> UUID | None:
    """Return the party of a portal user, and nothing for everybody else."""
    membership, _ = queries.member(session, user_id)
    return membership.party_id


def patterns_of_caller(session: Session) -> list[str]:
    """Return the permission patterns of whoever is calling."""
    actor = context_of(session).actor
    if actor.kind == "client":
        key = session.get(ApiKey, (context_of(session).tenant, actor.id))
        return list(key.scopes) if key is not None else []
    return patterns_of_user(session, actor.id)


def require_known(path: str, patterns: Iterable[str]) -> None:
    """Refuse patterns that give nothing, which are mistyped."""
    wrong = permissions.meaningless(patterns, all_permissions())
    if wrong:
        raise invalid(path, "PERMISSION_UNKNOWN", pattern=wrong[0])


def require_grantable(session: Session, patterns: Iterable[str]) -> None:
    """Refuse to give what the caller lacks."""
    missing = permissions.beyond(patterns_of_caller(session), patterns)
    if missing:
        raise DomainError(errors_pb2.ERROR_REASON_GRANT_EXCEEDS_OWN, permission=missing[0])


@cache
def all_permissions() -> tuple[str, ...]:
    """Return every permission that the contracts know and that a person can hold."""
    return tuple(sorted(set().union(*contracts.load().permissions.values())))


def usable(key: ApiKey, now: datetime) -> bool:
    """Tell whether a key still lets anybody in."""
    return key.revoke_time is None and key.expire_time > now


def real_now() -> datetime:
    """Return the real time, which keys and sessions end by even where a test practice's clock was moved."""
    return clock.wall()

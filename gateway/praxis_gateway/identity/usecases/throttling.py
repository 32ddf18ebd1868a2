"""Slow down whoever guesses passwords; the count is in the database, so that restarts change nothing."""

from __future__ import annotations

import math
from datetime import timedelta

from google.rpc import error_details_pb2
from sqlalchemy.orm import Session

from praxis.identity.v1 import errors_pb2
from praxis_chassis import clock
from praxis_chassis.errors import DomainError
from praxis_gateway.identity.rules.throttle import wait_seconds
from praxis_gateway.identity.store import queries
from praxis_gateway.identity.usecases.credentials import digest, matches


def check_password(session: Session, account: str, password: str, password_hash: str | None) -> None:
    """Refuse a wrong password, and any password while the account has to wait.

    Logins are shared by practices, so the wait goes by the machine's clock, which no test practice can move.
    """
    throttle = queries.throttle(session, digest(account), clock.wall())
    now = clock.wall()  # after the wait for the lock
    wait = math.ceil((throttle.blocked_until - now).total_seconds())
    if wait > 0:
        delay = error_details_pb2.RetryInfo()
        delay.retry_delay.FromSeconds(wait)
        raise DomainError(errors_pb2.ERROR_REASON_LOGIN_THROTTLED, details=[delay], seconds=wait)
    if matches(password, password_hash):
        session.delete(throttle)
        return
    throttle.failures += 1
    throttle.blocked_until = clock.wall() + timedelta(seconds=wait_seconds(throttle.failures))
    session.commit()  # the refusal rolls back whatever is not committed, and the count must survive it
    raise DomainError(errors_pb2.ERROR_REASON_CREDENTIALS_INVALID)

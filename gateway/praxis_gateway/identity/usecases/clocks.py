"""The clock of a test practice."""

from __future__ import annotations

from sqlalchemy.orm import Session

from praxis.identity.v1 import clock_service_pb2, errors_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError
from praxis_chassis.mapping import instant
from praxis_gateway.identity.usecases import tenants


def show(session: Session) -> clock_service_pb2.Clock:
    """Return the practice's clock."""
    return _clock(session, 0)


def advance(session: Session, seconds: int) -> clock_service_pb2.Clock:
    """Return the clock that every service is to be given; each of them keeps its own copy of the offset."""
    if not tenants.is_test(session, context_of(session).tenant):
        raise DomainError(errors_pb2.ERROR_REASON_CLOCK_LIVE)
    return _clock(session, seconds)


def _clock(session: Session, ahead: int) -> clock_service_pb2.Clock:
    message = clock_service_pb2.Clock(now_time=instant(clock.now(session)))
    message.now_time.seconds += ahead
    message.offset_seconds = int(context_of(session).clock_offset.total_seconds()) + ahead
    return message

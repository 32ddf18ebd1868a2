"""What becomes of holds: an appointment takes their time, they are given up, or they expire."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from google.protobuf.message import Message
from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import errors_pb2, events_pb2, hold_pb2
from praxis_chassis import clock
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import Appointment, Hold


def redeem(session: Session, appointment: Appointment) -> Hold:
    """Free the time of a hold for the appointment that takes it in the same transaction."""
    held = select(Hold).where(Hold.token == appointment.hold_token)
    hold = session.scalars(held.with_for_update()).one_or_none()
    if hold is None:
        raise DomainError(errors_pb2.ERROR_REASON_HOLD_UNKNOWN)
    _check_held(session, hold)
    if hold.start_time != appointment.start_time:
        raise invalid("appointment.start_time", "HOLD_OF_OTHER_TIME", start_time=_wall_time(session, hold))
    return _end(session, hold, hold_pb2.HOLD_STATE_USED, events_pb2.HoldUsed)


def _wall_time(session: Session, hold: Hold) -> str:
    """Return when a hold begins, as the clock at its location shows it."""
    zone = calendar.zones(session, [hold.location_id])[hold.location_id]
    return f"{hold.start_time.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"


def release(session: Session, identifier: str, etag: str) -> Hold:
    """Give a time up before it expires."""
    hold = fetch(session, Hold, identifier, lock=True, etag=etag)
    _check_held(session, hold)
    return _end(session, hold, hold_pb2.HOLD_STATE_RELEASED, events_pb2.HoldReleased)


def expire_due(session: Session) -> None:
    """End the holds whose time is over."""
    due = select(Hold).where(Hold.state == hold_pb2.HOLD_STATE_HELD, Hold.expire_time <= clock.now(session))
    for hold in session.scalars(due.order_by(Hold.expire_time).limit(500).with_for_update(skip_locked=True)):
        _end(session, hold, hold_pb2.HOLD_STATE_EXPIRED, events_pb2.HoldExpired)


def _check_held(session: Session, hold: Hold) -> None:
    if hold.state != hold_pb2.HOLD_STATE_HELD or hold.expire_time <= clock.now(session):
        raise DomainError(errors_pb2.ERROR_REASON_HOLD_OVER)


def _end(session: Session, hold: Hold, state: int, event: type[Message]) -> Hold:
    hold.state = state
    calendar.release_hold(session, hold.id)
    record(session, event, hold)
    return hold

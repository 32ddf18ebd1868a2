"""Say how fresh the read models are, and which day it is."""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from praxis.reporting.v1 import report_pb2
from praxis_chassis import clock, tables
from praxis_chassis.mapping import instant
from praxis_reporting.rules.identity import moment_of
from praxis_reporting.store.models import Location


def freshness(session: Session) -> report_pb2.Freshness:
    """Return the newest event that was applied, and how many could not be."""
    inbox, letters = tables.inbox, tables.dead_letters
    waiting = session.scalar(select(func.count()).select_from(letters)) or 0
    newest = session.execute(
        select(inbox.c.event_id, inbox.c.received_at).order_by(inbox.c.event_id.desc()).limit(1)
    ).first()
    if newest is None:
        return report_pb2.Freshness(unapplied_event_count=waiting)
    recorded = moment_of(newest.event_id)
    return report_pb2.Freshness(
        event_id=str(newest.event_id),
        event_time=instant(recorded) if recorded else None,
        apply_time=instant(newest.received_at),
        unapplied_event_count=waiting,
    )


def today(session: Session) -> date:
    """Return the practice's day at the location that was set up first; in UTC before there is one."""
    zone = session.scalar(select(Location.time_zone).order_by(Location.location_id).limit(1))
    return clock.today(session, zone or "UTC")

"""Which day it is at a practice whose locations may lie in several time zones."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis_billing.store import queries
from praxis_billing.store.models import LocationCopy
from praxis_chassis import clock


def today(session: Session) -> date:
    """Return the latest day that has begun at any location, so that nothing posted anywhere today is left out."""
    zones = set(session.scalars(select(LocationCopy.time_zone))) or {"UTC"}
    return max(clock.today(session, zone) for zone in zones)


def today_at(session: Session, location_id: UUID | None) -> date:
    """Return the day at a location, or that of the practice where billing knows no such location."""
    location = queries.copy_of(session, LocationCopy, location_id) if location_id else None
    return today(session) if location is None else clock.today(session, location.time_zone)

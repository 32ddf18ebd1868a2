"""What patients may do by themselves with what is booked."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from praxis_chassis import clock
from praxis_chassis.database import fetch
from praxis_scheduling.store.models import Appointment, AppointmentType
from praxis_scheduling.usecases.appointments import TO_COME


def may_cancel(session: Session, visit: Appointment) -> bool:
    """Tell whether there is still time to cancel: the notice that the type asks for, or else until the start."""
    notice = fetch(session, AppointmentType, visit.appointment_type_id).cancellation_notice_hours
    latest = visit.start_time - timedelta(hours=notice)
    return visit.state in TO_COME and clock.now(session) < latest

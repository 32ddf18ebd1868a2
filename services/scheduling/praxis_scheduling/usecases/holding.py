"""Keep a time for a caller: by the rules of a booking, which nothing sets aside for a hold."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy.orm import Session

from praxis.scheduling.v1 import events_pb2, hold_pb2
from praxis_chassis import clock
from praxis_chassis.events import record
from praxis_scheduling.rules.availability import Rule
from praxis_scheduling.store import calendar
from praxis_scheduling.store.models import Appointment, Hold
from praxis_scheduling.usecases import booking, directory, eligibility
from praxis_scheduling.usecases.availability import Wish, active_type, wish_for
from praxis_scheduling.usecases.staffing import Order, Plan

USUAL_SECONDS = 600


def keep(session: Session, hold: Hold) -> Hold:
    """Take the lanes of a time until the hold expires, or refuse with alternatives."""
    wish = _wish_of(session, hold)
    thought = Appointment(location_id=hold.location_id)
    booking.set_time(session, thought, wish, hold.start_time)
    eligibility.check_notice(session, wish, thought)
    order = Order(thought, wish, list(hold.resource_ids), "")
    plan = booking.judged(session, order)
    hold.channel, hold.duration_minutes, hold.end_time = wish.channel, wish.need.duration, thought.end_time
    hold.seconds = hold.seconds or USUAL_SECONDS
    hold.expire_time = clock.now(session) + timedelta(seconds=hold.seconds)
    hold.token, hold.state = secrets.token_urlsafe(24), hold_pb2.HOLD_STATE_HELD
    hold.resource_ids = list(thought.resource_ids)
    record(session, events_pb2.HoldCreated, hold)
    session.flush()
    _occupy(session, hold, order, plan)
    return hold


def _wish_of(session: Session, hold: Hold) -> Wish:
    kind = active_type(session, hold.appointment_type_id)
    patient = directory.known_patient(session, hold.patient_id) if hold.patient_id else None
    wish = wish_for(kind, hold.channel, hold.duration_minutes, frozenset(patient.tags if patient else ()))
    if patient:
        eligibility.check_patient(session, wish, patient)
    return wish


def _occupy(session: Session, hold: Hold, order: Order, plan: Plan) -> None:
    for _ in range(booking.ATTEMPTS):
        places = plan.places(hold.start_time)
        if calendar.place(session, None, places, hold):
            hold.resource_ids = list(order.appointment.resource_ids)
            return
        calendar.release_expired(session, places)
        plan = booking.judged(session, order)
    raise booking.refusal(session, order, plan, plan.team[0].resource, Rule.LANES_FULL)

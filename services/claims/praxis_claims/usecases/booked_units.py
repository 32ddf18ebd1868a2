"""Keeps the units that appointments take: reserved while they stand, used once they took place, given back else.

Scheduling decides who is booked on what, where many ask at once; here it is noted and never refused.
"""

from __future__ import annotations

from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.claims.v1 import authorization_pb2
from praxis.claims.v1 import events_pb2 as happened
from praxis.scheduling.v1 import appointment_pb2
from praxis_chassis.context import context_of
from praxis_chassis.types import new_id
from praxis_claims.store.authorizations import Authorization, UnitReservation
from praxis_claims.usecases.reservations import CONFIRMED, RELEASED, recorded

USED = authorization_pb2.UNIT_RESERVATION_STATE_USED
# Payers count visits that took place, so one who did not come costs no unit.
BECOMES = {
    appointment_pb2.APPOINTMENT_STATE_BOOKED: CONFIRMED,
    appointment_pb2.APPOINTMENT_STATE_CONFIRMED: CONFIRMED,
    appointment_pb2.APPOINTMENT_STATE_ARRIVED: CONFIRMED,
    appointment_pb2.APPOINTMENT_STATE_COMPLETED: USED,
}
TOLD_AS: dict[int, type[Message]] = {
    CONFIRMED: happened.AuthorizationReserved,
    USED: happened.AuthorizationConsumed,
    RELEASED: happened.AuthorizationReleased,
}


def follow(session: Session, appointment: appointment_pb2.Appointment) -> None:
    """Bring the units of an appointment to where it is in its life; the same again changes nothing."""
    own = UnitReservation.appointment_id == UUID(appointment.id)
    wanted = UUID(appointment.authorization_id) if appointment.authorization_id else None
    stands = BECOMES.get(appointment.state, RELEASED)
    known = set(session.scalars(select(UnitReservation.authorization_id).where(own)))
    for identifier in sorted(known | ({wanted} if wanted else set())):
        key = (context_of(session).tenant, identifier)
        authorization = session.get(Authorization, key, with_for_update=True)
        if authorization is None:  # forgotten by a restore of this service alone
            continue
        query = select(UnitReservation).where(own, UnitReservation.authorization_id == identifier)
        reservation = session.scalars(query.with_for_update()).one_or_none() or UnitReservation(
            id=new_id(), authorization_id=identifier, appointment_id=UUID(appointment.id), state=RELEASED,
            units=1, units_held=0,
        )  # fmt: skip
        _bring(session, authorization, reservation, stands if identifier == wanted else RELEASED)


def _bring(session: Session, authorization: Authorization, reservation: UnitReservation, state: int) -> None:
    before = reservation.state
    if before == state:
        return
    authorization.stock = authorization.stock.followed(
        reserved=(state == CONFIRMED) - (before == CONFIRMED), used=(state == USED) - (before == USED)
    )
    reservation.state, reservation.units_held = state, int(state == CONFIRMED)
    recorded(session, reservation, authorization, TOLD_AS[state])

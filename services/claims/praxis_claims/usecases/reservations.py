"""Reserves units of authorizations before something is booked, and gives them back.

Every change takes the row of the authorization first, so that however many ask at once, each sees what the others took.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.claims.v1 import authorization_pb2, errors_pb2
from praxis.claims.v1 import authorization_service_pb2 as pb
from praxis.claims.v1 import events_pb2 as happened
from praxis_chassis import clock
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date
from praxis_chassis.types import new_id
from praxis_claims.rules.units import outside
from praxis_claims.store.authorizations import Authorization, UnitReservation
from praxis_claims.store.mappings import UNIT_RESERVATION
from praxis_claims.usecases.authorizations import open_authorization

HELD = authorization_pb2.UNIT_RESERVATION_STATE_HELD
CONFIRMED = authorization_pb2.UNIT_RESERVATION_STATE_CONFIRMED
RELEASED = authorization_pb2.UNIT_RESERVATION_STATE_RELEASED
EXPIRED = authorization_pb2.UNIT_RESERVATION_STATE_EXPIRED
_MINUTES, _AT_ONCE = 15, 200
Both = tuple[UnitReservation, Authorization]


def reserve(session: Session, request: pb.ReserveUnitsRequest) -> Both:
    """Keep units, all that are asked for or none."""
    authorization = open_authorization(session, request.id)
    _check_permitted(authorization, request)
    _expire_overdue(session, authorization)
    after = authorization.stock.taken(request.units)
    if after is None:
        remaining = max(authorization.units_remaining, 0)
        raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_UNITS_SHORT, remaining=remaining, units=request.units)
    authorization.stock = after
    reservation = UnitReservation(
        id=new_id(),
        authorization_id=authorization.id,
        state=HELD,
        units=request.units,
        units_held=request.units,
        reference_id=uuid_of(request.reference_id, "reference_id") if request.reference_id else None,
        expire_time=clock.now(session) + timedelta(minutes=request.expire_minutes or _MINUTES),
    )
    return recorded(session, reservation, authorization, happened.AuthorizationReserved)


def confirm(session: Session, request: pb.ConfirmReservationRequest) -> Both:
    """Keep the units until they are used or released; the same again changes nothing."""
    reservation, authorization = _open(session, request.id)
    if reservation.state == HELD and reservation.expire_time and reservation.expire_time <= clock.now(session):
        raise DomainError(errors_pb2.ERROR_REASON_RESERVATION_CLOSED)
    if request.reference_id:
        reservation.reference_id = uuid_of(request.reference_id, "reference_id")
    reservation.state = CONFIRMED
    return recorded(session, reservation, authorization, happened.AuthorizationReserved)


def release(session: Session, request: pb.ReleaseReservationRequest) -> Both:
    """Give units back: so many, or all that are held."""
    reservation, authorization = _open(session, request.id)
    units = request.units or reservation.units_held
    if units > reservation.units_held:
        raise invalid("units", "UNITS_NOT_HELD", held=reservation.units_held)
    _give_back(session, reservation, authorization, units, RELEASED)
    return reservation, authorization


def expire_overdue(session: Session) -> None:
    """Give back what was reserved and never booked."""
    overdue = select(UnitReservation.authorization_id).where(
        UnitReservation.state == HELD, UnitReservation.expire_time <= clock.now(session)
    )
    for identifier in sorted(set(session.scalars(overdue.limit(_AT_ONCE)))):
        _expire_overdue(session, fetch(session, Authorization, identifier, lock=True))


def _expire_overdue(session: Session, authorization: Authorization) -> None:
    overdue = select(UnitReservation).where(
        UnitReservation.authorization_id == authorization.id,
        UnitReservation.state == HELD,
        UnitReservation.expire_time <= clock.now(session),
    )
    for reservation in session.scalars(overdue.order_by(UnitReservation.id).with_for_update()):
        _give_back(session, reservation, authorization, reservation.units_held, EXPIRED)


def _open(session: Session, identifier: str) -> Both:
    """Lock the authorization, then load its reservation as it stands now."""
    known = fetch(session, UnitReservation, identifier)
    if known.appointment_id is not None:
        raise DomainError(errors_pb2.ERROR_REASON_RESERVATION_OF_APPOINTMENT, appointment_id=known.appointment_id)
    authorization = fetch(session, Authorization, known.authorization_id, lock=True)
    reservation = fetch(session, UnitReservation, identifier, lock=True)
    if not reservation.open:
        raise DomainError(errors_pb2.ERROR_REASON_RESERVATION_CLOSED)
    return reservation, authorization


def _give_back(
    session: Session, reservation: UnitReservation, authorization: Authorization, units: int, ended: int
) -> None:
    authorization.stock = authorization.stock.given_back(units)
    reservation.units_held -= units
    if not reservation.units_held:
        reservation.state = ended
    recorded(session, reservation, authorization, happened.AuthorizationReleased)


def recorded(session: Session, reservation: UnitReservation, authorization: Authorization, event: type) -> Both:
    """Write the reservation down and tell of it as a change of its authorization."""
    reservation.version = (reservation.version or 0) + 1
    session.add(reservation)
    session.flush()
    record(session, event, authorization, reservation=UNIT_RESERVATION.message(reservation))
    return reservation, authorization


def _check_permitted(authorization: Authorization, request: pb.ReserveUnitsRequest) -> None:
    if request.patient_id and uuid_of(request.patient_id, "patient_id") != authorization.patient_id:
        raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_UNSUITABLE)
    types = authorization.appointment_type_ids
    kind = uuid_of(request.appointment_type_id, "appointment_type_id") if request.appointment_type_id else None
    if kind and types and kind not in types:
        raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_UNSUITABLE)
    days = [read_date(text, f"service_dates[{index}]") for index, text in enumerate(request.service_dates)]
    wrong = outside([day for day in days if day], authorization.from_date, authorization.to_date)
    if wrong:
        raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_OUTSIDE_DATES, date=wrong[0])

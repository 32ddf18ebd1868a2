"""Books on what payers permit: copies of their authorizations, and how many units of one are left.

Claims keeps the stock and is told of every appointment, a moment later. So that two who book at once never share the
last unit, appointments are counted here, under a lock of the copy; what claims tells is only what else was taken.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from praxis.claims.v1 import authorization_pb2
from praxis.scheduling.v1 import errors_pb2
from praxis_chassis.context import context_of
from praxis_chassis.database import count, uuid_of
from praxis_chassis.errors import DomainError
from praxis_chassis.mapping import read_date
from praxis_scheduling.store.authorizations import AuthorizationCopy
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.usecases.appointments import HOLDS_TIME

OVER = (authorization_pb2.AUTHORIZATION_STATE_CLOSED, authorization_pb2.AUTHORIZATION_STATE_ERASED)


def copy(session: Session, authorization: authorization_pb2.Authorization) -> None:
    """Keep what a payer permits, and how much of it is taken by anything but appointments."""
    identifier = UUID(authorization.id)
    known = session.get(AuthorizationCopy, (context_of(session).tenant, identifier))
    if known is None:
        known = AuthorizationCopy(id=identifier, patient_id=UUID(authorization.patient_id))
        session.add(known)
    known.state = authorization.state
    known.appointment_type_ids = list(map(UUID, authorization.appointment_type_ids))
    known.from_date = read_date(authorization.from_date, "from_date")
    known.to_date = read_date(authorization.to_date, "to_date")
    known.units = authorization.units
    known.units_elsewhere = authorization.units_reserved + authorization.units_used - authorization.units_booked


def take(session: Session, appointment: Appointment) -> None:
    """Refuse an appointment that its authorization does not permit or has no unit left for."""
    if appointment.authorization_id is None:
        return
    with session.no_autoflush:  # what is refused must not be written before
        known = _permitting(session, appointment, lock=True)
        if known.state in OVER:
            raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_CLOSED)
        if known.units - known.units_elsewhere - _booked(session, appointment) < 1:
            raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_UNITS_SHORT, units=known.units)


def keep(session: Session, appointment: Appointment, other: str) -> None:
    """Refuse to move an appointment to where its authorization does not permit it; its unit it has already.

    With another authorization it takes a unit of that one.
    """
    if other and uuid_of(other) != appointment.authorization_id:
        appointment.authorization_id = uuid_of(other)
        take(session, appointment)
    elif appointment.authorization_id is not None:
        _permitting(session, appointment, lock=False)


def known_authorization(session: Session, identifier: UUID, *, lock: bool = False) -> AuthorizationCopy:
    """Return the copy of an authorization, or refuse."""
    known = session.get(AuthorizationCopy, (context_of(session).tenant, identifier), with_for_update=lock or None)
    if known is None:
        raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_UNKNOWN, id=identifier)
    return known


def _permitting(session: Session, appointment: Appointment, *, lock: bool) -> AuthorizationCopy:
    assert appointment.authorization_id is not None, "asked only for what is booked on one"
    known = known_authorization(session, appointment.authorization_id, lock=lock)
    if known.patient_id != appointment.patient_id:
        raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_OF_ANOTHER)
    if known.appointment_type_ids and appointment.appointment_type_id not in known.appointment_type_ids:
        raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_NOT_FOR_TYPE, type=appointment.appointment_type_name)
    if not known.permits(appointment.local_date):
        raise DomainError(errors_pb2.ERROR_REASON_AUTHORIZATION_OUTSIDE_DATES, date=appointment.local_date)
    return known


def _booked(session: Session, but: Appointment) -> int:
    """Count the other appointments that hold or have used a unit; the lock lets nobody add one meanwhile."""
    conditions = [Appointment.authorization_id == but.authorization_id, Appointment.state.in_(HOLDS_TIME)]
    if but.id is not None:
        conditions.append(Appointment.id != but.id)
    return count(session, Appointment, *conditions)

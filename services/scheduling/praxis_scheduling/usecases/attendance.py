"""How patients kept appointments, and what the practice makes of those that were missed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2, errors_pb2, events_pb2
from praxis.scheduling.v1 import attendance_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import check_etag, uuid_of
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_chassis.singletons import singleton
from praxis_scheduling.store.attendance import AttendancePolicy
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.usecases import directory
from praxis_scheduling.usecases.appointments import KEPT

USUAL_DAYS, MOST_SHOWN = 365, 50
NO_SHOW = appointment_pb2.APPOINTMENT_STATE_NO_SHOW
CANCELLED = appointment_pb2.APPOINTMENT_STATE_CANCELLED
DESK = appointment_type_pb2.CHANNEL_DESK


@dataclass(frozen=True)
class History:
    """What became of a patient's appointments since a date."""

    since: date
    kept: int
    no_shows: Sequence[Appointment]
    late: Sequence[Appointment]

    def missed(self, policy: AttendancePolicy) -> list[Appointment]:
        """Return what a policy counts as missed, newest first."""
        counted = [*self.no_shows, *(self.late if policy.count_late_cancellations else ())]
        return sorted(counted, key=lambda item: item.start_time, reverse=True)


def policy_of(session: Session, *, lock: bool = False) -> AttendancePolicy:
    """Return the policy of the practice group, or the one that counts until it makes its own: none."""
    return singleton(session, AttendancePolicy, lock=lock)


def change(session: Session, asked: pb.AttendancePolicy, paths: Collection[str], mapping: Any) -> AttendancePolicy:
    """Change the policy; what was booked before stays."""
    policy = policy_of(session, lock=True)
    check_etag(policy, asked.etag, "attendance policy")
    session.add(policy)
    mapping.apply(policy, asked, list(paths))
    record(session, events_pb2.AttendancePolicyUpdated, policy)
    return policy


def message(session: Session, identifier: str) -> pb.Attendance:
    """Return how a patient kept appointments."""
    patient_id, policy = directory.known_patient(session, uuid_of(identifier, "patient_id")).id, policy_of(session)
    history = _history(session, patient_id, policy)
    missed = history.missed(policy)
    return pb.Attendance(
        patient_id=str(patient_id),
        from_date=history.since.isoformat(),
        kept_count=history.kept,
        no_show_count=len(history.no_shows),
        late_cancellation_count=len(history.late),
        missed_count=len(missed),
        missed=map(_shown, missed[:MOST_SHOWN]),
        booking_refused=0 < policy.booking_limit <= len(missed),
    )


def check_booking(session: Session, appointment: Appointment) -> None:
    """Refuse the booking channel a patient who missed too many appointments."""
    policy = policy_of(session)
    if policy.booking_limit and _count(session, appointment, policy) >= policy.booking_limit:
        raise DomainError(errors_pb2.ERROR_REASON_MISSED_TOO_OFTEN)


def missed_too_often(session: Session, appointment: Appointment, channel: int) -> int:
    """Return how many appointments the patient missed, when that is as many as the desk wants to be warned of.

    What somebody booked by themselves may be moved by the desk: the channel of the call counts.
    """
    policy = policy_of(session)
    at_the_desk = channel in (0, DESK) and context_of(session).compartment is None
    if not at_the_desk or not policy.warning_limit:
        return 0
    found = _count(session, appointment, policy)
    return found if found >= policy.warning_limit else 0


def _count(session: Session, appointment: Appointment, policy: AttendancePolicy) -> int:
    return len(_history(session, appointment.patient_id, policy).missed(policy))


def _history(session: Session, patient_id: UUID, policy: AttendancePolicy) -> History:
    since = clock.now(session).date() - timedelta(days=policy.counted_days or USUAL_DAYS)
    wanted = select(Appointment).where(
        Appointment.patient_id == patient_id,
        Appointment.local_date >= since,
        Appointment.state.in_((NO_SHOW, CANCELLED, *KEPT)),
    )
    with session.no_autoflush:
        found = session.scalars(wanted).all()
    return History(
        since=since,
        kept=sum(item.state in KEPT for item in found),
        no_shows=[item for item in found if item.state == NO_SHOW],
        late=[item for item in found if item.state == CANCELLED and _late(item)],
    )


def _late(appointment: Appointment) -> bool:
    why = appointment.cancellation
    return bool(why and why.late and why.by == appointment_pb2.CANCELLED_BY_PATIENT)


def _shown(appointment: Appointment) -> pb.MissedAppointment:
    came_not = appointment.state == NO_SHOW
    return pb.MissedAppointment(
        appointment_id=str(appointment.id),
        kind=pb.MISSED_KIND_NO_SHOW if came_not else pb.MISSED_KIND_LATE_CANCELLATION,
        local_date=appointment.local_date.isoformat(),
        appointment_type_name=appointment.appointment_type_name,
    )

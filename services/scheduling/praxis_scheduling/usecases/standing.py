"""Whether a message is still true: asked when it is prepared, and again while nothing about it can change."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import communication_pb2 as pb
from praxis.scheduling.v1 import recall_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_scheduling.store.communications import Communication
from praxis_scheduling.store.models import Appointment, PatientCopy
from praxis_scheduling.store.recalls import Recall
from praxis_scheduling.store.waitlist import OPEN, WaitlistOffer
from praxis_scheduling.usecases.appointments import TO_COME
from praxis_scheduling.usecases.reminders import CANCELLED, COMPLETED

FINE = pb.COMMUNICATION_PROBLEM_UNSPECIFIED
STATES: dict[int, tuple[int, ...]] = {
    pb.COMMUNICATION_KIND_CANCELLED: (CANCELLED,),
    pb.COMMUNICATION_KIND_FOLLOW_UP: (COMPLETED,),
}


def held(session: Session, item: Communication) -> Appointment | None:
    """Hold the patient, the appointment and the recall that a message is about, so that they stay until it has left."""
    if item.patient_id is not None:
        held_patient = select(PatientCopy).where(PatientCopy.id == item.patient_id)
        session.scalars(held_patient.with_for_update(read=True), execution_options={"populate_existing": True}).one()
    if item.recall_id is not None:
        recall = select(Recall).where(Recall.id == item.recall_id).with_for_update(read=True)
        session.scalars(recall, execution_options={"populate_existing": True}).one()
    if item.waitlist_offer_id is not None:
        told = select(WaitlistOffer).where(WaitlistOffer.id == item.waitlist_offer_id).with_for_update(read=True)
        session.scalars(told, execution_options={"populate_existing": True}).one()
    if item.appointment_id is None:
        return None
    query = select(Appointment).where(Appointment.id == item.appointment_id).with_for_update(read=True)
    return session.scalars(query, execution_options={"populate_existing": True}).one()


def problem_of(session: Session, item: Communication) -> int:
    """Return why a message is not true any more, if it is not."""
    if item.kind == pb.COMMUNICATION_KIND_REPLY:
        return FINE
    patient = item.patient
    if patient is None or patient.erased or patient.deceased_date is not None or not patient.treated_here:
        return pb.COMMUNICATION_PROBLEM_PATIENT_GONE
    if item.appointment_id is not None:
        return _of_appointment(session, item)
    if item.recall_id is not None:
        recall = session.get_one(Recall, (context_of(session).tenant, item.recall_id))
        return FINE if recall.state == recall_pb2.RECALL_STATE_DUE else pb.COMMUNICATION_PROBLEM_CLOSED
    return _of_offer(session, item) if item.waitlist_offer_id is not None else FINE


def _of_offer(session: Session, item: Communication) -> int:
    offer = session.get_one(WaitlistOffer, (context_of(session).tenant, item.waitlist_offer_id))
    if offer.state != OPEN:
        return pb.COMMUNICATION_PROBLEM_CLOSED
    return pb.COMMUNICATION_PROBLEM_TOO_LATE if clock.now(session) >= offer.expire_time else FINE


def _of_appointment(session: Session, item: Communication) -> int:
    appointment = session.get_one(Appointment, (context_of(session).tenant, item.appointment_id))
    if appointment.start_time != item.start_time:
        return pb.COMMUNICATION_PROBLEM_MOVED
    if appointment.state not in STATES.get(item.kind, TO_COME):
        return pb.COMMUNICATION_PROBLEM_CLOSED
    if item.kind != pb.COMMUNICATION_KIND_FOLLOW_UP and clock.now(session) >= appointment.start_time:
        return pb.COMMUNICATION_PROBLEM_TOO_LATE
    return FINE

"""The worklist of messages: read, decide where nobody else can, set up plans and words."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, object_session

from praxis.scheduling.v1 import communication_pb2 as pb
from praxis.scheduling.v1 import communication_service_pb2, errors_pb2, events_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError, Violation, invalid, refuse
from praxis_chassis.events import record
from praxis_chassis.merging import now_of
from praxis_scheduling.rules import wording
from praxis_scheduling.store.communications import Communication, MessageTemplate, PartyCopy, ReminderPlan
from praxis_scheduling.usecases import contacts, reminders, sending, words

SENT, AGAIN = pb.COMMUNICATION_DECISION_SENT, pb.COMMUNICATION_DECISION_SEND_AGAIN
WITHDRAW, BOUNCED = pb.COMMUNICATION_DECISION_WITHDRAW, pb.COMMUNICATION_DECISION_BOUNCED
# Which states each decision is for; what is being sent at this moment is nobody's to decide.
DECIDABLE = {
    SENT: (pb.COMMUNICATION_STATE_UNKNOWN, pb.COMMUNICATION_STATE_TO_DO),
    AGAIN: (pb.COMMUNICATION_STATE_UNKNOWN, pb.COMMUNICATION_STATE_FAILED, pb.COMMUNICATION_STATE_SUPPRESSED),
    WITHDRAW: (pb.COMMUNICATION_STATE_QUEUED, pb.COMMUNICATION_STATE_UNKNOWN, pb.COMMUNICATION_STATE_TO_DO),
    BOUNCED: (pb.COMMUNICATION_STATE_SENT, pb.COMMUNICATION_STATE_DELIVERED, pb.COMMUNICATION_STATE_UNKNOWN),
}
PLANNABLE = (
    pb.COMMUNICATION_KIND_BOOKED,
    pb.COMMUNICATION_KIND_RESCHEDULED,
    pb.COMMUNICATION_KIND_CANCELLED,
    pb.COMMUNICATION_KIND_REMINDER,
    pb.COMMUNICATION_KIND_FOLLOW_UP,
    pb.COMMUNICATION_KIND_WAITLIST_OFFER,
)


def wanted(request: communication_service_pb2.ListCommunicationsRequest) -> Select[Any]:
    """Return the query of a list."""
    query = select(Communication)
    if request.patient_id:
        query = query.where(Communication.patient_id == now_of(request.patient_id))
    for name in ("appointment_id", "recall_id"):
        if value := getattr(request, name):
            query = query.where(getattr(Communication, name) == UUID(value))
    return query.where(Communication.state.in_(request.states)) if request.states else query


def resolve(session: Session, request: communication_service_pb2.ResolveCommunicationRequest) -> Communication:
    """Do what a person decided about a message, if its state is one to decide about."""
    item = fetch(session, Communication, request.id, lock=True, etag=request.etag)
    if item.state not in DECIDABLE[request.decision]:
        raise DomainError(errors_pb2.ERROR_REASON_NOTHING_TO_DECIDE)
    item.decided_by = str(context_of(session).actor)
    if request.decision == SENT:
        sending.note_sent(session, item)
    elif request.decision == AGAIN:
        _send_again(session, item)
    else:
        withdrawn = request.decision == WITHDRAW
        item.put(
            pb.COMMUNICATION_STATE_WITHDRAWN if withdrawn else pb.COMMUNICATION_STATE_FAILED,
            pb.COMMUNICATION_PROBLEM_DECIDED if withdrawn else pb.COMMUNICATION_PROBLEM_BOUNCED,
        )
        if not withdrawn and item.address_index:
            contacts.block(session, item.channel, item.address_index, item.problem, item.decided_by)
        record(session, events_pb2.CommunicationFailed, item)
    session.flush()
    return item


def _send_again(session: Session, item: Communication) -> None:
    """Queue a message again; a person who sends to a blocked address again has heard that it works."""
    if item.problem == pb.COMMUNICATION_PROBLEM_BOUNCED and item.address_index:
        contacts.unblock(session, item.channel, item.address_index, item.problem)
    item.put(pb.COMMUNICATION_STATE_QUEUED)
    item.next_try_time, item.attempts = clock.now(session), 0


def what_to_do(item: Communication) -> str:
    """Return what a task asks a person for, in the words that the recipient is to hear."""
    session = object_session(item)
    if session is None or item.state != pb.COMMUNICATION_STATE_TO_DO:
        return ""
    party = session.get(PartyCopy, (item.tenant_id, item.party_id)) if item.party_id else None
    return words.write(session, item, party).body


def create_plan(session: Session, plan: ReminderPlan) -> ReminderPlan:
    """Set a plan up; coming appointments follow it from now on."""
    _check_plan(plan)
    record(session, events_pb2.ReminderPlanCreated, plan)
    reminders.plan_anew(session)
    return plan


def change_plan(session: Session, plan: ReminderPlan) -> ReminderPlan:
    """Change a plan; what was planned by it before stays, unless its appointment changes."""
    _check_plan(plan)
    record(session, events_pb2.ReminderPlanUpdated, plan)
    reminders.plan_anew(session)
    return plan


def _check_plan(plan: ReminderPlan) -> None:
    settle(plan)
    for index, item in enumerate(plan.communications):
        if item.kind not in PLANNABLE:
            raise invalid(f"reminder_plan.communications[{index}].kind", "KIND_NOT_PLANNABLE")


def create_template(session: Session, template: MessageTemplate) -> MessageTemplate:
    """Set a template up."""
    _check_template(template)
    record(session, events_pb2.MessageTemplateCreated, template)
    return template


def change_template(session: Session, template: MessageTemplate) -> MessageTemplate:
    """Change a template; what was sent keeps its words."""
    _check_template(template)
    record(session, events_pb2.MessageTemplateUpdated, template)
    return template


def _check_template(template: MessageTemplate) -> None:
    settle(template)
    known = ", ".join(f"{{{name}}}" for name in wording.PLACEHOLDERS)
    found = [
        Violation(f"message_template.{field}", reason, {"name": name, "known": known})
        for field in ("subject", "body")
        for reason, name in wording.faults(getattr(template, field))
    ]
    if template.channel != contacts.EMAIL and template.subject:
        found.append(Violation("message_template.subject", "SUBJECT_FOR_EMAIL"))
    if found:
        raise refuse(found)


def settle(entity: Any) -> None:
    """Take what was set up as in use, unless it says otherwise."""
    entity.active = True if entity.active is None else entity.active

"""Recall patients: open by rule or by hand, take the steps as they come due, end when they come or cannot come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from google.protobuf.message import Message
from sqlalchemy import Select, exists, select, update
from sqlalchemy.orm import Session

from praxis.billing.v1 import encounter_pb2
from praxis.scheduling.v1 import communication_pb2 as told
from praxis.scheduling.v1 import errors_pb2, events_pb2, recall_service_pb2
from praxis.scheduling.v1 import recall_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import check_calendar_date
from praxis_scheduling.rules import recalls as rules
from praxis_scheduling.store.communications import Communication
from praxis_scheduling.store.models import Appointment, LocationCopy, PatientCopy
from praxis_scheduling.store.recalls import Recall, RecallRule
from praxis_scheduling.usecases import contacts, directory, reminders
from praxis_scheduling.usecases.appointments import TO_COME
from praxis_scheduling.usecases.communications import settle

AT_ONCE = 100
AHEAD, BEHIND = timedelta(days=60), timedelta(days=30)
TRIGGERS = ("item_sold", "diagnosed", "visited", "aged")
MORNING = time(9)
DUE, BOOKED = pb.RECALL_STATE_DUE, pb.RECALL_STATE_BOOKED


# ── set up and by hand ────────────────────────────────────────────────────────────────────────────────


def create_rule(session: Session, rule: RecallRule) -> RecallRule:
    """Set a rule up; it counts for what happens from now on, and for the ages that patients reach."""
    _check_rule(rule)
    record(session, events_pb2.RecallRuleCreated, rule)
    return rule


def change_rule(session: Session, rule: RecallRule) -> RecallRule:
    """Change a rule; recalls that are open stay as they are."""
    _check_rule(rule)
    record(session, events_pb2.RecallRuleUpdated, rule)
    return rule


def _check_rule(rule: RecallRule) -> None:
    settle(rule)
    if sum(getattr(rule, name) is not None for name in TRIGGERS) != 1:
        raise invalid("recall_rule.trigger", "CANNOT_BE_CHANGED")
    offsets = [step.offset_days for step in rule.steps]
    if offsets != sorted(offsets):
        raise invalid("recall_rule.steps", "STEPS_IN_ORDER")
    if not rule.aged and not rule.interval_months and not rule.interval_days:
        raise invalid("recall_rule.interval_months", "INTERVAL_NEEDED")


def recall_by_hand(session: Session, recall: Recall) -> Recall:
    """Recall one patient because a person says so."""
    patient = directory.known_patient(session, recall.patient_id)
    if patient.deceased_date is not None:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_DECEASED, date=patient.deceased_date)
    if recall.location_id:
        directory.known_location(session, recall.location_id)
    check_calendar_date(recall.due_date, "recall.due_date")
    recall.steps = recall.steps or [pb.RecallStep(channels=[told.COMMUNICATION_CHANNEL_PHONE])]
    offsets = [step.offset_days for step in recall.steps]
    if offsets != sorted(offsets):
        raise invalid("recall.steps", "STEPS_IN_ORDER")
    return _open(session, recall)


def stop_by_hand(session: Session, identifier: str, etag: str) -> Recall:
    """Stop a recall because a person says so."""
    recall = fetch(session, Recall, identifier, lock=True, etag=etag)
    if not recall.is_open:
        raise DomainError(errors_pb2.ERROR_REASON_RECALL_CLOSED)
    _stop(session, recall, pb.RECALL_STOP_REASON_DECIDED)
    return recall


def wanted(request: recall_service_pb2.ListRecallsRequest, dates: list[Any]) -> Select[Any]:
    """Return the query of a list, where `dates` are conditions on the due date."""
    query = select(Recall).where(*dates)
    if request.patient_id:
        query = query.where(Recall.patient_id == UUID(request.patient_id))
    return query.where(Recall.state.in_(request.states)) if request.states else query


# ── opened by what happens ────────────────────────────────────────────────────────────────────────────


def charged(session: Session, encounter: encounter_pb2.Encounter) -> None:
    """Let what was charged satisfy recalls first, and then cause new ones."""
    day, patient_id = date.fromisoformat(encounter.service_date), UUID(encounter.patient_id)
    items = {UUID(charge.catalog_item_id) for charge in encounter.charges if charge.catalog_item_id}
    for recall in _open_of(session, patient_id):
        if items & set(recall.satisfying_catalog_item_ids) and day >= recall.counts_from_date:
            _end(session, recall, pb.RECALL_STATE_SATISFIED, events_pb2.RecallSatisfied)
    codes = [code.replace(".", "") for code in encounter.diagnoses]
    for rule in _rules(session):
        sold = rule.item_sold is not None and items & set(map(UUID, rule.item_sold.catalog_item_ids))
        found = rule.diagnosed is not None and any(code.startswith(tuple(rule.diagnosed.codes)) for code in codes)
        if sold or found:
            _cause(session, rule, patient_id, day, UUID(encounter.location_id), UUID(encounter.id))


def uncharged(session: Session, encounter_id: UUID) -> None:
    """Stop the recalls that were caused by charges which were taken back."""
    for recall in session.scalars(select(Recall).where(Recall.source_id == encounter_id, Recall.is_open)).all():
        _stop(session, recall, pb.RECALL_STOP_REASON_REVERSED)


def follow(session: Session, appointment: Appointment) -> None:
    """Let an appointment that changed book, reopen or satisfy recalls, and cause new ones when it is over."""
    live, over = appointment.state in TO_COME, appointment.state == reminders.COMPLETED
    for recall in _open_of(session, appointment.patient_id):
        fits = not recall.wanted_appointment_type_ids or (
            appointment.appointment_type_id in recall.wanted_appointment_type_ids
        )
        in_time = appointment.local_date >= recall.counts_from_date
        if over and fits and in_time:
            _end(session, recall, pb.RECALL_STATE_SATISFIED, events_pb2.RecallSatisfied)
        elif live and fits and in_time and recall.state != BOOKED:
            recall.appointment_id = appointment.id
            _end(session, recall, BOOKED, events_pb2.RecallBooked)
        elif recall.appointment_id == appointment.id and not live and not over:
            _reopen(session, recall, appointment)
    if over:
        for rule in _rules(session):
            if rule.visited and str(appointment.appointment_type_id) in rule.visited.appointment_type_ids:
                _cause(
                    session, rule, appointment.patient_id, appointment.local_date, appointment.location_id,
                    appointment.id,
                )  # fmt: skip


def find_aged(session: Session) -> None:
    """Recall the patients who reach the age of a rule, each once."""
    today = clock.now(session).date()
    for rule in _rules(session):
        if rule.aged is None:
            continue
        first = rules.months_later(today - BEHIND, -rule.aged.months)
        last = rules.months_later(today + AHEAD, -rule.aged.months)
        had = exists().where(Recall.patient_id == PatientCopy.id, Recall.rule_id == rule.id)
        query = select(PatientCopy).where(PatientCopy.birth_date.between(first, last), ~had)
        query = query.where(PatientCopy.deceased_date.is_(None), PatientCopy.treated_here).limit(AT_ONCE)
        for patient in session.scalars(query).all():
            assert patient.birth_date is not None
            if rule.covers(patient):
                _open(session, _by_rule(rule, patient.id, rules.months_later(patient.birth_date, rule.aged.months)))


def _cause(session: Session, rule: RecallRule, patient_id: UUID, day: date, location_id: UUID, source: UUID) -> None:
    """Open the recall of a rule; one that is open already is put off, because its cause has happened again."""
    patient = session.get(PatientCopy, (context_of(session).tenant, patient_id))
    if patient is None or _is_gone(patient) or not rule.covers(patient):
        return
    due = rules.months_later(day, rule.interval_months) + timedelta(days=rule.interval_days)
    for recall in _open_of(session, patient_id):
        if recall.rule_id == rule.id and recall.due_date >= due:
            return
        if recall.rule_id == rule.id:
            _end(session, recall, pb.RECALL_STATE_SATISFIED, events_pb2.RecallSatisfied)
    session.flush()
    recall = _by_rule(rule, patient_id, due)
    recall.location_id, recall.source_id = location_id, source
    _open(session, recall)


def _by_rule(rule: RecallRule, patient_id: UUID, due: date) -> Recall:
    return Recall(
        patient_id=patient_id,
        rule_id=rule.id,
        name=rule.name,
        due_date=due,
        wanted_appointment_type_ids=list(rule.wanted_appointment_type_ids),
        satisfying_catalog_item_ids=list(rule.satisfying_catalog_item_ids),
        steps=list(rule.steps),
        expire_after_days=rule.expire_after_days,
    )


def _open(session: Session, recall: Recall) -> Recall:
    today = clock.now(session).date()
    if (
        recall.location_id is None
        or session.get(LocationCopy, (context_of(session).tenant, recall.location_id)) is None
    ):
        recall.location_id = session.scalars(select(LocationCopy.id).order_by(LocationCopy.id).limit(1)).first()
    recall.steps_taken, recall.stop_reason = 0, pb.RECALL_STOP_REASON_UNSPECIFIED
    recall.expire_after_days = recall.expire_after_days or 0
    recall.counts_from_date = rules.counts_from(today, recall.due_date)
    recall.next_step_date = _next(recall)
    recall.put(pb.RECALL_STATE_PENDING)
    record(session, events_pb2.RecallOpened, recall)
    return recall


# ── steps and ends ────────────────────────────────────────────────────────────────────────────────────


def advance(session: Session) -> None:
    """Take the steps that are due, and give up what nobody answered."""
    today = clock.now(session).date()
    due = (Recall.is_open, Recall.state != BOOKED, Recall.next_step_date <= today)
    query = select(Recall).where(*due).order_by(Recall.next_step_date).limit(AT_ONCE)
    for recall in session.scalars(query.with_for_update(skip_locked=True)).all():
        step = rules.reached(recall.due_date, [item.offset_days for item in recall.steps], recall.steps_taken, today)
        if step is None:
            _end(session, recall, pb.RECALL_STATE_EXPIRED, events_pb2.RecallExpired)
        else:
            _take(session, recall, step)


def _take(session: Session, recall: Recall, number: int) -> None:
    step = recall.steps[number]
    now = clock.now(session)
    location = session.get(LocationCopy, (recall.tenant_id, recall.location_id)) if recall.location_id else None
    morning = datetime.combine(recall.next_step_date, MORNING, ZoneInfo(location.time_zone if location else "UTC"))
    reached = contacts.reach(session, recall.patient, list(step.channels), now.date(), contacts.RECALLS)
    values = {
        "occasion": f"recall:{recall.id}:{number}:{reached.channel}", "kind": told.COMMUNICATION_KIND_RECALL,
        "channel": reached.channel, "template_name": step.template_name, "patient_id": recall.patient_id,
        "other_channels": [channel for channel in step.channels if channel != reached.channel],
        "party_id": reached.party.id if reached.party else None, "recall_id": recall.id,
        "location_id": recall.location_id, "due_time": max(now, morning), "next_try_time": max(now, morning),
    }  # fmt: skip
    reminders.enqueue(session, values, reached.problem)
    recall.steps_taken = number + 1
    recall.next_step_date = _next(recall)
    recall.put(DUE)
    record(session, events_pb2.RecallDue, recall)


def _next(recall: Recall) -> date:
    offsets = [step.offset_days for step in recall.steps]
    return rules.next_step(recall.due_date, offsets, recall.steps_taken, recall.expire_after_days)


def _reopen(session: Session, recall: Recall, appointment: Appointment) -> None:
    """Go on with a recall whose visit will not take place; a person of the practice hears of it with the next step."""
    del appointment
    recall.appointment_id = None
    recall.put(DUE if recall.steps_taken else pb.RECALL_STATE_PENDING)
    record(session, events_pb2.RecallReopened, recall)


def _end(session: Session, recall: Recall, state: int, event: type[Message]) -> None:
    """Bring a recall to a state in which nobody is told any more, and take back what waits."""
    recall.put(state)
    _take_back(session, Communication.recall_id == recall.id)
    record(session, event, recall)


def _stop(session: Session, recall: Recall, reason: int) -> None:
    recall.stop_reason = reason
    _end(session, recall, pb.RECALL_STATE_STOPPED, events_pb2.RecallStopped)


def _take_back(session: Session, *whose: Any) -> None:
    waiting = Communication.state.in_((told.COMMUNICATION_STATE_QUEUED, told.COMMUNICATION_STATE_TO_DO))
    gone = {
        "state": told.COMMUNICATION_STATE_WITHDRAWN, "problem": told.COMMUNICATION_PROBLEM_CLOSED, "is_open": False,
    }  # fmt: skip
    session.execute(update(Communication).where(*whose, waiting).values(**gone))


def patient_left(session: Session, patient_id: UUID) -> None:
    """Stop everything that a patient who died or is treated elsewhere was to be told."""
    for recall in _open_of(session, patient_id):
        _stop(session, recall, pb.RECALL_STOP_REASON_PATIENT_GONE)
    _take_back(session, Communication.patient_id == patient_id)


def erase_patient(session: Session, patient_id: UUID) -> None:
    """Stop the recalls of an erased patient and blank what they were for."""
    patient_left(session, patient_id)
    session.flush()
    session.execute(update(Recall).where(Recall.patient_id == patient_id).values(name=""))


def _open_of(session: Session, patient_id: UUID) -> list[Recall]:
    query = select(Recall).where(Recall.patient_id == patient_id, Recall.is_open).order_by(Recall.id)
    return list(session.scalars(query.with_for_update()))


def _rules(session: Session) -> Iterable[RecallRule]:
    return session.scalars(select(RecallRule).where(RecallRule.active).order_by(RecallRule.id)).all()


def _is_gone(patient: PatientCopy) -> bool:
    return patient.erased or patient.deceased_date is not None or not patient.treated_here

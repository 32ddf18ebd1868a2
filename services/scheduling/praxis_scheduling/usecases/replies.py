"""Texts that come in: each counts once, does what it says where that is clear, and goes to a person where it is not."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2, appointment_service_pb2, errors_pb2, events_pb2
from praxis.scheduling.v1 import communication_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.errors import DomainError
from praxis_chassis.events import record
from praxis_scheduling.connectors.sms import signature
from praxis_scheduling.rules.replies import Wish, read
from praxis_scheduling.store.communications import Communication, InboundText
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.usecases import appointments, contacts, policies, reminders, sending, sending_settings, words

SIGNATURE = "x-twilio-signature"
CANCELLED = pb.COMMUNICATION_KIND_CANCELLED
MOST_FIELDS = 200
WENT_OUT = (pb.COMMUNICATION_STATE_SENT, pb.COMMUNICATION_STATE_DELIVERED)
ARRIVED, LOST = ("delivered", "read"), ("failed", "undelivered")


def proven(session: Session, delivery: type_pb2.RawRequest, path: str) -> Mapping[str, str]:
    """Return the fields of a request that the practice's own account signed, or refuse it."""
    settings = sending_settings.settings_of(session)
    secret = sending_settings.secret_of(session, settings)
    try:
        fields = parse_qsl(delivery.content.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        fields = []
    url = sending_settings.callback_url(session, path, context_of(session).tenant)
    expected = signature(secret, url, fields)
    if not (secret and url and hmac.compare_digest(expected.encode(), delivery.signatures[SIGNATURE].encode())):
        raise DomainError(errors_pb2.ERROR_REASON_SIGNATURE_INVALID)
    return dict(fields)


def receive(session: Session, delivery: type_pb2.RawRequest) -> None:
    """Do what a text says."""
    fields = proven(session, delivery, "sms")
    reference, sender, text = (fields.get(name, "") for name in ("MessageSid", "From", "Body"))
    index, wish = contacts.index_of(session, contacts.SMS, sender), read(text)
    told = _told(session, index)
    values = {
        "tenant_id": context_of(session).tenant, "provider_reference": reference, "address_index": index,
        "wish": wish, "appointment_ids": [visit.id for _, visit in told], "create_time": clock.now(session),
    }  # fmt: skip
    once = insert(InboundText).values(values).on_conflict_do_nothing().returning(InboundText.provider_reference)
    if session.execute(once).first() is None:
        return
    key = _done(session, wish, index, told)
    if key:
        # The answer to a cancellation is what the plan would tell of it, so that it is told once.
        told_once = reminders.occasion(told[0][1], CANCELLED, contacts.SMS) if key == "REPLY_CANCELLED" else ""
        _answer(session, told_once or f"reply:{reference}", sender, key)
    if key in ("", "REPLY_CALL"):
        _leave_to_a_person(session, reference, sender, text)


def _told(session: Session, index: str) -> list[tuple[Communication, Appointment]]:
    """Return the coming visits that a number was told of, each with the newest text about it."""
    mine = (Communication.channel == contacts.SMS, Communication.address_index == index)
    coming = (Appointment.start_time > clock.now(session), Appointment.state.in_(appointments.TO_COME))
    same = (Communication.appointment_id == Appointment.id, Communication.start_time == Appointment.start_time)
    query = select(Communication, Appointment).join(Appointment, (same[0] & same[1])).where(*mine, *coming)
    query = query.where(Communication.state.in_(WENT_OUT)).order_by(Appointment.start_time, Communication.send_time)
    newest = {visit.id: (item, visit) for item, visit in session.execute(query)}
    return list(newest.values())


def _done(session: Session, wish: Wish, index: str, told: Sequence[tuple[Communication, Appointment]]) -> str:
    """Do what is wished and return the text to answer with: nothing where a person has to read it."""
    if wish is Wish.STOP:
        contacts.block(session, contacts.SMS, index, pb.COMMUNICATION_PROBLEM_OPTED_OUT, "text")
        return "REPLY_STOPPED"
    if wish is Wish.START:
        contacts.unblock(session, contacts.SMS, index, pb.COMMUNICATION_PROBLEM_OPTED_OUT)
        return "REPLY_STARTED"
    if wish is Wish.HELP:
        return "REPLY_HELP"
    if wish is Wish.CONFIRM and told:
        for _, visit in told:
            confirm(session, visit)
        return "REPLY_CONFIRMED"
    if wish is Wish.CANCEL:
        return _cancelled(session, told)
    return ""


def confirm(session: Session, visit: Appointment) -> None:
    """Note that the patient will come; who says it twice has said it once."""
    if visit.state == appointment_pb2.APPOINTMENT_STATE_BOOKED:
        appointments.confirm(session, str(visit.id), "")


def _cancelled(session: Session, told: Sequence[tuple[Communication, Appointment]]) -> str:
    """Cancel the one visit that can be meant, where the practice and its notice allow that."""
    allowed = sending_settings.settings_of(session).cancel_by_text
    if not allowed or len(told) != 1 or not policies.may_cancel(session, told[0][1]):
        return "REPLY_CALL"
    cancel(session, told[0][1])
    return "REPLY_CANCELLED"


def cancel(session: Session, visit: Appointment) -> None:
    """Cancel a visit as its patient."""
    by = appointment_pb2.CANCELLED_BY_PATIENT
    appointments.cancel(session, appointment_service_pb2.CancelAppointmentRequest(id=str(visit.id), by=by))


def _answer(session: Session, occasion: str, sender: str, key: str) -> None:
    """Queue the answer to a text, in the language of what was written to that number last."""
    last = _last(session, sender)
    values = _about(session, last, sender) | {"occasion": occasion, "body": words.say(session, last, key)}
    reminders.enqueue(session, values)


def _leave_to_a_person(session: Session, reference: str, sender: str, text: str) -> None:
    values = _about(session, _last(session, sender), sender) | {
        "occasion": f"inbound:{reference}", "body": text[:1600], "state": pb.COMMUNICATION_STATE_TO_DO,
    }  # fmt: skip
    reminders.enqueue(session, values)


def _last(session: Session, sender: str) -> Communication | None:
    index = contacts.index_of(session, contacts.SMS, sender)
    mine = (Communication.address_index == index, Communication.state.in_(WENT_OUT))
    query = select(Communication).where(*mine).order_by(Communication.send_time.desc()).limit(1)
    return session.scalars(query).one_or_none()


def _about(session: Session, last: Communication | None, sender: str) -> dict[str, object]:
    now = clock.now(session)
    return {
        "kind": pb.COMMUNICATION_KIND_REPLY, "channel": contacts.SMS, "address": sender,
        "address_index": contacts.index_of(session, contacts.SMS, sender), "due_time": now, "next_try_time": now,
        "patient_id": last.patient_id if last else None, "party_id": last.party_id if last else None,
        "location_id": last.location_id if last else None, "language": last.language if last else "",
    }  # fmt: skip


def note_status(session: Session, delivery: type_pb2.RawRequest) -> None:
    """Note what the provider says became of a text; news that comes late or twice changes nothing."""
    fields = proven(session, delivery, "smsStatus")
    mine = Communication.provider_reference == fields.get("MessageSid", "-")
    item = session.scalars(select(Communication).where(mine).with_for_update()).one_or_none()
    status = fields.get("MessageStatus", "")
    if item is None or item.state != pb.COMMUNICATION_STATE_SENT:
        return
    if status in ARRIVED:
        item.put(pb.COMMUNICATION_STATE_DELIVERED)
        record(session, events_pb2.CommunicationDelivered, item)
    elif status in LOST:
        sending.fail(session, item, pb.COMMUNICATION_PROBLEM_REFUSED)

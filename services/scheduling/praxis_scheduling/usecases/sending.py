"""Send what is due: the intent stands before anything leaves, and what may have left is never sent blindly again.

First a transaction writes down that it is being sent. Then the way is opened. A second transaction holds the
appointment so that it cannot change, looks once more whether the message is true, hands it over and writes down what
became of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import communication_pb2 as pb
from praxis.scheduling.v1 import events_pb2
from praxis_chassis import clock
from praxis_chassis.events import record
from praxis_chassis.jobs import apart
from praxis_scheduling.connectors.sender import (
    Identity,
    Line,
    Outgoing,
    RefusedError,
    Sender,
    UnknownOutcomeError,
    UnreachableError,
)
from praxis_scheduling.store.communications import Communication, PartyCopy
from praxis_scheduling.store.models import Appointment, LocationCopy
from praxis_scheduling.usecases import contacts, links, reminders, sending_settings, standing, words

AT_ONCE = 50
MOST_TRIES = 8
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
WITHOUT_WAY = timedelta(minutes=1)
# A provider that is asked too early may not yet know what it is just taking.
ASK_AFTER, ASK_UNTIL = timedelta(seconds=30), timedelta(hours=2)
QUEUED, SENDING = pb.COMMUNICATION_STATE_QUEUED, pb.COMMUNICATION_STATE_SENDING
SENT, FAILED = pb.COMMUNICATION_STATE_SENT, pb.COMMUNICATION_STATE_FAILED
UNKNOWN, SUPPRESSED = pb.COMMUNICATION_STATE_UNKNOWN, pb.COMMUNICATION_STATE_SUPPRESSED
REACHED_AT_ANY_TIME = (pb.COMMUNICATION_KIND_REPLY, pb.COMMUNICATION_KIND_BOOKED)


def send_due(session: Session, senders: Mapping[int, Sender]) -> None:
    """Send everything that is due, one by one; a channel whose receiver cannot be reached waits as a whole."""
    _recover(session, senders)
    due = (Communication.is_open, Communication.state == QUEUED, Communication.next_try_time <= clock.now(session))
    query = select(Communication.id, Communication.channel).where(*due).order_by(Communication.next_try_time)
    down: set[int] = set()
    for identifier, channel in session.execute(query.limit(AT_ONCE)).all():
        if channel in down:
            continue
        try:
            _send(session, senders.get(channel), identifier)
        except UnreachableError as failure:
            _try_later(session, identifier)
            down |= {channel} if failure.everybody else set()


def _send(session: Session, sender: Sender | None, identifier: UUID) -> None:
    with apart(session) as intent:
        item = _taken(intent, identifier, QUEUED)
        identity = _prepared(intent, item, sender) if item is not None else None
    if sender is not None and identity is not None:
        with sender.open(identity) as line, apart(session) as handing_over:
            item = _taken(handing_over, identifier, SENDING)
            if item is not None:
                _hand_over(handing_over, item, line, identity)


def _taken(session: Session, identifier: UUID, state: int) -> Communication | None:
    query = select(Communication).where(Communication.id == identifier, Communication.state == state)
    return session.scalars(query.with_for_update(skip_locked=True)).one_or_none()


def _prepared(session: Session, item: Communication, sender: Sender | None) -> Identity | None:
    """Write down that a message is being sent, with its words; or why it is not, or not now."""
    now = clock.now(session)
    if problem := standing.problem_of(session, item):
        item.put(pb.COMMUNICATION_STATE_WITHDRAWN, problem)
        return None
    if sending_settings.settings_of(session).paused:
        _wait(item, pb.COMMUNICATION_PROBLEM_PAUSED, now + WITHOUT_WAY)
        return None
    party = _addressed(session, item)
    if item.state != QUEUED:
        return None
    if (later := _after_quiet_hours(session, item, party, now)) > now:
        _wait(item, pb.COMMUNICATION_PROBLEM_UNSPECIFIED, later)
        return None
    text = words.write(session, item, party)
    item.language, item.subject, item.body = text.language, text.subject, text.body
    identity = sending_settings.identity(session, item.channel, text.practice)
    if sender is None or identity is None:
        _wait(item, pb.COMMUNICATION_PROBLEM_NOT_CONFIGURED, now + WITHOUT_WAY)
        return None
    item.message_id = item.message_id or f"<{item.id}@{identity.address.rpartition('@')[2].lstrip('+')}>"
    item.put(SENDING)
    item.sending_time, item.attempts = now, item.attempts + 1
    return identity


def _wait(item: Communication, problem: int, until: datetime) -> None:
    item.put(QUEUED, problem)
    item.next_try_time = until


def _after_quiet_hours(session: Session, item: Communication, party: PartyCopy | None, now: datetime) -> datetime:
    if item.kind in REACHED_AT_ANY_TIME:
        return now
    location = session.get(LocationCopy, (item.tenant_id, item.location_id)) if item.location_id else None
    practice, zone = sending_settings.quiet_hours(session), location.time_zone if location else "UTC"
    quiet, where = contacts.quiet_hours_of(party, practice, zone, item.channel)
    return quiet.next_allowed(now, where)


def _addressed(session: Session, item: Communication) -> PartyCopy | None:
    """Set whom it goes to as things are now; where its channel is closed, another one takes over."""
    if item.kind == pb.COMMUNICATION_KIND_REPLY:
        return None
    assert item.patient is not None
    day = clock.now(session).date()
    reached = contacts.reach(session, item.patient, [item.channel], day, contacts.purpose_of(item.kind))
    if reached.problem:
        item.put(SUPPRESSED, reached.problem)
        record(session, events_pb2.CommunicationFailed, item)
        _fall_back(session, item)
        return None
    item.party_id, item.address = reached.party.id if reached.party else None, reached.address
    item.address_index = contacts.index_of(session, item.channel, reached.address)
    return reached.party


def _fall_back(session: Session, item: Communication) -> None:
    """Let the next channel of the plan take over, once."""
    for channel in item.other_channels:
        rest = item.other_channels[item.other_channels.index(channel) + 1 :]
        same = ("kind", "template_name", "patient_id", "party_id", "appointment_id", "appointment_version",
                "start_time", "recall_id", "waitlist_offer_id", "location_id", "due_time")  # fmt: skip
        values = {name: getattr(item, name) for name in same} | {
            "occasion": f"{item.occasion}>{channel}", "channel": channel, "other_channels": rest,
            "next_try_time": clock.now(session),
        }  # fmt: skip
        reminders.enqueue(session, values)
        return


def _hand_over(session: Session, item: Communication, line: Line, identity: Identity) -> None:
    """Hand a message over while its appointment or recall is held, if it is still true."""
    appointment = standing.held(session, item)
    if problem := standing.problem_of(session, item):
        item.put(pb.COMMUNICATION_STATE_WITHDRAWN, problem)
        return
    try:
        item.provider_reference = line.hand_over(outgoing(session, item, appointment, identity))
    except RefusedError as refusal:
        _refused(session, item, refusal)
    except UnknownOutcomeError:
        if item.channel == contacts.EMAIL:  # otherwise it stays as it is, and the receiver is asked
            _leave_to_a_person(session, item)
    else:
        note_sent(session, item)


def outgoing(session: Session, item: Communication, appointment: Appointment | None, identity: Identity) -> Outgoing:
    """Return a message as it leaves."""
    text = words.Words(item.language, item.subject, item.body, identity.name)
    calendar, method = words.invitation(session, item, appointment, text, identity.address)
    email = item.channel == contacts.EMAIL
    return Outgoing(
        reference=item.message_id,
        to=item.address,
        subject=item.subject,
        body=item.body,
        unsubscribe_url=links.unsubscribe(session, item) if email else "",
        status_url="" if email else sending_settings.callback_url(session, "smsStatus", item.tenant_id),
        calendar=calendar,
        calendar_method=method,
    )


def note_sent(session: Session, item: Communication) -> None:
    """Note that a message left."""
    item.put(SENT)
    item.send_time = item.send_time or clock.now(session)
    record(session, events_pb2.CommunicationSent, item)


def _refused(session: Session, item: Communication, refusal: RefusedError) -> None:
    """Note a refusal for good; an address that is at fault is not used again."""
    problem = pb.COMMUNICATION_PROBLEM_REFUSED
    if refusal.address or refusal.opted_out:
        problem = pb.COMMUNICATION_PROBLEM_OPTED_OUT if refusal.opted_out else pb.COMMUNICATION_PROBLEM_BOUNCED
        contacts.block(session, item.channel, item.address_index, problem, "receiver")
    fail(session, item, problem)


def fail(session: Session, item: Communication, problem: int) -> None:
    """Note that a message failed for good, and let the next channel take over."""
    item.put(FAILED, problem)
    record(session, events_pb2.CommunicationFailed, item)
    _fall_back(session, item)


def _try_later(session: Session, identifier: UUID) -> None:
    """Put a message back that surely did not leave; after many tries it fails, and another channel takes over."""
    with apart(session) as noting:
        item = _taken(noting, identifier, SENDING)
        if item is None:
            return
        if item.attempts >= MOST_TRIES:
            fail(noting, item, pb.COMMUNICATION_PROBLEM_UNREACHABLE)
            return
        _wait(item, pb.COMMUNICATION_PROBLEM_UNREACHABLE, clock.now(noting) + pause(item.id, item.attempts))


def pause(identifier: UUID, attempts: int) -> timedelta:
    """Return how long to wait after a try: twice as long each time, up to a fifth more so that not all come at once."""
    spread = hashlib.sha256(identifier.bytes + bytes([attempts])).digest()[0] / 1280
    usual: timedelta = min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)
    return usual * (1 + spread)


def _recover(session: Session, senders: Mapping[int, Sender]) -> None:
    """Look at what a crash left between intent and result: one job runs at a time, so nobody is sending it now."""
    query = select(Communication.id, Communication.channel).where(Communication.is_open, Communication.state == SENDING)
    for identifier, channel in session.execute(query).all():
        with apart(session) as settling:
            item = _taken(settling, identifier, SENDING)
            if item is not None:
                _settle(settling, item, senders.get(channel))


def _settle(session: Session, item: Communication, sender: Sender | None) -> None:
    """Ask the receiver what became of a message; where it cannot be asked, a person is."""
    identity = sending_settings.identity(session, item.channel, "") if sender else None
    since = item.sending_time or item.create_time
    waited = clock.now(session) - since
    if sender is None or identity is None or item.channel == contacts.EMAIL or waited > ASK_UNTIL:
        _leave_to_a_person(session, item)
        return
    if waited < ASK_AFTER:
        return
    try:
        found = sender.find(identity, outgoing(session, item, None, identity), since) or []
    except UnreachableError:
        return
    reference = next((each for each in found if not _known(session, each)), "")
    if reference:
        item.provider_reference = reference
        note_sent(session, item)
    else:
        _wait(item, pb.COMMUNICATION_PROBLEM_UNREACHABLE, clock.now(session))


def _leave_to_a_person(session: Session, item: Communication) -> None:
    item.put(UNKNOWN, pb.COMMUNICATION_PROBLEM_OUTCOME_UNKNOWN)
    record(session, events_pb2.CommunicationFailed, item)


def _known(session: Session, reference: str) -> bool:
    """Tell whether another message has this id already: the same text may have gone to the same number before."""
    query = select(Communication.id).where(Communication.provider_reference == reference).limit(1)
    return session.scalars(query).first() is not None

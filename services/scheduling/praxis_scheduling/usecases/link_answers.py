"""What the recipient of a message does by its link: confirm, cancel, or get no more of this."""

from __future__ import annotations

from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_pb2, errors_pb2
from praxis.scheduling.v1 import communication_pb2 as pb
from praxis.scheduling.v1 import inbound_service_pb2 as inbound
from praxis_chassis.database import fetch
from praxis_chassis.errors import DomainError
from praxis_scheduling.store.communications import Communication
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.store.waitlist import WaitlistOffer
from praxis_scheduling.usecases import contacts, links, policies, replies, standing, waitlist, words
from praxis_scheduling.usecases.appointments import TO_COME

LABELS: dict[int, str] = {
    inbound.LINK_ACTION_CONFIRM: "LINK_CONFIRM",
    inbound.LINK_ACTION_CANCEL: "LINK_CANCEL",
    inbound.LINK_ACTION_UNSUBSCRIBE: "LINK_UNSUBSCRIBE",
    inbound.LINK_ACTION_ACCEPT: "LINK_ACCEPT",
    inbound.LINK_ACTION_DECLINE: "LINK_DECLINE",
}
GONE = pb.COMMUNICATION_PROBLEM_OPTED_OUT


def show(session: Session, token: str) -> inbound.Link:
    """Return what a link leads to."""
    item = links.opened(session, token)
    if item.waitlist_offer_id is not None:
        return _offer_page(session, item)
    visit = _visit(session, item)
    key = "LINK_VISIT" if visit else "LINK_OVER_PAGE" if item.appointment_id else "LINK_MESSAGES"
    return _page(session, item, key, _choices(session, item, visit))


def confirm(session: Session, token: str) -> inbound.Link:
    """Note that the patient will come."""
    item = links.opened(session, token)
    replies.confirm(session, _open_visit(session, item))
    return _page(session, item, "LINK_CONFIRMED", [])


def cancel(session: Session, token: str) -> inbound.Link:
    """Cancel the visit, if there is still time for it."""
    item = links.opened(session, token)
    visit = _open_visit(session, item)
    if not policies.may_cancel(session, visit):
        raise DomainError(errors_pb2.ERROR_REASON_NOTICE_TOO_SHORT, phone=words.phone_of(session, item))
    replies.cancel(session, visit)
    return _page(session, item, "LINK_CANCELLED", [])


def accept(session: Session, token: str) -> inbound.Link:
    """Book the time that was offered."""
    item = links.opened(session, token)
    offer = _open_offer(session, item)
    waitlist.accept(session, offer.entry_id, offer.id)
    return _page(session, item, "LINK_ACCEPTED", [])


def decline(session: Session, token: str) -> inbound.Link:
    """Leave the time that was offered to somebody else."""
    item = links.opened(session, token)
    offer = _open_offer(session, item)
    waitlist.decline(session, offer.entry_id, offer.id)
    return _page(session, item, "LINK_DECLINED", [])


def _offer_page(session: Session, item: Communication) -> inbound.Link:
    """Return the page of an offer; one that is over has nothing to decide."""
    over = standing.problem_of(session, item)
    answers: list[int] = [] if over else [inbound.LINK_ACTION_ACCEPT, inbound.LINK_ACTION_DECLINE]
    blockable = [inbound.LINK_ACTION_UNSUBSCRIBE] if item.address_index else []
    return _page(session, item, "LINK_OFFER_OVER" if over else "LINK_OFFER", [*answers, *blockable])


def _open_offer(session: Session, item: Communication) -> WaitlistOffer:
    if item.waitlist_offer_id is None or standing.problem_of(session, item):
        raise DomainError(errors_pb2.ERROR_REASON_OFFER_OVER)
    return fetch(session, WaitlistOffer, item.waitlist_offer_id)


def unsubscribe(session: Session, token: str) -> inbound.Link:
    """Write to the address no more."""
    item = links.opened(session, token)
    if item.address_index:
        contacts.block(session, item.channel, item.address_index, GONE, "link")
    return _page(session, item, "LINK_UNSUBSCRIBED", [])


def _visit(session: Session, item: Communication) -> Appointment | None:
    """Return the visit that the message told of, as long as it is to come at that time."""
    if item.appointment_id is None or standing.problem_of(session, item):
        return None
    visit = fetch(session, Appointment, item.appointment_id)
    return visit if visit.state in TO_COME else None


def _open_visit(session: Session, item: Communication) -> Appointment:
    visit = _visit(session, item)
    if visit is None:
        raise DomainError(errors_pb2.ERROR_REASON_LINK_OVER, phone=words.phone_of(session, item))
    return visit


def _choices(session: Session, item: Communication, visit: Appointment | None) -> list[int]:
    found: list[int] = []
    if visit is not None and visit.state == appointment_pb2.APPOINTMENT_STATE_BOOKED:
        found.append(inbound.LINK_ACTION_CONFIRM)
    if visit is not None and policies.may_cancel(session, visit):
        found.append(inbound.LINK_ACTION_CANCEL)
    return [*found, inbound.LINK_ACTION_UNSUBSCRIBE] if item.address_index else found


def _page(session: Session, item: Communication, key: str, choices: list[int]) -> inbound.Link:
    link = inbound.Link(language=item.language or "en", title=words.sender_of(session, item))
    link.text = words.say(session, item, key)
    for choice in choices:
        link.choices.add(action=choice, label=words.say(session, item, LABELS[choice]))
    return link

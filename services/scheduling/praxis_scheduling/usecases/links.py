"""Links in messages: signed with the practice's key, for one communication, as long as they are of use."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from praxis.scheduling.v1 import communication_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch
from praxis_chassis.errors import not_found
from praxis_scheduling.store.communications import Communication
from praxis_scheduling.usecases import sending_settings, signatures

PURPOSE = "scheduling.link"
LASTS = timedelta(days=60)
LINKED = (pb.COMMUNICATION_CHANNEL_EMAIL, pb.COMMUNICATION_CHANNEL_SMS)


def token(session: Session, item: Communication) -> str:
    """Return the signed name of a communication."""
    return signatures.signed(session, PURPOSE, item.id)


def opened(session: Session, text: str) -> Communication:
    """Return the communication that a link is of; a link that is wrong or too old leads nowhere."""
    identifier = signatures.proven(session, PURPOSE, text)
    if identifier is None:
        raise not_found("link", text[:8])
    item = fetch(session, Communication, identifier)
    if clock.now(session) > item.due_time + LASTS:
        raise not_found("link", text[:8])
    return item


def page(session: Session, item: Communication) -> str:
    """Return the address of the page where the recipient answers."""
    address = sending_settings.public_url(session)
    if not address or item.channel not in LINKED:
        return ""
    return f"{address}/links/{context_of(session).tenant}/{token(session, item)}"


def unsubscribe(session: Session, item: Communication) -> str:
    """Return the address that a mail program calls when somebody wants no more of this."""
    address = sending_settings.public_url(session)
    return f"{address}/v1/links/{context_of(session).tenant}/{token(session, item)}:unsubscribe" if address else ""

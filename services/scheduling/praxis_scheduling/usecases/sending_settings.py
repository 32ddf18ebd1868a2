"""How a practice sends: its settings, who it is on each way, and the secret that is never shown."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import communication_pb2 as pb
from praxis.scheduling.v1 import events_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import check_etag
from praxis_chassis.events import record
from praxis_chassis.singletons import singleton
from praxis_scheduling.connectors.sender import Identity
from praxis_scheduling.rules.quiet import QuietHours
from praxis_scheduling.store.communications import Communication, CommunicationSettings
from praxis_scheduling.usecases.contacts import EMAIL

PURPOSE = "scheduling.sms_secret"
WAITING_FOR_SETTINGS = (pb.COMMUNICATION_PROBLEM_PAUSED, pb.COMMUNICATION_PROBLEM_NOT_CONFIGURED)


def settings_of(session: Session, *, lock: bool = False) -> CommunicationSettings:
    """Return the settings of the practice group, or those that count until it makes its own."""
    return singleton(session, CommunicationSettings, lock=lock)


def change(session: Session, asked: pb.CommunicationSettings, paths: Collection[str], mapping: Any) -> Any:
    """Change the settings; a secret is stored when one is given, and everything that waited for them is tried."""
    settings = settings_of(session, lock=True)
    check_etag(settings, asked.etag, "communication settings")
    session.add(settings)
    mapping.apply(settings, asked, [path for path in paths if path != "sms_secret"] or None if paths else ())
    if asked.sms_secret:
        context = context_of(session)
        settings.sms_sealed_secret = context.runtime.keys.seal(context.tenant, PURPOSE, asked.sms_secret.encode())
    record(session, events_pb2.CommunicationSettingsUpdated, settings)
    waits = (Communication.is_open, Communication.problem.in_(WAITING_FOR_SETTINGS))
    session.execute(update(Communication).where(*waits).values(next_try_time=clock.now(session)))
    return settings


def secret_of(session: Session, settings: CommunicationSettings) -> str:
    """Return the secret of the practice's account at the provider of text messages, empty when there is none."""
    context = context_of(session)
    if settings.sms_sealed_secret is None:
        return ""
    opened: bytes = context.runtime.keys.open(context.tenant, PURPOSE, settings.sms_sealed_secret)
    return opened.decode()


def identity(session: Session, channel: int, practice: str) -> Identity | None:
    """Return who the practice is on a channel, or nothing where that is not set up."""
    settings, installed = settings_of(session), context_of(session).runtime.settings
    if channel == EMAIL:
        address = settings.from_email or installed.smtp_from
        return Identity(address, settings.from_name or practice, settings.reply_to_email) if address else None
    secret = secret_of(session, settings)
    if not (settings.sms_from and settings.sms_account and secret):
        return None
    return Identity(settings.sms_from, account=settings.sms_account, secret=secret)


def quiet_hours(session: Session) -> QuietHours:
    """Return when the practice leaves people in peace."""
    settings = settings_of(session)
    return QuietHours.read(settings.quiet_from, settings.quiet_until)


def public_url(session: Session) -> str:
    """Return where people reach the gateway, without a slash at the end; empty where it is not said."""
    return str(context_of(session).runtime.settings.public_url).rstrip("/")


def callback_url(session: Session, path: str, tenant: UUID) -> str:
    """Return the address that the provider of text messages calls."""
    return f"{public_url(session)}/v1/webhooks/{tenant}/{path}" if public_url(session) else ""

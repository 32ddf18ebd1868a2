"""What the clock starts in scheduling: telling people about appointments, and offering free times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from praxis_chassis.context import context_of
from praxis_chassis.jobs import apart, job
from praxis_scheduling.connectors.sender import Sender
from praxis_scheduling.connectors.sms import Sms
from praxis_scheduling.connectors.smtp import Smtp
from praxis_scheduling.settings import Settings
from praxis_scheduling.usecases import holds, offers, recalls, reminders, sending
from praxis_scheduling.usecases.contacts import EMAIL, SMS


@job(every_seconds=15)
def expire_holds(session: Session) -> None:
    holds.expire_due(session)


@job(every_seconds=2)
def communicate(session: Session) -> None:
    with apart(session) as planning:
        for appointment in reminders.plan_changed(planning):
            recalls.follow(planning, appointment)
    with apart(session) as recalling:
        recalls.advance(recalling)
    sending.send_due(session, senders_of(context_of(session).runtime))


@job(every_seconds=600)
def recall_by_age(session: Session) -> None:
    recalls.find_aged(session)


@job(every_seconds=2)
def offer_times(session: Session) -> None:
    offers.lapse_due(session)
    offers.offer_freed(session)


def senders_of(runtime: Any) -> Mapping[int, Sender]:
    """Return the ways of sending that the installation has."""
    settings: Settings = runtime.settings
    found: dict[int, Sender] = {}
    if settings.smtp_host:
        found[EMAIL] = Smtp(
            settings.smtp_host, settings.smtp_port, settings.smtp_security, settings.smtp_user,
            settings.smtp_password, settings.smtp_ca_file,
        )  # fmt: skip
    if settings.sms_url:
        found[SMS] = Sms(settings.sms_url, settings.sms_ca_file)
    return found

"""E-mail by SMTP, encrypted by STARTTLS or from the first byte."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, formataddr

from praxis_chassis import clock
from praxis_scheduling.connectors.sender import (
    Identity,
    Outgoing,
    RefusedError,
    UnknownOutcomeError,
    UnreachableError,
)

CONNECT_SECONDS = 10.0
TRANSIENT, PERMANENT = 400, 500
ADDRESS_FAULTS = frozenset({550, 551, 553})


@dataclass(frozen=True)
class Smtp:
    """A mail server; `security` is `starttls`, `tls` or, on loopback only, `none`."""

    host: str
    port: int
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    timeout: float = CONNECT_SECONDS

    @contextmanager
    def open(self, identity: Identity) -> Iterator[SmtpLine]:
        """Connect, encrypt and log in."""
        try:
            client = self._connected()
        except (OSError, smtplib.SMTPException):
            raise UnreachableError(everybody=True) from None
        try:
            yield SmtpLine(client, identity)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                client.quit()
            client.close()

    def find(self, identity: Identity, message: Outgoing, since: datetime) -> list[str] | None:
        """A mail server cannot be asked what it took."""
        return None

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        else:
            client = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            if self.security == "starttls":
                client.starttls(context=context)
            client.ehlo_or_helo_if_needed()
            if self.user:
                client.login(self.user, self.password)
        except (OSError, smtplib.SMTPException):
            client.close()
            raise
        return client


@dataclass(frozen=True)
class SmtpLine:
    """An open connection to the mail server."""

    client: smtplib.SMTP
    identity: Identity

    def hand_over(self, message: Outgoing) -> str:
        """Hand one e-mail over; after its bytes have begun to flow only an answer tells what became of it."""
        data = written(message, self.identity).as_bytes(policy=SMTP_POLICY)
        try:
            sender_code, _ = self.client.mail(self.identity.address)
            recipient_code, _ = self.client.rcpt(message.to) if sender_code < TRANSIENT else (sender_code, b"")
        except (OSError, smtplib.SMTPException):
            raise UnreachableError(everybody=True) from None
        if sender_code >= TRANSIENT:  # the practice's own address is refused, and so would be every other message
            raise UnreachableError(everybody=True)
        _judge(recipient_code, address=True)
        try:
            code, _ = self.client.data(data)
        except smtplib.SMTPDataError as refused:
            _judge(refused.smtp_code)
            raise UnknownOutcomeError from None
        except (OSError, smtplib.SMTPException):
            raise UnknownOutcomeError from None
        _judge(code)
        return ""


def _judge(code: int, *, address: bool = False) -> None:
    """Raise what a reply code means; the text of the server is not kept, because it repeats addresses."""
    if code >= PERMANENT:
        raise RefusedError(address=address and code in ADDRESS_FAULTS)
    if code >= TRANSIENT:
        raise UnreachableError(everybody=False)


def written(message: Outgoing, identity: Identity) -> EmailMessage:
    """Return an e-mail with its headers, and with the calendar object where there is one."""
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["Message-ID"] = message.reference
    mail["Date"] = format_datetime(clock.wall())
    mail["From"] = formataddr((identity.name, identity.address))
    mail["To"] = message.to
    mail["Subject"] = message.subject
    if identity.reply_to:
        mail["Reply-To"] = identity.reply_to
    if message.unsubscribe_url:
        mail["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body)
    if message.calendar:
        mail.add_alternative(message.calendar, subtype="calendar", params={"method": message.calendar_method})
    return mail

"""A mail server with STARTTLS that people's mailboxes are behind; the local part of an address says how it behaves."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "127.0.0.1"


@dataclass
class Mailboxes:
    """What arrived, and how often something was tried: `refused-` is no mailbox, `busy-` is full for now.

    `vanish-` takes the message and breaks the connection before the answer; `slow-` waits until it is let go.
    """

    arrived: list[tuple[str, EmailMessage]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    letting_go: threading.Event = field(default_factory=threading.Event)
    busy: bool = True

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.tried.append(address)
        if address.startswith("refused-"):
            return f"550 5.1.1 <{address}> is no mailbox"
        if address.startswith("busy-") and self.busy:
            return "451 4.3.0 try later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail: Any = message_from_bytes(envelope.content, policy=policy.default)
        address = envelope.rcpt_tos[0]
        self.arrived.append((address, mail))
        self.encrypted.append(session.ssl is not None)
        if address.startswith("vanish-"):
            server.transport.close()
        if address.startswith("slow-"):
            await server.loop.run_in_executor(None, self.letting_go.wait, 20)
        return "250 2.0.0 taken"

    def to(self, address: str) -> list[EmailMessage]:
        """Return what arrived for an address."""
        return [mail for recipient, mail in self.arrived if recipient == address]


@dataclass(frozen=True)
class MailServer:
    """A mail server that listens."""

    boxes: Mailboxes
    port: int
    ca_file: Path

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a service that sends through it."""
        return {
            "smtp_host": NAME, "smtp_port": self.port, "smtp_security": "starttls", "smtp_from": "desk@clinic.example",
            "smtp_ca_file": str(self.ca_file),
        }  # fmt: skip


@contextmanager
def mail_server(folder: Path) -> Iterator[MailServer]:
    """Let a mail server run that takes mail only after STARTTLS."""
    boxes, port, certificate = Mailboxes(), free_port(), folder / "mail.pem"
    certificate.write_bytes(_self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    controller = Controller(boxes, hostname=NAME, port=port, tls_context=context, require_starttls=True)
    controller.start()
    try:
        yield MailServer(boxes, port, certificate)
    finally:
        boxes.letting_go.set()
        controller.stop()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as found:
        found.bind((NAME, 0))
        return int(found.getsockname()[1])


def _self_signed() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(NAME))])
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + signed.public_bytes(serialization.Encoding.PEM)

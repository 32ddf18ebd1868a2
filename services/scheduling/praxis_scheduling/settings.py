"""Settings of scheduling beside those of every service: how messages leave the installation."""

from __future__ import annotations

from dataclasses import dataclass

from praxis_chassis import settings


@dataclass(frozen=True, kw_only=True)
class Settings(settings.Settings):
    """Without `smtp_host` no e-mail leaves, without `sms_url` no text message; both are kept and shown meanwhile.

    `public_url` is where people reach the gateway; without it messages carry no links, and no text comes in.
    """

    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = "starttls"
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_from: str = ""
    smtp_ca_file: str = ""
    sms_url: str = ""
    sms_ca_file: str = ""
    public_url: str = ""

"""The servers and shared files that a test's services run on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.servers import Servers

from praxis_chassis.settings import Settings
from praxis_chassis.tls import Certificates
from praxis_local.authority import Authority
from praxis_local.nats import Nats
from praxis_local.provision import DatabaseUrls


@dataclass
class Platform:
    """The servers of this test run and the files that all services share."""

    home: Path
    databases: dict[str, DatabaseUrls]
    servers: Servers

    @property
    def nats_url(self) -> str:
        """The address of NATS."""
        return self.servers.nats_url

    @property
    def nats(self) -> Nats:
        """NATS itself, for tests that stop it; servers of others are left alone."""
        if self.servers.embedded is None:
            pytest.skip("stops NATS, which only PRAXIS_TEST_BACKEND=embedded may do")
        return self.servers.embedded[1]

    def __post_init__(self) -> None:
        Authority(self.home / "certificates").renew()

    @property
    def private_key(self) -> Path:
        """The gateway's signing key."""
        return self.home / "token.pem"

    def certificates(self, name: str) -> Certificates:
        """Return who a part is to others; the gateway's database is called identity."""
        return Certificates(self.home / "certificates" / ("gateway" if name == "identity" else name))

    def settings(self, kind: type[Settings], name: str, **more: Any) -> Settings:
        """Return the settings of one service on this platform."""
        urls = self.databases[name]
        values: dict[str, Any] = {
            "database_url": urls.app,
            "database_owner_url": urls.owner,
            "database_relay_url": urls.relay,
            "nats_url": self.nats_url,
            "tls_dir": str(self.certificates(name).folder),
            "token_public_key_file": str(self.home / "token.pub"),
            "token_private_key_file": str(self.private_key),
            "keys_file": str(self.home / "keys.json"),
            "files_dir": str(self.home / "files"),
            "log_format": "text",
            "drain_seconds": 0.0,
        }
        return kind(**(values | more))

"""Settings of the gateway beside those that every process has."""

from __future__ import annotations

from dataclasses import dataclass

from praxis_chassis.settings import Settings as ChassisSettings
from praxis_chassis.settings import SettingsError

SERVICES = ("patients", "scheduling", "billing", "claims", "reporting")


@dataclass(frozen=True, kw_only=True)
class Settings(ChassisSettings):
    """What the gateway needs to know about its surroundings."""

    listen: str = "127.0.0.1:8080"
    gateway_workers: int = 1
    rate_limit: int = 6000
    rate_limit_anonymous: int = 600
    json_limit_bytes: int = 3_000_000
    file_limit_bytes: int = 25_000_000
    trusted_proxies: int = 0

    @property
    def places(self) -> int:
        """Return how many calls may be under way at once: more than threads that compute, for most calls wait."""
        return 2 * self.threads

    @property
    def targets(self) -> dict[str, str]:
        """Return the gRPC address of each service."""
        return {name: getattr(self, f"{name}_target") for name in SERVICES}

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port to listen at."""
        host, _, port = self.listen.rpartition(":")
        if not port.isdigit():
            raise SettingsError(f"PRAXIS_LISTEN must be host:port, such as 127.0.0.1:8080, not {self.listen!r}")
        return host.strip("[]") or "127.0.0.1", int(port)

"""Settings of billing; it needs none beyond the shared ones."""

from __future__ import annotations

from dataclasses import dataclass

from praxis_chassis.settings import Settings as SharedSettings


@dataclass(frozen=True, kw_only=True)
class Settings(SharedSettings):
    """What billing's processes need."""

"""The settings of scheduling: those that every service has."""

from __future__ import annotations

from dataclasses import dataclass

from praxis_chassis import settings


@dataclass(frozen=True, kw_only=True)
class Settings(settings.Settings):
    """Scheduling adds none of its own; what a practice decides is data of its appointment types and resources."""

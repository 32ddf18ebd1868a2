"""Settings of claims beside those of every service."""

from __future__ import annotations

from dataclasses import dataclass

from praxis_chassis.settings import Settings as ChassisSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ChassisSettings):
    """`clearinghouse_dir` is the drop folder of the clearinghouse; without it nothing is sent or fetched."""

    clearinghouse_dir: str = ""

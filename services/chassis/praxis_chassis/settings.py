"""Settings from variables `PRAXIS_<FIELD>`, or files named by `PRAXIS_<FIELD>_FILE`; checked at start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Self, get_type_hints


class SettingsError(Exception):
    """A setting is missing or cannot be read; the text names the variable."""


def _read(kind: Any, name: str, text: str) -> Any:
    try:
        if kind is bool:
            return {"1": True, "true": True, "0": False, "false": False}[text.lower()]
        return kind(text) if kind in (int, float) else text
    except (KeyError, ValueError) as error:
        raise SettingsError(f"{name}={text!r} is not a valid {kind.__name__}") from error


def _content(name: str, environment: Mapping[str, str]) -> str:
    """Return a value that is kept in a file, as container secrets are."""
    try:
        return Path(environment[name]).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name}={environment[name]!r} cannot be read: {error.strerror}") from error


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every process needs; a service adds its own fields in a subclass."""

    database_url: str
    database_owner_url: str = ""
    database_relay_url: str = ""
    nats_url: str = "nats://127.0.0.1:4222"
    listen: str = "127.0.0.1:0"
    probe_listen: str = "127.0.0.1:0"
    patients_target: str = ""
    scheduling_target: str = ""
    billing_target: str = ""
    claims_target: str = ""
    reporting_target: str = ""
    tls_dir: str = ""
    insecure_grpc: bool = False
    token_public_key_file: str = ""
    token_private_key_file: str = ""
    keys_file: str = ""
    files_dir: str = ""
    log_format: str = "json"
    log_level: str = "INFO"
    threads: int = 16
    trace_sample_ratio: float = 0.01
    stream_replicas: int = 1
    drain_seconds: float = 3.0
    # For fault tests: how far the process believes the time to be ahead.
    clock_skew_seconds: float = 0.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read all fields; raise SettingsError naming the first variable that is missing or wrong."""
        environment = os.environ if environment is None else environment
        hints = get_type_hints(cls)
        values: dict[str, Any] = {}
        for item in fields(cls):
            name = f"PRAXIS_{item.name.upper()}"
            if name in environment:
                values[item.name] = _read(hints[item.name], name, environment[name])
            elif f"{name}_FILE" in environment:
                values[item.name] = _read(hints[item.name], name, _content(f"{name}_FILE", environment))
            elif item.default is MISSING and item.default_factory is MISSING:
                raise SettingsError(f"{name} is not set; it is needed to start")
        return cls(**values)

"""What a span, a metric or a log line may say: an allow-list of keys; whatever else is dropped, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from threading import Lock
from typing import Any
from uuid import UUID

# Ids, kinds, counts and templates. A key that could say who somebody is, or what they have, does not belong here.
ALLOWED = frozenset(
    {
        "aggregate", "applied", "attempts", "check", "code", "count", "duration_ms", "event_id", "event_type",
        "failure", "file", "file_id", "host", "issuer", "job", "kind", "logger", "method", "object_ids",
        "outcome", "path", "peer", "pool", "port", "position", "reason", "request_id", "route", "sequence",
        "service", "setting", "signal", "source", "state", "status", "stream", "tenant_id", "text_key",
        "url_scheme", "version",
        "db.query.text", "db.system.name", "error.type", "exception.type", "code.stacktrace",
        "http.request.method", "http.response.status_code", "http.route",
        "messaging.destination.name", "messaging.message.id", "messaging.system",
        "rpc.method", "rpc.response.status_code", "rpc.service", "rpc.system.name",
    }
)  # fmt: skip
LONGEST = 2000
dropped: Counter[str] = Counter()
_lock = Lock()


def allowed(facts: Mapping[str, Any], signal: str) -> dict[str, Any]:
    """Return the facts that may leave the process; messages and other objects never may, whatever their key."""
    kept = {key: _plain(value) for key, value in facts.items() if key in ALLOWED and _is_plain(value)}
    if len(kept) < len(facts):
        drop(signal, len(facts) - len(kept))
    return kept


def drop(signal: str, count: int = 1) -> None:
    """Count facts that were kept back; who sees the count grow looks for a key that nobody allowed."""
    with _lock:
        dropped[signal] += count


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(item, UUID) for item in value)
    return isinstance(value, str | int | float | bool | UUID)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)[:LONGEST] if isinstance(value, str | UUID) else value

"""Events that wait for an earlier version: one that does not come in time is read from the owner's log."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from uuid import UUID

from praxis_chassis import rebuild
from praxis_chassis.events import Envelope
from praxis_chassis.inbox import Verdict
from praxis_chassis.service import Runtime

# A version that is merely late, because another relay or lane had it, comes within seconds.
OLD_SECONDS = 30.0
AT_ONCE = 50
LONGEST_DELAY_SECONDS = 5.0
log = logging.getLogger(__name__)


@dataclass
class Gaps:
    """What waits in one consumer, and since when."""

    runtime: Runtime
    old_seconds: float = OLD_SECONDS
    since: dict[tuple[UUID, str, UUID], tuple[float, Envelope]] = field(default_factory=dict)

    def note(self, envelope: Envelope, verdict: Verdict) -> None:
        """Remember whose turn has not come."""
        key = envelope.tenant_id, envelope.aggregate, envelope.aggregate_id
        if verdict is Verdict.WAIT:
            self.since.setdefault(key, (time.monotonic(), envelope))
        else:
            self.since.pop(key, None)

    def delay(self, envelope: Envelope) -> float:
        """Return after how many seconds an event is to be delivered again: the longer it has waited, the later."""
        began, _ = self.since.get((envelope.tenant_id, envelope.aggregate, envelope.aggregate_id), (0.0, envelope))
        waited = time.monotonic() - began if began else 0.0
        return min(0.2 + waited / 5, LONGEST_DELAY_SECONDS)

    def fill(self) -> None:
        """Fill old gaps from the owner's log, as far as the log can be read."""
        now = time.monotonic()
        old = [key for key, (began, _) in self.since.items() if now - began >= self.old_seconds][:AT_ONCE]
        for key in old:
            envelope = self.since.pop(key)[1]
            facts = {"source": envelope.source, "tenant_id": str(envelope.tenant_id), "object_ids": str(key[2])}
            try:
                count = rebuild.fill_up(self.runtime, envelope)
            except Exception as failure:
                told = facts | {"failure": type(failure).__name__}
                log.exception("an event waits for one that never came; run `catch-up`", extra=told)
                return
            log.warning("an old gap was filled from the log of its owner", extra=facts | {"count": count})

"""Keeps an ailing service from holding its callers: a breaker per service, and a budget for second tries."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping

from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from praxis_gateway.invoke import RefusedError, Reply, Transport

WINDOW_SECONDS, LEAST_CALLS, FAILED_SHARE, OPEN_SECONDS = 10.0, 20, 0.5, 5.0
MOST_SAVED, EARNED_PER_CALL, MOST_TRIES, PAUSE_SECONDS = 10.0, 0.1, 3, 0.05
LEAST_SECONDS = 0.03
# What the network answers in place of a service that is gone or silent.
UNANSWERED = {code_pb2.UNAVAILABLE, code_pb2.DEADLINE_EXCEEDED, code_pb2.CANCELLED}
log = logging.getLogger(__name__)


class Breaker:
    """Closed while a service answers; open for five seconds when half of its calls fail; then one call tries."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._failures = 0
        self._opened: float | None = None
        self._trial = 0

    def admit(self) -> int | None:
        """Return a ticket for one call, or nothing while the service is left alone; the ticket 0 is an ordinary one."""
        with self._lock:
            if self._opened is None:
                return 0
            if self._clock() < self._opened + OPEN_SECONDS:
                return None
            # A trial that never ends counts as failed when the next one is due.
            self._opened = self._clock()
            self._trial += 1
            return self._trial

    def note(self, ticket: int, *, failed: bool) -> None:
        """Count how a call ended; only the latest trial decides while the breaker is open."""
        with self._lock:
            if self._opened is not None:
                if ticket == self._trial > 0 and not failed:
                    self._close()
            elif ticket == 0:
                self._count(failed)

    def _close(self) -> None:
        self._opened, self._failures = None, 0
        self._outcomes.clear()

    def _count(self, failed: bool) -> None:
        now = self._clock()
        self._outcomes.append((now, failed))
        self._failures += failed
        while self._outcomes[0][0] < now - WINDOW_SECONDS:
            self._failures -= self._outcomes.popleft()[1]
        calls = len(self._outcomes)
        if calls >= LEAST_CALLS and self._failures >= FAILED_SHARE * calls:
            self._opened = now


class RetryBudget:
    """Pays for second tries: ten at once, then one for every ten calls, so that retries never double a load."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._saved = MOST_SAVED

    def earn(self) -> None:
        """Save for a call that was made."""
        with self._lock:
            self._saved = min(MOST_SAVED, self._saved + EARNED_PER_CALL)

    def spend(self) -> bool:
        """Pay for a second try, if there is enough."""
        with self._lock:
            paid = self._saved >= 1
            self._saved -= paid
            return paid


class GuardedTransport:
    """A transport that leaves an ailing service alone and tries harmless calls again."""

    def __init__(self, transport: Transport, harmless: Collection[str], breaker: Breaker | None = None) -> None:
        self._transport = transport
        self._harmless = frozenset(harmless)
        self._breaker = breaker or Breaker()
        self._budget = RetryBudget()

    def call(self, full_name: str, request: Message, metadata: Mapping[str, str], deadline_seconds: float) -> Reply:
        """Return the reply of the service, or raise its refusal."""
        until = time.monotonic() + deadline_seconds
        repeatable = full_name in self._harmless or "x-idempotency-key" in metadata
        self._budget.earn()
        for attempt in range(1, MOST_TRIES + 1):
            try:
                return self._try(full_name, request, metadata, until - time.monotonic())
            except RefusedError as refusal:
                last = attempt == MOST_TRIES or not repeatable or not is_passing(refusal.status)
                pause = PAUSE_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, no secret
                if last or time.monotonic() + pause + LEAST_SECONDS > until or not self._budget.spend():
                    raise
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _try(self, full_name: str, request: Message, metadata: Mapping[str, str], seconds: float) -> Reply:
        ticket = self._breaker.admit()
        if ticket is None:
            raise RefusedError(_resting())
        failed = True
        try:
            reply = self._transport.call(full_name, request, metadata, seconds)
            failed = False
            return reply
        except RefusedError as refusal:
            failed = is_unanswered(refusal.status)
            if distrusts_us(refusal.status):
                log.warning("token refused; compare the clocks", extra={"method": full_name})
                raise RefusedError(status_pb2.Status(code=code_pb2.UNAVAILABLE)) from None
            raise
        finally:
            self._breaker.note(ticket, failed=failed)


def is_unanswered(status: status_pb2.Status) -> bool:
    """Tell whether the service itself said nothing: what it says carries details, whatever it says."""
    return status.code in UNANSWERED and not status.details


def distrusts_us(status: status_pb2.Status) -> bool:
    """Tell whether a service refuses our own token, as one does whose clock is wrong; the caller's login is good."""
    return bool(status.code == code_pb2.UNAUTHENTICATED)


def is_passing(status: status_pb2.Status) -> bool:
    """Tell whether another replica, or the same one in a moment, may answer; a breaker's refusal is final."""
    resting = any(detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for detail in status.details)
    return status.code == code_pb2.UNAVAILABLE and not resting


def _resting() -> status_pb2.Status:
    """Return the refusal of a call that was not made."""
    status = status_pb2.Status(code=code_pb2.UNAVAILABLE)
    wait = error_details_pb2.RetryInfo()
    wait.retry_delay.seconds = int(OPEN_SECONDS)
    status.details.add().Pack(wait)
    return status

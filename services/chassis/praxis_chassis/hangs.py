"""Cuts connections whose database stays silent past the call's deadline, so that no thread waits for it for ever.

The server's own `statement_timeout` ends slow statements; this is for a server that is frozen or cannot be reached.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from typing import Any

GRACE_SECONDS = 0.5
SWEEP_SECONDS = 0.25
log = logging.getLogger(__name__)


class Watch:
    """Knows which connections must have answered by when; one thread looks at them all."""

    def __init__(self) -> None:
        self._due: dict[int, tuple[float, Any]] = {}
        self._lock = threading.Lock()
        self._started = False

    def expect(self, connection: Any, deadline: float) -> None:
        """Cut a psycopg connection when it is not given back, or expected anew, by a monotonic deadline."""
        with self._lock:
            self._due[id(connection)] = (deadline + GRACE_SECONDS, connection)
            if not self._started:
                self._started = True
                threading.Thread(target=self._sweep_for_ever, name="hangs", daemon=True).start()

    def forget(self, connection: Any) -> None:
        """Leave a connection alone, because it has answered."""
        with self._lock:
            self._due.pop(id(connection), None)

    def _sweep_for_ever(self) -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            self._sweep(time.monotonic())

    def _sweep(self, now: float) -> None:
        # Under the lock, so that no connection is cut that has just gone back to the pool.
        with self._lock:
            late = [key for key, (due, _) in self._due.items() if due < now]
            for key in late:
                _cut(self._due.pop(key)[1])
        if late:
            log.warning("database stays silent; connections cut", extra={"count": len(late)})


def _cut(connection: Any) -> None:
    """End both directions of a connection's socket: whoever waits on it sees it closed, and closes it properly."""
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as copy:
        copy.shutdown(socket.SHUT_RDWR)


WATCH = Watch()

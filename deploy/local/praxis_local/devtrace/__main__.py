"""`python -m praxis_local.devtrace PORT`: show the traces of the Praxis that runs on this machine."""

from __future__ import annotations

import signal
import sys
from queue import SimpleQueue

from praxis_local.devtrace.server import DevTrace


def main(arguments: list[str]) -> None:
    """Serve until told to stop."""
    asked: SimpleQueue[int] = SimpleQueue()  # which a signal may interrupt, other than an Event
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.put(number))
    viewer = DevTrace(int(arguments[0]) if arguments else 0)
    viewer.start()
    print(f"traces are shown at {viewer.url}", flush=True)
    asked.get()
    viewer.stop()


if __name__ == "__main__":
    main(sys.argv[1:])

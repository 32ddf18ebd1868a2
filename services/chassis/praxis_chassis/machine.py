"""What a process takes from its machine: the time, and memory.

The setting `clock_skew_seconds` sets the clock wrong, to show that nothing depends on it.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass


@dataclass
class Machine:
    """How far this process believes the time to be ahead of the machine's."""

    skew_seconds: float = 0.0

    def time(self) -> float:
        """Return the seconds since 1970 as this process sees them."""
        return time.time() + self.skew_seconds


MACHINE = Machine()


def collect_rarely() -> None:
    """Look for cycles less often, and never among what is loaded already.

    A call makes thousands of objects that go when it ends; to look at them every 700 took a tenth of all work.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)

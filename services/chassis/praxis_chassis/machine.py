"""The clock of this machine; the setting `clock_skew_seconds` sets it wrong, to show that nothing depends on it."""

from __future__ import annotations

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

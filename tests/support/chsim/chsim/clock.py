"""The clock of the simulator: real time moved ahead on request, or one that stands still until it is moved."""

from datetime import UTC, datetime, timedelta

from chsim.state import State


class Clock:
    """Tells the moment that every outbound file carries."""

    def __init__(self, state: State, start: datetime | None = None) -> None:
        self._state = state
        self._start = start

    def now(self) -> datetime:
        """The virtual moment, in UTC."""
        return (self._start or datetime.now(UTC)) + timedelta(seconds=self._state.number("clock"))

    def seconds(self) -> int:
        """The same as seconds since 1970."""
        return int(self.now().timestamp())

    def advance(self, seconds: int) -> None:
        """Moves the clock ahead for good; the caller holds the transaction."""
        if seconds < 0:
            raise ValueError("The clock only moves ahead: advance by 0 or more seconds.")
        self._state.add("clock", seconds)

"""What every way of sending can do, and what may become of a message that is handed over."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the practice is on this way: an address and a name, or a number with an account and its secret."""

    address: str
    name: str = ""
    reply_to: str = ""
    account: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is ready to leave; `reference` is the same for every try."""

    reference: str
    to: str
    subject: str
    body: str
    unsubscribe_url: str = ""
    status_url: str = ""
    calendar: str = ""
    calendar_method: str = ""


class RefusedError(Exception):
    """The receiver will never take it; `address` says that the address itself is at fault, `opted_out` why."""

    def __init__(self, *, address: bool = False, opted_out: bool = False) -> None:
        super().__init__("refused")
        self.address, self.opted_out = address, opted_out


class UnreachableError(Exception):
    """It surely did not leave, and may be tried again; `everybody` says that no other message would leave either."""

    def __init__(self, *, everybody: bool) -> None:
        super().__init__("unreachable")
        self.everybody = everybody


class UnknownOutcomeError(Exception):
    """It may have left, and may not have."""


class Line(Protocol):
    """An open way, over which one message at a time is handed over."""

    def hand_over(self, message: Outgoing) -> str:
        """Hand a message over and return the id that the receiver gave it; raise one of the errors above."""
        ...


class Sender(Protocol):
    """A way of sending."""

    def open(self, identity: Identity) -> AbstractContextManager[Line]:
        """Connect, so that handing over takes as little time as it can; raise UnreachableError."""
        ...

    def find(self, identity: Identity, message: Outgoing, since: datetime) -> list[str] | None:
        """Ask the receiver for the ids of messages that are the same as this one and were handed over since a moment.

        None says that this way cannot be asked; only a person can tell then.
        """
        ...

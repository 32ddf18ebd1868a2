"""A model of a JetStream stream for simulations: sequences, the duplicate window, and every way of losing things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from nats.js.errors import NotFoundError


class Lost(Exception):
    """The answer of the server never came."""


@dataclass(frozen=True)
class Kept:
    """A message as a consumer gets it."""

    subject: str
    data: bytes
    headers: dict[str, str]


@dataclass
class StreamModel:
    """What the relay asks of a stream; `before_answer` runs when a message is stored, and may raise."""

    messages: list[Kept] = field(default_factory=list)
    copies: list[list[Kept]] = field(default_factory=list)
    window: dict[str, int] = field(default_factory=dict)
    losses: int = 0
    before_answer: Callable[[], None] = lambda: None

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str], **_options: Any) -> Any:
        known = self.window.get(headers["Nats-Msg-Id"])
        if known is None:
            self.messages.append(Kept(subject, payload, headers))
            self.window[headers["Nats-Msg-Id"]] = len(self.messages)
        self.before_answer()
        return SimpleNamespace(seq=known or len(self.messages), duplicate=known is not None)

    async def stream_info(self, _name: str) -> Any:
        return SimpleNamespace(state=SimpleNamespace(first_seq=1, last_seq=len(self.messages)))

    async def get_msg(self, _name: str, sequence: int) -> Kept:
        if sequence > len(self.messages):
            raise NotFoundError
        return self.messages[sequence - 1]

    def forget_window(self) -> None:
        """Let the duplicate window pass."""
        self.window = {}

    def copy(self) -> None:
        """Keep a copy of the store."""
        self.copies.append(list(self.messages))

    def roll_back(self) -> None:
        """Come back from the newest copy, or from nothing; the server reads its duplicate window off the store."""
        self.messages = list(self.copies[-1]) if self.copies else []
        self.losses += 1
        self.window = {kept.headers["Nats-Msg-Id"]: place for place, kept in enumerate(self.messages, 1)}

"""A collector inside the test's own process: the local viewer, which here keeps every text that it was sent."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from tests.support.canary import hits, texts_of

from praxis_local.api_client import PLAIN
from praxis_local.devtrace.ring import Ring, Trace
from praxis_local.devtrace.server import DevTrace, Door


class Collector(DevTrace):
    """Receives what the system exports, and may be asked as the viewer is."""

    def __init__(self) -> None:
        self.texts: dict[str, set[bytes]] = defaultdict(set)
        texts = self.texts

        class Keeping(Door):
            """Keeps what it takes."""

            def take(self, path: str, body: bytes) -> None:
                """Keep the texts, each once."""
                texts[path] |= texts_of(body)
                super().take(path, body)

        super().__init__(0, Ring(300), Keeping)

    def mentions(self, word: str) -> list[str]:
        """Return which kinds of export hold a word."""
        return [path for path, _ in hits([word], self.told())]

    def told(self) -> dict[str, set[bytes]]:
        """Return all texts so far, by the kind of export."""
        return {path: set(texts) for path, texts in list(self.texts.items())}

    def ask(self, path: str) -> dict[str, Any]:
        """Return what the viewer's own interface answers; an empty answer while it has nothing."""
        reply = httpx.get(f"{self.url}/api/{path}", trust_env=False, verify=PLAIN)
        return dict(reply.json()) if reply.status_code == 200 else {}

    def settled(self, trace_id: str, done: Callable[[Trace], bool], seconds: float = 60.0) -> Trace:
        """Wait until a trace has all that it should have, because events travel and exports come in batches."""
        deadline = time.monotonic() + seconds
        while not ((found := self.ring.trace(trace_id)) and done(found)):
            assert time.monotonic() < deadline, [(span.service, span.name) for span in (found.spans if found else [])]
            time.sleep(0.2)
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen for as long as the context lasts."""
    collector = Collector()
    collector.start()
    try:
        yield collector
    finally:
        collector.stop()

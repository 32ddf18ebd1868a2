"""A small HTTP load generator: one process, keep-alive connections, each with one request under way."""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from tests.bench.figures import Void, percentile

HEAD_END = b"\r\n\r\n"
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Load:
    """What came back: how many answers in how many seconds, which statuses, and how long each took."""

    answered: int
    seconds: float
    statuses: dict[str, int]
    milliseconds: Sequence[float]
    sample: str

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    def at(self, share: float) -> float:
        """Return the milliseconds within which a share of the answers came."""
        return percentile(self.milliseconds, share)

    def expect(self, *wanted: int) -> Load:
        """Return the load when every status is one of those wanted; else the run is void."""
        others = {status: count for status, count in self.statuses.items() if int(status) not in wanted}
        if others or not self.answered:
            raise Void(f"answers with status {others or 'none'}: {self.sample}")
        return self


def request(method: str, path: str, token: str, body: Any = None) -> str:
    """Return the bytes of a request, as text."""
    content = "" if body is None else json.dumps(body)
    kind = "Content-Type: application/json\r\n" if content else ""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"{kind}Content-Length: {len(content.encode())}\r\n\r\n{content}"
    )


def drive(port: int, requests: Sequence[str], *, seconds: float = 0, connections: int = 32, once: bool = False) -> Load:
    """Send requests from a process of its own: round and round for some seconds, or each of them once."""
    plan = {"port": port, "requests": list(requests), "seconds": seconds, "connections": connections, "once": once}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"], input=json.dumps(plan), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Void(f"the load generator failed: {done.stderr[-500:]}")
    return Load(**json.loads(done.stdout))


@dataclass
class _Generator:
    port: int
    supply: Iterator[bytes]
    until: float
    selector: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)
    statuses: dict[str, int] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    sample: str = ""
    last: float = 0.0

    def run(self, connections: int) -> None:
        """Open the connections first, so that all of them begin together."""
        opened = [socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS) for _ in range(connections)]
        for connection in opened:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._send(_Exchange(connection))
        while self.selector.get_map():
            ready = self.selector.select(PATIENCE_SECONDS)
            if not ready:
                raise SystemExit("no answer in time")
            for key, _ in ready:
                self._receive(key.data)
        for connection in opened:
            connection.close()

    def _send(self, exchange: _Exchange) -> None:
        content = next(self.supply, None) if time.perf_counter() < self.until else None
        if content is None:
            if exchange.began:
                self.selector.unregister(exchange.connection)
            return
        if not exchange.began:
            self.selector.register(exchange.connection, selectors.EVENT_READ, exchange)
        exchange.received, exchange.began = b"", time.perf_counter()
        exchange.connection.sendall(content)

    def _receive(self, exchange: _Exchange) -> None:
        chunk = exchange.connection.recv(262144)
        if not chunk:
            raise SystemExit("the server closed a connection")
        exchange.received += chunk
        if not exchange.complete:
            return
        self.last = time.perf_counter()
        self.milliseconds.append((self.last - exchange.began) * 1000)
        status = exchange.received[9:12].decode()
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status >= "400" or not self.sample:
            self.sample = exchange.received.partition(HEAD_END)[2][:300].decode(errors="replace")
        self._send(exchange)


@dataclass
class _Exchange:
    connection: socket.socket
    received: bytes = b""
    began: float = 0.0

    @property
    def complete(self) -> bool:
        head, end, body = self.received.partition(HEAD_END)
        if not end:
            return False
        place = head.lower().find(b"content-length:")
        length = int(head[place + 15 :].partition(b"\r\n")[0]) if place >= 0 else 0
        return len(body) >= length


def main() -> None:
    """Read the plan from standard input, follow it, and write what came back."""
    plan = json.load(sys.stdin)
    contents = [text.encode() for text in plan["requests"]]
    began = time.perf_counter()
    until = began + plan["seconds"] if plan["seconds"] else float("inf")
    generator = _Generator(plan["port"], iter(contents) if plan["once"] else cycle(contents), until)
    generator.run(min(plan["connections"], len(contents)) if plan["once"] else plan["connections"])
    print(
        json.dumps(
            {
                "answered": len(generator.milliseconds),
                "seconds": generator.last - began,
                "statuses": generator.statuses,
                "milliseconds": generator.milliseconds,
                "sample": generator.sample,
            }
        )
    )


if __name__ == "__main__":
    main()

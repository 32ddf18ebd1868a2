"""A small generator of HTTP load: threads with kept connections, a steady pace or none, every answer noted."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from praxis_chassis.types import new_id

PATIENCE_SECONDS = 40.0
PARTIAL = "partial"


@dataclass(frozen=True)
class Call:
    """A request that the load repeats; `body` makes a fresh one each time, and a key makes it safe to repeat.

    `raw` are the bytes of a file that is sent instead.
    """

    name: str
    path: str
    method: str = "GET"
    body: Callable[[int], dict[str, Any]] | None = None
    keyed: bool = True
    raw: bytes = b""
    media_type: str = "application/json"


@dataclass(frozen=True)
class Answer:
    """What became of one request; the status is 0 when there was no answer at all, the number is its body's."""

    name: str
    began: float
    seconds: float
    status: int
    problem: str = ""
    number: int = 0

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def ended(self) -> float:
        return self.began + self.seconds


@dataclass
class Load:
    """Repeats calls until the block ends; with `per_second` the pace is kept however slow the answers are."""

    url: str
    token: str
    calls: Sequence[Call]
    threads: int = 8
    per_second: float = 0.0
    seed: int = 20
    answers: list[Answer] = field(default_factory=list)
    reconnects: int = 0
    partial: int = 0

    def __post_init__(self) -> None:
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._count, self._began = 0, 0.0
        self._workers = [threading.Thread(target=self._work, args=(number,)) for number in range(self.threads)]

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for worker in self._workers:
            worker.join()

    def of(self, *names: str) -> list[Answer]:
        """Return the answers to some calls."""
        return [answer for answer in self.answers if answer.name in names]

    def wait_for(self, count: int, seconds: float = 90.0) -> None:
        """Return when that many more requests were answered."""
        goal, deadline = len(self.answers) + count, time.monotonic() + seconds
        while len(self.answers) < goal:
            assert time.monotonic() < deadline, f"{len(self.answers)} of {goal} answers after {seconds:g} s"
            time.sleep(0.02)

    def _work(self, number: int) -> None:
        chance, line = random.Random(self.seed * 1000 + number), _Line(self.url, self.token)
        while not self._stop.is_set():
            due = self._next()
            if self._stop.wait(max(0.0, due - time.monotonic())):
                break
            call = chance.choice(self.calls)
            self._note(line, call, time.monotonic(), chance.getrandbits(60))
        line.close()

    def _next(self) -> float:
        with self._lock:
            self._count += 1
            return self._began + self._count / self.per_second if self.per_second else 0.0

    def _note(self, line: _Line, call: Call, began: float, number: int) -> None:
        try:
            status, problem, fresh = line.send(call, number)
            self.partial += problem == PARTIAL
        except OSError as failure:
            status, problem, fresh = 0, type(failure).__name__, False
        except http.client.HTTPException as failure:
            status, problem, fresh = 0, type(failure).__name__, False
        with self._lock:
            self.reconnects += fresh
            self.answers.append(Answer(call.name, began, time.monotonic() - began, status, problem, number))


class _Line:
    """One kept connection, opened anew when the server has closed it between two requests, as every browser does."""

    def __init__(self, url: str, token: str) -> None:
        self.address = urlsplit(url).netloc
        self.token = token
        self.connection: http.client.HTTPConnection | None = None
        # Loads of one seed send the same bodies, and must not be answered with each other's replies.
        self.run = new_id()

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def send(self, call: Call, number: int) -> tuple[int, str, bool]:
        """Return status, the problem's code, and whether the connection had to be opened anew."""
        used = self.connection is not None
        try:
            return *self._exchange(call, number), False
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as failure:
            self.close()
            # The body leaves after the headers: when its pipe is broken, nobody has got the whole request.
            unsent = isinstance(failure, BrokenPipeError)
            if not used or (call.body is not None and not call.keyed and not unsent):
                raise
            return *self._exchange(call, number), True
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def _exchange(self, call: Call, number: int) -> tuple[int, str]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_SECONDS)
        headers = {"Authorization": f"Bearer {self.token}"}
        body = call.raw if call.body is None else json.dumps(call.body(number)).encode()
        if body:
            headers["Content-Type"] = call.media_type
        if call.body is not None and call.keyed:
            headers["Idempotency-Key"] = f"{self.run}-{number}"
        self.connection.request(call.method, call.path, body or None, headers)
        reply = self.connection.getresponse()
        content = reply.read()
        if reply.will_close:
            self.close()
        return reply.status, _code(content)


def _code(content: bytes) -> str:
    """Return the code of a problem document, or what tells an answer with warnings from a whole one."""
    try:
        document = json.loads(content)
        return PARTIAL if document.get("warnings") else str(document.get("code", ""))
    except ValueError:
        return "no problem document"


def share_ok(answers: Sequence[Answer]) -> float:
    """Return which part of the requests was answered well."""
    return sum(answer.ok for answer in answers) / len(answers)


def failures(answers: Sequence[Answer]) -> Counter[tuple[str, int, str]]:
    """Count what went wrong, by call, status and code."""
    return Counter((answer.name, answer.status, answer.problem) for answer in answers if not answer.ok)


def percentile(answers: Sequence[Answer], percent: float) -> float:
    """Return how many seconds that part of the answers took at most."""
    seconds = sorted(answer.seconds for answer in answers)
    return seconds[min(len(seconds) - 1, int(len(seconds) * percent / 100))] if seconds else 0.0


def outage(answers: Sequence[Answer]) -> float:
    """Return the seconds between the first and the last request that failed."""
    failed = [answer for answer in answers if not answer.ok]
    return max(answer.ended for answer in failed) - min(answer.began for answer in failed) if failed else 0.0

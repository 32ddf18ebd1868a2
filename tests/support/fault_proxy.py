"""A TCP proxy with faults: it delays, falls silent, keeps answers back or cuts, and heals again, on command."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

CHUNK = 65536


class FaultProxy:
    """Listens on loopback and passes bytes on to an address, or to the path of a unix socket."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.delay = 0.0
        self.silent = self.refusing = False
        # Whoever sends these bytes is heard, but never answered again.
        self.unanswered = b""
        self._unanswered: set[socket.socket] = set()
        self.passed = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def heal(self) -> None:
        """Pass everything on at once; connections that were silent are cut, for what they missed is lost."""
        self.delay, self.refusing, self.unanswered = 0.0, False, b""
        if self.silent or self._unanswered:
            self.silent = False
            self.cut()

    def cut(self, *, refuse: bool = False) -> None:
        """Close every connection, and with `refuse` every new one as well, until healed."""
        self.refusing = refuse
        with self._lock:
            ends, self._open, self._unanswered = self._open, set(), set()
        for end in ends:
            _close(end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _close(self._listener)
        self.cut(refuse=True)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                _close(near)
                continue
            threading.Thread(target=self._serve, args=(near,), name="proxy line", daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            far = _connect(self.target)
        except OSError:
            _close(near)
            return
        with self._lock:
            self._open |= {near, far}
        threading.Thread(target=self._pump, args=(near, far), name="proxy there", daemon=True).start()
        self._pump(far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        """Pass bytes on; each direction waits half of the delay, so that a round trip waits all of it."""
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if self.delay:
                    time.sleep(self.delay / 2)
                if self.unanswered and self.unanswered in data:
                    self._unanswered.add(source)
                if not self.silent and sink not in self._unanswered:
                    sink.sendall(data)
                    self.passed += len(data)
        for end in (source, sink):
            _close(end)
        with self._lock:
            self._open -= {source, sink}


def through(url: str, proxy: FaultProxy) -> str:
    """Return a database's address with its unix socket replaced by a proxy."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[0]}@{proxy.address}{parts.path}?sslmode=disable"


def _connect(target: str) -> socket.socket:
    if target.startswith("/"):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end.connect(target)
        return end
    host, _, port = target.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=None)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()

"""Start the parts of Praxis as forks of processes that have loaded what the parts share; on Linux only.

To load it takes each of a dozen processes two seconds of computing on a small machine, and 70 MB that forks share.
One process loads what all parts share; its forks load one part each, side by side, and each start is a fork of those.
Elsewhere, and for everything else, a program is started as usual.

A nursery ends when the process that asked for it is gone, and what it has started is told to stop then.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import IO

SHARED = ("praxis_chassis.app", "praxis_chassis.messaging")
# What a part loads later than it could, because not all of its commands need it.
FURTHER = {"praxis_gateway": ("praxis_gateway.server",)}
PR_SET_PDEATHSIG = 1
# Found before anybody forks: another thread might be looking for a library at that moment.
LIBRARY = ctypes.CDLL(None) if sys.platform == "linux" else None
# Room for what a fork shows as its own words and surroundings in place of those of the nursery.
ROOM, ROOM_BYTES = "PRAXIS_NURSERY_ROOM", 16_384
LONGEST_REQUEST = 1 << 20
STANDARD_ERROR = 2


@dataclass(frozen=True)
class Request:
    """What to run: the words of a command `python -m MODULE …`, all its surroundings, and how it is asked to stop."""

    words: Sequence[str]
    environment: Mapping[str, str]
    stop_signal: int

    @property
    def module(self) -> str:
        return self.words[2]


class Forked:
    """A process that a nursery has started, to be used like the `subprocess.Popen` that it stands for."""

    def __init__(self, told: int, stdout: IO[bytes] | None) -> None:
        os.set_blocking(told, False)
        self.stdout = stdout
        self.returncode: int | None = None
        self._told = told
        weakref.finalize(self, os.close, told)
        self._pid = 0
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """Return its id, after waiting for the nursery to load it."""
        while not self._pid and self.returncode is None:
            self._listen(None)
        if not self._pid:
            raise ProcessLookupError("it ended before it began")
        return self._pid

    def poll(self) -> int | None:
        self._listen(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        latest = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = None if latest is None else latest - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired("a fork", timeout or 0)
            self._listen(left)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self) -> tuple[bytes, None]:
        output = b""
        if self.stdout:
            with self.stdout:
                output = self.stdout.read()
        self.wait()
        return output, None

    def _listen(self, seconds: float | None) -> None:
        """Take in what the nursery tells within so many seconds: the id, later the exit code."""
        hearing = select.poll()
        hearing.register(self._told, select.POLLIN)
        if self.returncode is not None or not hearing.poll(None if seconds is None else seconds * 1000):
            return
        with self._lock, suppress(BlockingIOError):  # another thread may have read it
            told = os.read(self._told, struct.calcsize("i"))
            if not told:
                self.returncode = -signal.SIGTERM  # the nursery is gone, and with it what it had started
            elif not self._pid:
                (self._pid,) = struct.unpack("i", told)
            else:
                (self.returncode,) = struct.unpack("i", told)


@dataclass
class Nursery:
    """A process that has loaded something, and forks on request."""

    process: subprocess.Popen[bytes] | Forked
    control: socket.socket

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def fork(self, request: Request, output: int | IO[bytes], control: socket.socket | None = None) -> Forked:
        """Start a program whose output goes to a file, or into a pipe that can be read from the result.

        Raises an OSError when this nursery has ended.
        """
        heard, told = os.pipe()
        reading, writing = os.pipe() if output == subprocess.PIPE else (-1, _descriptor(output))
        descriptors = [told, writing, *([control.fileno()] if control else [])]
        try:
            socket.send_fds(self.control, [json.dumps(asdict(request)).encode()], descriptors)
        except OSError:
            for descriptor in {heard, reading} - {-1}:
                os.close(descriptor)
            self.process.wait()
            raise
        finally:
            os.close(told)
            if writing != output:
                os.close(writing)
        return Forked(heard, os.fdopen(reading, "rb") if reading >= 0 else None)


class Nurseries:
    """Those of this process: one for what all parts share, and one more for each part that was asked for."""

    def __init__(self, shared: Sequence[str] = SHARED) -> None:
        self.shared = shared
        self.running: dict[str, Nursery] = {}
        self.lock = threading.Lock()

    def fork(self, request: Request, output: int | IO[bytes]) -> Forked:
        with self.lock:
            try:
                return self._of(request.module).fork(request, output)
            except OSError:  # it was killed a moment ago; the next one is new
                return self._of(request.module).fork(request, output)

    def prepare(self) -> None:
        """Begin to load what is shared, so that it is there when the first part is started."""
        with self.lock:
            self._of("")

    def _of(self, module: str) -> Nursery:
        known = self.running.get(module)
        if known is None or not known.alive:
            if known:
                known.control.close()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            loads = [f"{module}.__main__", *FURTHER.get(module, ())] if module else [*self.shared]
            words = [sys.executable, "-m", "praxis_local.nursery", *loads]
            with theirs:
                self.running[module] = Nursery(self._begin(module, words, theirs), ours)
        return self.running[module]

    def _begin(self, module: str, words: list[str], control: socket.socket) -> subprocess.Popen[bytes] | Forked:
        if module:
            request = Request(words, dict(os.environ), signal.SIGTERM)
            return self._of("").fork(request, STANDARD_ERROR, control)
        return subprocess.Popen(
            words,
            env={**os.environ, ROOM: "." * ROOM_BYTES},
            stdin=control.fileno(),
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )


NURSERIES = Nurseries()


def can_fork(words: Sequence[str]) -> bool:
    """Tell whether a program is a part of Praxis, and forks are safe here."""
    ours = list(words[:2]) == [sys.executable, "-m"] and words[2].startswith("praxis_")
    return ours and not words[2].startswith("praxis_local") and sys.platform == "linux"


def die_with_parent(number: int) -> None:
    """Ask Linux for a signal when the thread that started this process is gone."""
    if LIBRARY is not None:
        LIBRARY.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def _descriptor(output: int | IO[bytes]) -> int:
    if output == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDWR)
    return output if isinstance(output, int) else os.dup(output.fileno())


# ── in the nursery ────────────────────────────────────────────────────────────────────────────────────────


def main() -> None:
    """Load what is named, then fork on request; a fork goes on from here as the program that was asked for."""
    began = time.time()
    for name in sys.argv[1:]:
        with suppress(Exception):  # it fails again, and tells, in the fork
            import_module(name)
            if name.endswith(".__main__"):
                del sys.modules[name]
    gc.collect()
    gc.freeze()
    request = serve()
    if request is None:
        return
    if changed_since(began):
        words, environment = list(request.words), dict(request.environment)
        os.execve(words[0], words, environment)  # noqa: S606 -- the launcher's own words, as in any other start
    runpy.run_module(request.module, run_name="__main__", alter_sys=True)


def serve() -> Request | None:
    """Fork for each request from standard input until its other end is closed; return one in the fork itself."""
    control = socket.socket(fileno=os.dup(0))
    woken, waking = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    telling: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap(telling)
        if control.fileno() not in ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(control, LONGEST_REQUEST, 3)
        if not message:
            return None
        told, output, *further = descriptors
        process = os.fork()
        if not process:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            for descriptor in (woken, waking, *telling.values()):
                os.close(descriptor)
            request = Request(**json.loads(message))
            become(request, told, output, *further)
            return request
        telling[process] = told
        for descriptor in (output, *further):
            os.close(descriptor)


def _reap(telling: dict[int, int]) -> None:
    """Tell who waits for it of each process that has ended."""
    with suppress(ChildProcessError):
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            told = telling.pop(process)
            with suppress(OSError):
                os.write(told, struct.pack("i", os.waitstatus_to_exitcode(status)))
            os.close(told)


def become(request: Request, told: int, output: int, source: int | None = None) -> None:
    """Take a session, surroundings, words and files of one's own, as a program that is started anew has them."""
    os.setsid()
    die_with_parent(request.stop_signal)
    with suppress(OSError):
        os.write(told, struct.pack("i", os.getpid()))
    source = os.open(os.devnull, os.O_RDONLY) if source is None else source
    for descriptor, place in ((source, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, place)
    for descriptor in (told, output, source):
        os.close(descriptor)
    os.environ.clear()  # copies them out of the memory that is written to below
    os.environ.update(request.environment)
    time.tzset()
    sys.argv = [sys.argv[0], *request.words[3:]]
    _show(request)


def _show(request: Request) -> None:
    """Let `ps` and `/proc` show what runs here, and not what it was forked from, as far as there is room."""
    ends = [int(field) for field in Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:49]]
    surroundings = [f"{name}={value}" for name, value in request.environment.items()]
    for (start, end), lines in zip((ends[:2], ends[2:]), (request.words, surroundings), strict=True):
        text = b"".join(os.fsencode(line) + b"\0" for line in lines)[: end - start - 1]
        ctypes.memset(start, 0, end - start)
        ctypes.memmove(start, text, len(text))


def changed_since(moment: float) -> bool:
    """Tell whether the source of anything that is loaded was changed, so that it has to be loaded anew."""
    for module in list(sys.modules.values()):
        source = getattr(module, "__file__", None)
        with suppress(OSError):
            if source and Path(source).stat().st_mtime > moment:
                return True
    return False


if __name__ == "__main__":
    main()

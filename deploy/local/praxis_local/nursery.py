"""Start the parts of Praxis as forks of processes that have loaded what the parts share; on Linux only.

To load it takes each of a dozen processes two seconds of computing on a small machine, and 70 MB that forks share.
One process loads what all parts share; its forks load one part each, side by side, and each start is a fork of those.
Elsewhere, and for everything else, a program is started as usual.

A nursery ends when the process that asked for it is gone, and what it has started is told to stop then.
"""

from __future__ import annotations

import atexit
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
STANDARD_ERROR = 2
LONGEST_LOAD_SECONDS, SLICE_SECONDS = 60.0, 0.25
# What is told of a fork: that it has begun, with its id, and that it has ended, with its exit code.
TOLD, BEGUN, ENDED = struct.Struct("ci"), b"b", b"e"


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
    """A process that a nursery has started, with what is used of the `subprocess.Popen` that it stands for."""

    def __init__(self, told: int, stdout: IO[bytes] | None) -> None:
        os.set_blocking(told, False)
        self.stdout = stdout
        self.returncode: int | None = None
        self._told, self._deaf = told, weakref.finalize(self, os.close, told)
        self._pid = 0
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """Return its id, which comes when the nursery has loaded it."""
        latest = time.monotonic() + LONGEST_LOAD_SECONDS
        while not self._pid and self.returncode is None and time.monotonic() < latest:
            self._listen(SLICE_SECONDS)
        if not self._pid:
            raise ProcessLookupError("it has not begun")
        return self._pid

    def poll(self) -> int | None:
        self._listen(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        latest = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            self._listen(min(SLICE_SECONDS, max(0.0, latest - time.monotonic())))
            if self.returncode is not None:
                return self.returncode
            if time.monotonic() >= latest:
                raise subprocess.TimeoutExpired("a fork", timeout or 0)

    def send_signal(self, number: int) -> None:
        """Send a signal; what has not begun ends without one, because nobody listens to it any more."""
        if self.poll() is not None:
            return
        with self._lock:
            if self._pid:
                with suppress(ProcessLookupError):
                    os.kill(self._pid, number)
            else:
                self.returncode = -number
                self._deaf()

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self) -> tuple[bytes, None]:
        output = b""
        if self.stdout:
            with self.stdout:
                output = self.stdout.read()
        self.wait()
        return output, None

    def _listen(self, seconds: float) -> None:
        """Take in all that is told, after waiting so long for it at most; another thread may do the same."""
        if self.returncode is None:
            hearing = select.poll()
            hearing.register(self._told, select.POLLIN)
            hearing.poll(seconds * 1000)
        with self._lock:
            while self.returncode is None:
                try:
                    told = os.read(self._told, TOLD.size)
                except BlockingIOError:
                    return
                # The end means that both are gone: the nursery, and with it what it had started.
                kind, number = TOLD.unpack(told) if told else (ENDED, -signal.SIGTERM)
                if kind == BEGUN:
                    self._pid = number
                else:
                    self.returncode = number


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

        Raises a ConnectionError when this nursery has ended.
        """
        heard, told = os.pipe()
        reading, writing = os.pipe() if output == subprocess.PIPE else (-1, _descriptor(output))
        asked = os.memfd_create("request")  # surroundings may be longer than a message
        with os.fdopen(os.dup(asked), "w") as file:
            json.dump(asdict(request), file)
        descriptors = [told, writing, asked, *([control.fileno()] if control else [])]
        try:
            socket.send_fds(self.control, [b"fork"], descriptors)
        except OSError as failure:
            for descriptor in {heard, reading} - {-1}:
                os.close(descriptor)
            if isinstance(failure, ConnectionError):
                self.process.wait()
            raise
        finally:
            for descriptor in {told, writing, asked} - {output}:
                os.close(descriptor)
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
            except ConnectionError:  # it was killed a moment ago; the next one is new
                return self._of(request.module).fork(request, output)

    def prepare(self) -> None:
        """Begin to load what is shared, so that it is there when the first part is started."""
        with self.lock:
            self._of("")

    def close(self) -> None:
        """Let all of them end, and with them what they have started."""
        with self.lock:
            for nursery in self.running.values():
                nursery.control.close()

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
        environment = {**os.environ, ROOM: "." * ROOM_BYTES}
        if module:
            request = Request(words, environment, signal.SIGTERM)
            return self._of("").fork(request, STANDARD_ERROR, control)
        return subprocess.Popen(
            words,
            env=environment,
            stdin=control.fileno(),
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )


NURSERIES = Nurseries()
atexit.register(NURSERIES.close)


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
        with suppress(Exception, SystemExit):  # it fails again, and tells, in the fork
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
        message, descriptors, _, _ = socket.recv_fds(control, 16, 4)
        if not message:
            return None
        parent, process = os.getpid(), -1
        with suppress(OSError):  # the machine has no room for another process; who asked hears of its end
            process = os.fork()
        if process == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            for descriptor in (woken, waking, *telling.values()):
                os.close(descriptor)
            return become(parent, *descriptors)
        if process > 0:
            telling[process] = descriptors.pop(0)
        for descriptor in descriptors:
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
                os.write(told, TOLD.pack(ENDED, os.waitstatus_to_exitcode(status)))
            os.close(told)


def become(parent: int, told: int, output: int, asked: int, source: int | None = None) -> Request:
    """Take a session, surroundings, words and files of one's own, as a program that is started anew has them.

    `told` stays open as long as this process lives, so that its end is seen also when the nursery ends before it.
    """
    os.lseek(asked, 0, os.SEEK_SET)
    with os.fdopen(asked) as file:
        request = Request(**json.load(file))
    os.setsid()
    die_with_parent(request.stop_signal)
    if os.getppid() != parent:
        raise SystemExit("the nursery is gone")
    os.write(told, TOLD.pack(BEGUN, os.getpid()))
    source = os.open(os.devnull, os.O_RDONLY) if source is None else source
    for descriptor, place in ((source, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, place)
    for descriptor in (output, source):
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request.environment)  # copied out of the memory that is written to below
    time.tzset()
    sys.argv = [sys.argv[0], *request.words[3:]]
    _show(request)
    return request


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
        try:
            # Not the time of its content, which copying tools set back.
            if source and Path(source).stat().st_ctime > moment:
                return True
        except OSError:
            return True
    return False


if __name__ == "__main__":
    main()

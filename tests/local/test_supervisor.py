"""The launcher keeps programs running, gives up on crash loops, stops in order and leaves nobody behind."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from praxis_local import supervisor as module
from praxis_local.logs import Terminal
from praxis_local.processes import APPLICATIONS, DATABASE, Program, StartFailed, hold_port, process_exists, wait_until
from praxis_local.supervisor import Supervisor

STAYS = "import time; print('here', flush=True); time.sleep(600)"


class Screen:
    """Collects what the terminal would show."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, name: str, text: str) -> None:
        self.lines.append(f"{name}: {text}")


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def keeper(tmp_path: Path, screen: Screen) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "logs", screen)
    yield supervisor
    supervisor.stop()


def python(name: str, code: str, tier: int = APPLICATIONS) -> Program:
    return Program(name, [sys.executable, "-c", code], tier=tier, stop_seconds=5)


def watched(supervisor: Supervisor, seconds: float, done: object) -> bool:
    assert callable(done)

    def look() -> bool:
        supervisor.watch()
        return bool(done())

    return wait_until(look, seconds)


def test_a_killed_program_is_started_again(keeper: Supervisor, screen: Screen) -> None:
    keeper.start(python("clinic", STAYS), lambda: True)
    first = keeper.children["clinic"].process.pid
    os.kill(first, signal.SIGKILL)
    assert watched(keeper, 10, lambda: keeper.children["clinic"].process.pid != first)
    assert keeper.children["clinic"].alive
    assert any("exited with -9" in line for line in screen.lines)


def test_a_crash_loop_is_left_stopped_with_its_last_lines(
    keeper: Supervisor, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.01)
    keeper.begin(python("broken", "print('no such table: cats'); raise SystemExit(3)"))
    keeper.children["broken"].delay = 0.01
    keeper.begin(python("fine", STAYS))
    keeper.begin(python("server", "raise SystemExit(3)", DATABASE))
    keeper.children["server"].delay = 0.01
    assert watched(keeper, 20, lambda: keeper.children["broken"].failed)
    assert watched(keeper, 20, lambda: len(keeper.children["server"].exits) == module.LOOP_EXITS)
    assert not keeper.children["server"].failed, "a server is tried until its disk has room again"
    assert any("no such table: cats" in line for line in screen.lines)
    assert keeper.children["fine"].alive


def test_a_program_that_never_gets_ready_fails_the_start_and_says_why(keeper: Supervisor) -> None:
    with pytest.raises(StartFailed, match=r"(?s)slow did not start.*here"):
        keeper.start(python("slow", STAYS), lambda: False, seconds=1.5)


def test_programs_stop_tier_after_tier(tmp_path: Path, screen: Screen) -> None:
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(order)!r}, 'a').write(sys.argv[1] + ' ')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    keeper = Supervisor(tmp_path / "logs", screen)
    for name, tier in (("database", DATABASE), ("service", APPLICATIONS)):
        program = Program(name, [sys.executable, "-c", code, name], tier=tier, stop_seconds=5)
        keeper.start(program, lambda name=name: "ready" in keeper.children[name].sink.tail())
    keeper.stop()
    assert order.read_text().split() == ["service", "database"]


def test_logs_are_kept_as_json_and_warnings_are_shown(keeper: Supervisor, screen: Screen, tmp_path: Path) -> None:
    lines = 'print(\'{"time": "2026-01-05T09:00:00Z", "level": "warning", "message": "late"}\'); print("plain")'
    keeper.start(python("clinic", f"{lines}\n{STAYS}"), lambda: "here" in keeper.children["clinic"].sink.tail())
    kept = [json.loads(line) for line in (tmp_path / "logs" / "clinic.log").read_text().splitlines()]
    assert [record["message"] for record in kept] == ["late", "plain", "here"]
    assert screen.lines == ["clinic: 09:00:00 warning late"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can promise it")
def test_nobody_outlives_a_killed_launcher(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from praxis_local.processes import Program\n"
        "from praxis_local.supervisor import Supervisor\n"
        f"keeper = Supervisor(Path({str(tmp_path)!r}), lambda *_: None)\n"
        f"keeper.begin(Program('child', [sys.executable, '-c', {STAYS!r}]))\n"
        "print(keeper.children['child'].process.pid, flush=True)\n"
        "import time; time.sleep(600)\n"
    )
    launcher = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    child = int(launcher.stdout.readline())
    time.sleep(0.2)
    assert process_exists(child)
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    assert wait_until(lambda: not process_exists(child), 10)


def test_two_launchers_never_share_a_port_and_the_gateway_can_still_listen() -> None:
    with closing(hold_port(21000)) as first, closing(hold_port(first.getsockname()[1])) as second:
        port = first.getsockname()[1]
        assert second.getsockname()[1] > port
        with closing(socket.socket()) as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                stranger.bind(("127.0.0.1", port))
        with closing(socket.socket()) as gateway:
            gateway.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            gateway.bind(("127.0.0.1", port))
            gateway.listen()
            with closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as caller:
                assert caller.getpeername()[1] == port


def test_a_warning_of_many_programs_is_shown_once() -> None:
    screen = io.StringIO()
    terminal = Terminal(screen)
    for second, name in enumerate(("patients", "billing", "claims")):
        terminal(name, f"12:00:0{second} warning the same trouble")
    terminal("claims", "12:00:04 warning another trouble")
    terminal("claims", "12:00:04 warning the same trouble")
    assert [line.partition("warning ")[2] for line in screen.getvalue().splitlines()] == [
        "the same trouble",
        "another trouble",
        "the same trouble",
    ]


def test_a_program_that_was_asked_to_stop_is_started_again_without_counting_as_a_crash(
    keeper: Supervisor, screen: Screen
) -> None:
    ends_well = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); print('on', flush=True)"
    keeper.start(python("clinic", f"{ends_well}; time.sleep(600)"), lambda: True)
    for start in range(1, module.LOOP_EXITS + 2):
        first = keeper.children["clinic"].process.pid
        assert wait_until(lambda start=start: keeper.children["clinic"].sink.tail().count("on") == start, 20)
        os.kill(first, signal.SIGTERM)
        assert watched(keeper, 10, lambda first=first: keeper.children["clinic"].process.pid != first)
    assert not keeper.children["clinic"].failed
    assert not any("restarting in" in line for line in screen.lines)

"""Parts are forks of a process that has loaded them, and nobody who looks at one can tell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from praxis_local.nursery import Nurseries, Request, can_fork
from praxis_local.processes import Program, process_exists, stop, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are safe on Linux only")

TELLS = """
    import json, os, sys
    print(json.dumps([sys.argv[1:], os.environ.get("GIVEN"), os.environ.get("LEFT"), sys.stdin.read(), __name__]))
    print("and this", file=sys.stderr)
"""
SECONDS = 20.0


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A part of Praxis, which the nurseries of this test can load; it tells what it was given."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("LEFT", "nothing")
    source = tmp_path / "praxis_part" / "__main__.py"
    source.parent.mkdir()
    (source.parent / "__init__.py").touch()
    write(source, TELLS)
    return source


@pytest.fixture
def nurseries(part: Path) -> Iterator[Nurseries]:
    made = Nurseries(shared=())
    yield made
    made.close()
    for nursery in made.running.values():
        nursery.process.wait(SECONDS)


def write(source: Path, code: str) -> None:
    """Let a part do something when it is run, and nothing when it is only loaded, as all parts of Praxis do."""
    source.write_text('if __name__ == "__main__":\n    pass\n' + textwrap.indent(textwrap.dedent(code), "    "))


def request(*arguments: str, **environment: str) -> Request:
    words = [sys.executable, "-m", "praxis_part", *arguments]
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH")}
    return Request(words, {**kept, **environment}, signal.SIGTERM)


def said(nurseries: Nurseries, *arguments: str, **environment: str) -> str:
    process = nurseries.fork(request(*arguments, **environment), subprocess.PIPE)
    return process.communicate()[0].decode()


def test_it_gets_its_words_and_surroundings_and_nothing_else(nurseries: Nurseries) -> None:
    told = said(nurseries, "serve", "--soon", GIVEN="a setting").splitlines()
    assert sorted(told) == ['[["serve", "--soon"], "a setting", null, "", "__main__"]', "and this"]
    assert '"__main__"' in said(nurseries)


def test_others_see_what_was_started(part: Path, nurseries: Nurseries) -> None:
    write(part, "import time; time.sleep(60)")
    process = nurseries.fork(request("serve", GIVEN="x" * 300), subprocess.DEVNULL)
    place = Path(f"/proc/{process.pid}")
    assert wait_until(lambda: b"praxis_part\0serve\0" in (place / "cmdline").read_bytes(), SECONDS)
    assert (place / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")[1:] == [b"-m", b"praxis_part", b"serve"]
    surroundings = (place / "environ").read_bytes().rstrip(b"\0").split(b"\0")
    assert b"GIVEN=" + b"x" * 300 in surroundings
    assert not [each for each in surroundings if each.startswith((b"LEFT=", b"PRAXIS_NURSERY"))]
    assert os.getsid(process.pid) == process.pid
    process.kill()
    assert process.wait(SECONDS) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("code", "ends"),
    [("", 0), ("raise SystemExit(3)", 3), ("1 / 0", 1), ("import os; os.kill(os.getpid(), 15)", -15)],
)
def test_it_ends_as_it_does_elsewhere(part: Path, nurseries: Nurseries, code: str, ends: int) -> None:
    write(part, code)
    assert nurseries.fork(request(), subprocess.DEVNULL).wait(SECONDS) == ends
    usual = subprocess.run(request().words, env=dict(request().environment), capture_output=True, check=False)
    assert usual.returncode == ends


def test_what_was_registered_for_the_end_is_done(part: Path, nurseries: Nurseries) -> None:
    write(part, "import atexit; atexit.register(print, 'at the end')")
    assert said(nurseries) == "at the end\n"


def test_a_change_of_the_source_is_in_force_with_the_next_start(part: Path, nurseries: Nurseries) -> None:
    (part.parent / "rules.py").write_text("VALUE = 1")
    part.write_text("from praxis_part import rules\n\nif __name__ == '__main__':\n    print(rules.VALUE)\n")
    assert said(nurseries) == said(nurseries) == "1\n"
    older = part.parent / "rules.old"
    older.write_text("VALUE = 12")
    os.utime(older, (1_700_000_000, 1_700_000_000))
    older.replace(part.parent / "rules.py")
    assert said(nurseries) == "12\n"
    (part.parent / "rules.py").unlink()
    assert "cannot import name 'rules'" in said(nurseries)


def test_what_cannot_be_loaded_says_why_and_starts_once_it_is_mended(part: Path, nurseries: Nurseries) -> None:
    part.write_text("import nothing_of_this_name")
    assert "No module named 'nothing_of_this_name'" in said(nurseries)
    write(part, "print('well')")
    assert said(nurseries) == "well\n"


def test_a_nursery_that_was_killed_takes_its_own_along_and_has_a_successor(part: Path, nurseries: Nurseries) -> None:
    write(part, "import time; time.sleep(60)")
    orphan = nurseries.fork(request(), subprocess.DEVNULL)
    assert process_exists(orphan.pid)
    nurseries.running["praxis_part"].process.kill()
    assert orphan.wait(SECONDS) == -signal.SIGTERM
    assert wait_until(lambda: not process_exists(orphan.pid), SECONDS)
    write(part, TELLS)
    assert "__main__" in said(nurseries)


@pytest.mark.parametrize("whose", ["", "praxis_part"])
def test_what_takes_its_time_to_end_is_not_gone_before(part: Path, nurseries: Nurseries, whose: str) -> None:
    slowly = "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), sys.exit()))"
    write(part, f"import signal, sys, time; {slowly}; print('here', flush=True); time.sleep(60)")
    process = nurseries.fork(request(), subprocess.PIPE)
    assert process.stdout
    with process.stdout:
        process.stdout.readline()
    nurseries.running[whose].process.kill()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.4)
    assert process_exists(process.pid)
    assert process.wait(SECONDS) == -signal.SIGTERM
    assert wait_until(lambda: not process_exists(process.pid), SECONDS)


def test_what_a_nursery_never_starts_can_be_stopped(part: Path, nurseries: Nurseries) -> None:
    assert "__main__" in said(nurseries)
    nursery = nurseries.running["praxis_part"].process
    nursery.send_signal(signal.SIGSTOP)
    process = nurseries.fork(request(), subprocess.PIPE)
    assert process.poll() is None
    stop(process, Program("part", [], stop_seconds=1))
    assert process.returncode == -signal.SIGTERM
    nursery.send_signal(signal.SIGCONT)
    assert "here" not in process.communicate()[0].decode()
    assert "__main__" in said(nurseries)


def test_surroundings_of_any_size_arrive(part: Path, nurseries: Nurseries) -> None:
    write(part, "import os; print(len(os.environ['GIVEN']))")
    assert said(nurseries, GIVEN="x" * 1_000_000) == "1000000\n"


def test_several_may_wait_for_one(part: Path, nurseries: Nurseries) -> None:
    write(part, "import time; time.sleep(0.3); raise SystemExit(7)")
    process, codes = nurseries.fork(request(), subprocess.DEVNULL), list[int]()
    threads = [threading.Thread(target=lambda: codes.append(process.wait(SECONDS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert codes == [7, 7, 7, 7]
    assert process.wait(0) == 7


def test_all_end_with_the_process_that_asked_for_them(part: Path) -> None:
    write(part, "import time; print('here', flush=True); time.sleep(60)")
    code = """
        import os, signal, sys
        from praxis_local.nursery import Nurseries, Request
        nurseries = Nurseries(shared=())
        words = [sys.executable, "-m", "praxis_part"]
        child = nurseries.fork(Request(words, dict(os.environ), signal.SIGTERM), -1)
        child.stdout.readline()
        print(child.pid, *(each.process.pid for each in nurseries.running.values()), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    started = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    processes = [int(number) for number in started.stdout.split()]
    assert (len(processes), started.returncode) == (3, -signal.SIGKILL), started.stderr
    assert wait_until(lambda: not any(map(process_exists, processes)), SECONDS)


def test_many_at_once(nurseries: Nurseries) -> None:
    told: list[str] = []
    threads = [threading.Thread(target=lambda: told.append(said(nurseries, GIVEN="x"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert len(told) == 12
    assert all('"x"' in each for each in told)


def test_only_parts_are_forked() -> None:
    assert can_fork([sys.executable, "-m", "praxis_patients", "serve"])
    assert not can_fork([sys.executable, "-m", "praxis_local", "run"])
    assert not can_fork(["/usr/bin/postgres", "-D", "x"])
    assert not can_fork(["/another/python", "-m", "praxis_patients", "serve"])

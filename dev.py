#!/usr/bin/env python3
"""Run, test and check Praxis; needs nothing but Python 3.11 and this checkout."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "deploy" / "requirements"
LOCK = REQUIREMENTS / "dev.txt"
# What twilio names for a client that we do not use; where nats-py finds it, every process loads it, which takes a sixth
# of its start.
UNWANTED = ("aiohttp", "aiohttp-retry")
# Far more than a part of the tests takes, also on a machine of a third of the speed.
PART_SECONDS = 3600
BYTECODE = VENV / "bytecode"
GENERATED = ROOT / "protos" / "build" / "generated"
SERVICES = ("patients", "scheduling", "billing", "claims", "reporting")
SOURCE_FOLDERS = (
    "protos/build/generated",
    *(f"services/{name}" for name in ("chassis", *SERVICES)),
    "gateway",
    "deploy/local",
    "tests/support/chsim",
)


def main(arguments: Sequence[str]) -> int:
    commands = {
        "run": (run, "start everything and print the address, the logins and a test key"),
        "test": (test, "run the tests; arguments go to pytest"),
        "lint": (lint, "run every check that needs no running system"),
        "bench": (bench, "measure against limits and peers: bench [row …] [--json FILE] [--quick]"),
        "lock": (lock, "resolve deploy/requirements/*.in again"),
        "migrate": (migrate, "bring every database of .praxis/ to the newest schema"),
        "revision": (revision, "write a migration: revision SERVICE MESSAGE"),
        "proto": (proto, "generate the code of the contracts"),
        "praxis": (praxis, "the command line: praxis doctor, status, logs, psql, import …"),
    }
    parser = argparse.ArgumentParser(prog="dev.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=commands, help="\n".join(f"{k:9} {v[1]}" for k, v in commands.items()))
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="passed on")
    chosen = parser.parse_args(arguments)
    os.chdir(ROOT)
    keep_bytecode()
    set_up()
    return commands[chosen.command][0](chosen.rest)


def run(rest: Sequence[str]) -> int:
    return replace_process("-m", "praxis_local", "run", *rest)


def praxis(rest: Sequence[str]) -> int:
    return replace_process("-m", "praxis_local", *rest)


def migrate(rest: Sequence[str]) -> int:
    return replace_process("-m", "praxis_local", "migrate", *rest)


def revision(rest: Sequence[str]) -> int:
    return replace_process("-m", "praxis_local", "revision", *rest)


def lint(rest: Sequence[str]) -> int:
    return replace_process("-m", "praxis_local.lint", *rest)


def bench(rest: Sequence[str]) -> int:
    return replace_process("-m", "tests.bench", *rest)


def test(rest: Sequence[str]) -> int:
    """Run pytest as asked, or in three parts: what may run together, what wants the machine, what needs containers."""
    if "--containers" in rest:
        further = [argument for argument in rest if argument != "--containers"]
        return replace_process("-m", "pytest", "tests/containers", *further)
    if rest:
        return replace_process("-m", "pytest", *rest)
    pytest: list[str | Path] = [PYTHON, "-m", "pytest", "--durations=20"]
    # A worker that died is not replaced: the newcomer may wait for work for ever.
    spread = ["-n", "2", "--no-loadscope-reorder", "--max-worker-restart=0"]
    together = call_bounded(*pytest, *spread, "--ignore=tests/containers", "-m", "not alone")
    alone = call_bounded(*pytest, "--ignore=tests/containers", "-m", "alone")
    contained = call_bounded(*pytest, "tests/containers")
    return together or alone or contained


def proto(rest: Sequence[str]) -> int:
    return call(PYTHON, "protos/codegen.py", *rest)


def lock(rest: Sequence[str]) -> int:
    """Resolve the requirements; the options keep registry addresses out of the files."""
    options = ["--universal", "--python-version", "3.11", "--generate-hashes"]
    options += ["--no-emit-index-url", "--no-annotate", "--no-header", "--quiet", *rest]
    for name in UNWANTED:
        options += ["--no-emit-package", name]
    for name in ("service", "gateway", "image", "build", "dev"):
        source, target = REQUIREMENTS / f"{name}.in", REQUIREMENTS / f"{name}.txt"
        code = call(VENV / "bin" / "uv", "pip", "compile", *options, str(source), "-o", str(target))
        if code:
            return code
    return 0


def set_up() -> None:
    """Make the environment what the lock and the contracts say; does nothing when it already is."""
    if sys.version_info < (3, 11):  # noqa: UP036 -- any python3 may start this file
        raise SystemExit(f"Praxis needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    if not PYTHON.exists():
        step("Creating .venv", sys.executable, "-m", "venv", str(VENV))
    when_changed(VENV / "praxis-lock.sha256", [LOCK], install_requirements)
    link_sources()
    contracts = sorted((ROOT / "protos" / "praxis").rglob("*.proto"))
    when_changed(GENERATED / "contracts.sha256", [ROOT / "protos" / "codegen.py", LOCK, *contracts], generate)


def keep_bytecode() -> None:
    """Let all our processes share what one of them has compiled, which is most of the time that they take to start.

    Some machines are told to write no bytecode, so that none lies among the sources; in the environment it may lie.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(BYTECODE))


def install_requirements() -> None:
    """Install the lock, which is complete; uv, itself taken from it by hash, does so several times faster than pip."""
    installer = VENV / "bin" / "uv"
    if not installer.exists():
        excerpt = VENV / "uv.txt"
        excerpt.write_text(locked_entry("uv"))
        pip = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
        pip += ["--require-hashes"]
        if call(*pip, "-r", str(excerpt)):
            step("Installing requirements with pip", *pip, "-r", str(LOCK))
            return
    options = ["--python", str(PYTHON), "--no-deps", "--require-hashes", "--quiet"]
    step("Installing requirements", str(installer), "pip", "install", *options, "-r", str(LOCK))
    call(str(installer), "pip", "uninstall", "--python", str(PYTHON), "--quiet", *UNWANTED)  # of an older lock


def locked_entry(name: str) -> str:
    found = re.search(rf"^{name}==.*?(?=^\S|\Z)", LOCK.read_text(), re.DOTALL | re.MULTILINE)
    if not found:
        raise SystemExit(f"{LOCK} has no entry for {name}. Run `python3 dev.py lock` on a working checkout.")
    return found.group()


def link_sources() -> None:
    """Put our packages on the path of the environment; a path file survives moves of single packages."""
    folder = next((VENV / "lib").glob("python3.*")) / "site-packages"
    wanted = "".join(f"{ROOT / source}\n" for source in SOURCE_FOLDERS)
    target = folder / "praxis_dev.pth"
    if not target.exists() or target.read_text() != wanted:
        target.write_text(wanted)


def generate() -> None:
    step("Generating code from the contracts", str(PYTHON), "protos/codegen.py")


def when_changed(stamp: Path, sources: Sequence[Path], action: Callable[[], None]) -> None:
    """Run the action unless the stamp shows that the sources are those of the last run."""
    digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in sources)).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    action()
    stamp.write_text(digest)


def step(label: str, *command: str) -> None:
    """Run one part of the set-up with a line that says what and how long; stop when it fails."""
    began = time.monotonic()
    if sys.stdout.isatty():
        print(f"… {label}", end="\r", flush=True)
    code = call(*command)
    print(f"{'✗' if code else '✓'} {label:40} {time.monotonic() - began:5.1f} s", flush=True)
    if code:
        raise SystemExit(f"{label} failed: {' '.join(command)}")


def call(*command: str | Path) -> int:
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=False).returncode


def call_bounded(*command: str | Path) -> int:
    """Run a part of the tests; one that hangs is interrupted as by Ctrl-C, so that it says where it was."""
    with subprocess.Popen([str(part) for part in command], cwd=ROOT) as process:
        try:
            return process.wait(PART_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"✗ not done after {PART_SECONDS // 60} minutes, stopped", flush=True)
            process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
    return 1


def replace_process(*arguments: str) -> int:
    """Become the program, so that Ctrl-C and exit codes are its own."""
    os.execv(PYTHON, [str(PYTHON), *arguments])  # noqa: S606 -- the program is our own interpreter


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The environment of the clearinghouse simulator, apart from ours because it shares no code with Praxis."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from praxis_local.processes import StartFailed
from praxis_local.topology import CHECKOUT

FOLDER = CHECKOUT / "tests" / "support" / "chsim"


def environment() -> Path | None:
    """Return the simulator's interpreter, made on first use; None when this checkout has no simulator."""
    lock = FOLDER / "requirements.txt"
    if not lock.exists():
        return None
    target = FOLDER / "build" / "venv"
    python, stamp = target / "bin" / "python", target / "lock.sha256"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    target.parent.mkdir(exist_ok=True)
    with (target.parent / "venv.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # whoever starts beside us would clear what is being installed
        if not stamp.exists() or stamp.read_text() != wanted:
            _run([sys.executable, "-m", "venv", "--clear", *(["--without-pip"] if _uv() else []), str(target)])
            _install(python, lock)
            stamp.write_text(wanted)
    return python


def _install(python: Path, lock: Path) -> None:
    if uv := _uv():
        _run([uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(python), "-r", str(lock)])
    else:
        _run([str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)])


def _uv() -> str | None:
    return shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"The simulator's environment could not be made:\n{done.stderr or done.stdout}")

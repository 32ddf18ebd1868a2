"""Runs the simulator as users do: as a process that watches folders."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any


class Simulator:
    """A running `python -m chsim` and its folders."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process: subprocess.Popen[str] | None = None
        self._url = ""

    def start(self, *options: str) -> None:
        """Starts the process and waits until it says where it listens."""
        command = [sys.executable, "-m", "chsim", "--dir", str(self.directory), "--http", "127.0.0.1:0"]
        command += ["--poll-seconds", "0.02", "--clock", "2026-01-05T09:00", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._url = self._process.stdout.readline().split()[-1]

    def kill(self) -> None:
        """Ends the process without a warning."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def drop(self, name: str, data: bytes) -> None:
        """Puts a file into the inbound folder, as a careful sender does."""
        inbound = self.directory / "in"
        inbound.mkdir(parents=True, exist_ok=True)
        half = inbound / f"{name}.tmp"
        half.write_bytes(data)
        half.replace(inbound / name)

    def wait(self, seconds: float = 90) -> None:
        """Waits until every dropped file was taken in and its answers laid out."""
        deadline = time.monotonic() + seconds
        while any((self.directory / "in").iterdir()):
            assert time.monotonic() < deadline, "the simulator left files in its inbound folder"
            time.sleep(0.02)
        self.call("POST", "/admin/clock", {"advance": 0})

    def files(self, folder: str) -> dict[str, bytes]:
        """Answers of one kind by name."""
        return {path.name: path.read_bytes() for path in sorted((self.directory / "out" / folder).iterdir())}

    def answers(self, folder: str) -> list[bytes]:
        """Answers of one kind, oldest first."""
        return list(self.files(folder).values())

    def call(self, method: str, path: str, body: dict[str, object] | None = None) -> Any:
        """Calls the HTTP door."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def ledger(self) -> dict[str, Any]:
        """The simulator's own books by claim number."""
        return {claim["claim_number"]: claim for claim in self.call("GET", "/admin/ledger")["claims"]}

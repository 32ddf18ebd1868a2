"""`praxis run`: bring everything up in order, say where it is, keep it running, take it down in order."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from praxis_local import simulator
from praxis_local.authority import Authority
from praxis_local.backup.keeper import Keeper
from praxis_local.demo.load import load_demo
from praxis_local.home import Home, write_private
from praxis_local.logs import Terminal
from praxis_local.migrate import migrate
from praxis_local.nats import Nats, jetstream_answers
from praxis_local.postgres import Postgres
from praxis_local.processes import StartFailed, hold_port, launch, prepare
from praxis_local.progress import Progress
from praxis_local.provision import DATABASES, provision
from praxis_local.supervisor import Supervisor
from praxis_local.topology import COMMAND, GATEWAY, SERVICES, Ports, Topology, answers, clearinghouse, devtrace


@dataclass(frozen=True)
class Options:
    """What `praxis run` was asked for."""

    home: Path
    port: int = 8080
    demo: bool = True
    ready_file: Path | None = None
    only: Sequence[str] = ()
    scale: Mapping[str, int] = field(default_factory=dict)
    verbose: bool = False
    trace: bool = False

    @property
    def services(self) -> list[str]:
        return [name for name in SERVICES if not self.only or name in self.only]

    @property
    def gateway(self) -> bool:
        return not self.only or GATEWAY in self.only


@dataclass
class Launcher:
    """One run from the first line to the last."""

    options: Options
    progress: Progress = field(default_factory=Progress)
    stopping: threading.Event = field(default_factory=threading.Event)
    interrupted: bool = False

    def __post_init__(self) -> None:
        self.home = Home(self.options.home)
        self.supervisor = Supervisor(self.home.logs, Terminal(), verbose=self.options.verbose)
        self.keeper: Keeper | None = None

    def run(self) -> None:
        """Come up, stay up until a signal, go down."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)
        self.home.open()
        self._certificates()
        self.door = hold_port(self.options.port)
        if self.options.ready_file:
            self.options.ready_file.unlink(missing_ok=True)
        try:
            self._come_up()
            self.supervisor.run(self.stopping)
        except KeyboardInterrupt:
            pass
        finally:
            self._go_down()

    def _interrupt(self, _number: int, _frame: object) -> None:
        # No Event here: the signal may have come while this very thread holds the Event's lock.
        if not self.interrupted:
            self.interrupted = True
            raise KeyboardInterrupt

    def _come_up(self) -> None:
        prepare()
        admin_url = self._database()
        nats_url = self._bus()
        databases = provision(admin_url, DATABASES, self.home.passwords)
        ports = Ports.choose(self.door.getsockname()[1], self.options.scale)
        topology = Topology(self.home, ports, databases, nats_url, self._devtrace())
        parts = [*self.options.services, *([GATEWAY] if self.options.gateway else [])]
        with self.progress.part("Databases") as notes:
            moved = migrate(topology, admin_url, parts)
            notes.append(f"migrated {', '.join(moved)}" if moved else "already at this level")
        self._back_up(admin_url)
        self._services(topology)
        self._write_state(topology, admin_url)
        if self.options.gateway:
            self._gateway(topology)
            self._finish(topology)

    def _certificates(self) -> None:
        """Issue what is due before anybody starts, and go on while we run."""
        authority, tell = Authority(self.home.certificates), partial(self.supervisor.terminal, "authority")
        authority.renew()
        threading.Thread(target=authority.watch, args=(self.stopping, tell), name="authority", daemon=True).start()

    def _back_up(self, admin_url: str) -> None:
        """Carry what happens to the backups, if there are any; it begins before the first change."""
        self.keeper = Keeper(self.home, admin_url, partial(self.supervisor.terminal, "backup"))
        threading.Thread(target=self.keeper.watch, args=(self.stopping,), name="backup", daemon=True).start()

    def _database(self) -> str:
        given = os.environ.get("PRAXIS_DATABASE_URL")
        with self.progress.part("PostgreSQL") as notes:
            if given:
                notes.append("the server named by PRAXIS_DATABASE_URL")
                return given
            server = Postgres(self.home.folder)
            server.prepare()
            server.await_predecessor()
            self.supervisor.start(server.program(), server.ready)
            notes.append("embedded, over a unix socket")
            return server.admin_url

    def _bus(self) -> str:
        given = os.environ.get("PRAXIS_NATS_URL")
        with self.progress.part("NATS JetStream") as notes:
            if given:
                if not jetstream_answers(given):
                    raise StartFailed("The server named by PRAXIS_NATS_URL does not answer for JetStream.")
                notes.append("the server named by PRAXIS_NATS_URL")
                return given
            server = Nats(self.home.folder)
            server.prepare()
            self.supervisor.start(server.program(), server.ready)
            notes.append(f"embedded, port {server.port}")
            return server.url

    def _devtrace(self) -> str:
        """Start the viewer of traces, if it was asked for, before anybody has a span to send."""
        if not self.options.trace:
            return ""
        with self.progress.part("devtrace") as notes:
            program, url = devtrace()
            self.supervisor.start(program, lambda: answers(url))
            notes.append(url)
        return url

    def _services(self, topology: Topology) -> None:
        parts = [part for name in self.options.services for part in topology.ports.replicas(name)]
        for part in parts:
            self.supervisor.begin(topology.service(part))
        if self.options.gateway:
            self.supervisor.begin(topology.gateway())
            self.supervisor.begin(topology.gateway_worker())
        for part in parts:
            with self.progress.part(part) as notes:
                self.supervisor.await_ready(part, topology.ready(part))
                notes.append(f"port {topology.ports.calls[part]}")

    def _gateway(self, topology: Topology) -> None:
        with self.progress.part(GATEWAY) as notes:
            for name in (GATEWAY, f"{GATEWAY}-work"):
                self.supervisor.await_ready(name, topology.ready(name))
            notes.append(f"port {topology.ports.gateway}")
            if topology.ports.gateway != self.options.port:
                notes.append(f"{self.options.port} is taken")

    def _finish(self, topology: Topology) -> None:
        """Load the demo or make a setup token, then tell people and scripts."""
        url = f"http://127.0.0.1:{topology.ports.gateway}"
        content: dict[str, Any] = {"url": url, "practices": []}
        if self.options.demo:
            self._clearinghouse()
            with self.progress.part("Demo practices") as notes:
                new_tokens = partial(setup_tokens, topology)
                content["practices"] = self._watched(lambda: load_demo(url, self.home, new_tokens, notes))
        else:
            [content["setup_token"]] = setup_tokens(topology, 1)
        self._tell(url, content, topology.devtrace_url)
        if self.options.ready_file:
            write_private(self.options.ready_file, content)

    def _watched(self, work: Callable[[], Any]) -> Any:
        """Do long work beside the watch, because only this thread may restart a child."""
        result: list[Any] = []
        failure: list[BaseException] = []

        def attempt() -> None:
            try:
                result.append(work())
            except BaseException as error:  # noqa: BLE001 -- raised again in the thread that waits
                failure.append(error)

        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(0.2)
            self.supervisor.watch()
        if failure:
            raise failure[0]
        return result[0]

    def _clearinghouse(self) -> None:
        with self.progress.part("Clearinghouse") as notes:
            python = simulator.environment()
            if python is None:
                notes.append("left out: tests/support/chsim is not in this checkout")
                return
            program = clearinghouse(self.home, python)
            self.supervisor.start(program, (self.home.clearinghouse / "in").is_dir)
            notes.append("simulated, over folders")

    def _write_state(self, topology: Topology, admin_url: str) -> None:
        state = {
            "pid": os.getpid(),
            "url": f"http://127.0.0.1:{topology.ports.gateway}",
            "admin_url": admin_url,
            "nats_url": topology.nats_url,
            "devtrace": topology.devtrace_url,
            "calls": dict(topology.ports.calls),
            "probes": {
                name: topology.probe(name) for name in self.supervisor.children if name in topology.ports.probes
            },
        }
        write_private(self.home.state_file, state)

    def _tell(self, url: str, content: dict[str, Any], devtrace_url: str) -> None:
        lines = [f"API         {url}/v1   reference {url}/docs"]
        if devtrace_url:
            lines.append(f"Traces      {devtrace_url}")
        for practice in content["practices"]:
            lines.append(f"{practice['name']} ({practice['kind']})   key {practice['api_key']}")
            lines += [f"   {user['role']:<14} {user['email']:<38} {user['password']}" for user in practice["users"]]
        if "setup_token" in content:
            lines.append(f"Setup token {content['setup_token']}   (once, for POST /v1/tenants)")
        lines.append(f"Stop Ctrl-C · Logs {COMMAND} logs -f claims · Trouble? {COMMAND} doctor")
        self.progress.box("Praxis is ready", lines)

    def _go_down(self) -> None:
        self.stopping.set()
        if self.supervisor.children:
            self.progress.say("Stopping …")
        self.supervisor.stop()
        if self.keeper:
            self.keeper.finish()
        self.door.close()
        self.home.close()


def setup_tokens(topology: Topology, count: int) -> list[str]:
    """Ask the gateway's own command for one-time tokens, each of which lets one practice be created."""
    process = launch(topology.command(GATEWAY, "setup-token", str(count)), subprocess.PIPE)
    output, _ = process.communicate()
    lines = output.decode(errors="replace").strip().splitlines()
    if process.returncode or len(lines) < count:
        raise StartFailed("The gateway made no setup token:\n" + "\n".join(lines[-20:]))
    return lines[-count:]

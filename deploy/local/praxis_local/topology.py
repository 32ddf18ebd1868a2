"""Which programs make up Praxis on one machine, and the environment that each of them gets."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from praxis_local.home import Home
from praxis_local.processes import BUS, Program, free_port, free_ports
from praxis_local.provision import DatabaseUrls

SERVICES = ("patients", "scheduling", "billing", "claims", "reporting")
GATEWAY = "gateway"
CLEARINGHOUSE = "clearinghouse"
CHECKOUT = Path(__file__).resolve().parents[3]
# How people call the command line: by the task runner in a checkout, by its own name where it is installed.
COMMAND = "python3 dev.py praxis" if (CHECKOUT / "dev.py").exists() else "praxis"


@dataclass(frozen=True)
class Ports:
    """Loopback ports of this run; only the gateway's is chosen by people."""

    gateway: int
    calls: Mapping[str, int]
    probes: Mapping[str, int]

    @classmethod
    def choose(cls, gateway: int, scale: Mapping[str, int] | None = None) -> Ports:
        """Choose the ports of all parts but the gateway; more replicas are parts of their own, such as `patients-2`."""
        more = (f"{name}-{number}" for name, count in (scale or {}).items() for number in range(2, count + 1))
        parts = (*SERVICES, *more)
        others = free_ports(2 * len(parts) + 1)
        calls = dict(zip(parts, others, strict=False))
        probes = dict(zip((*parts, GATEWAY), others[len(parts) :], strict=True))
        return cls(gateway=gateway, calls=calls, probes=probes)

    def replicas(self, service: str) -> list[str]:
        """Return the parts that answer calls of a service."""
        return [part for part in self.calls if service_of(part) == service]

    def target(self, service: str) -> str:
        """Return the address of a service for clients, which spread their calls over its replicas."""
        addresses = [f"127.0.0.1:{self.calls[part]}" for part in self.replicas(service)]
        return addresses[0] if len(addresses) == 1 else f"ipv4:{','.join(addresses)}"


@dataclass(frozen=True)
class Topology:
    """Turns addresses and folders into programs."""

    home: Home
    ports: Ports
    databases: Mapping[str, DatabaseUrls]
    nats_url: str
    devtrace_url: str = ""

    def environment(self, name: str) -> dict[str, str]:
        """Return the settings of a service, or of the gateway, whose database is called identity."""
        service = service_of(name)
        urls = self.databases["identity" if name == GATEWAY else service]
        listen = self.ports.gateway if name == GATEWAY else self.ports.calls[name]
        return {
            "PRAXIS_DATABASE_URL": urls.app,
            "PRAXIS_DATABASE_OWNER_URL": urls.owner,
            "PRAXIS_DATABASE_RELAY_URL": urls.relay,
            "PRAXIS_NATS_URL": self.nats_url,
            "PRAXIS_LISTEN": f"127.0.0.1:{listen}",
            "PRAXIS_PROBE_LISTEN": f"127.0.0.1:{self.ports.probes[name]}",
            **{f"PRAXIS_{peer.upper()}_TARGET": self.ports.target(peer) for peer in SERVICES},
            "PRAXIS_TLS_DIR": str(self.home.certificates / service),
            "PRAXIS_TOKEN_PUBLIC_KEY_FILE": str(self.home.public_key),
            "PRAXIS_TOKEN_PRIVATE_KEY_FILE": str(self.home.private_key),
            "PRAXIS_KEYS_FILE": str(self.home.keys_file),
            "PRAXIS_FILES_DIR": str(self.home.files),
            "PRAXIS_CLEARINGHOUSE_DIR": str(self.home.clearinghouse),
            "PRAXIS_LOG_FORMAT": "json",
            # The gateway needs a moment to go over to another replica; where there is none, there is nothing to notice.
            "PRAXIS_DRAIN_SECONDS": "1" if len(self.ports.replicas(service)) > 1 else "0",
            **(telemetry(self.devtrace_url) if self.devtrace_url else {}),
        }

    def service(self, name: str) -> Program:
        """Return a replica of a service: the first one also works, the others only answer calls."""
        return self._program(name, name, "all" if name in SERVICES else "serve")

    def gateway(self) -> Program:
        return self._program(GATEWAY, GATEWAY, "serve")

    def gateway_worker(self) -> Program:
        return self._program(f"{GATEWAY}-work", GATEWAY, "work")

    def command(self, name: str, *arguments: str) -> Program:
        """Return a command of one service that ends by itself, such as `migrate`."""
        return self._program(name, name, *arguments)

    def probe(self, name: str) -> str:
        if name == GATEWAY:
            return f"http://127.0.0.1:{self.ports.gateway}/readyz"
        port = self.ports.probes[GATEWAY if name == f"{GATEWAY}-work" else name]
        return f"http://127.0.0.1:{port}/readyz"

    def probes(self, name: str) -> bool:
        """Tell whether a program answers probes; the servers and the simulator do not."""
        return name.removesuffix("-work") in self.ports.probes

    def ready(self, name: str) -> Callable[[], bool]:
        return lambda: answers(self.probe(name))

    def _program(self, title: str, name: str, *arguments: str) -> Program:
        return Program(
            name=title,
            arguments=[sys.executable, "-m", f"praxis_{service_of(name)}", *arguments],
            environment=self.environment(name),
        )


def telemetry(url: str) -> dict[str, str]:
    """Return the settings that send every trace to a viewer, soon, and never wait for it long."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "OTEL_BSP_MAX_QUEUE_SIZE": "20000",
        "OTEL_BLRP_SCHEDULE_DELAY": "500",
        "OTEL_METRIC_EXPORT_INTERVAL": "2000",
        "PRAXIS_TRACE_SAMPLE_RATIO": "1",
        # A proxy of this machine has no business with what stays on it.
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1"])),
    }


def devtrace() -> tuple[Program, str]:
    """Return the viewer of traces and its address; it stops after those who send to it."""
    port = free_port()
    arguments = [sys.executable, "-m", "praxis_local.devtrace", str(port)]
    return Program(name="devtrace", arguments=arguments, stop_seconds=5, tier=BUS), f"http://127.0.0.1:{port}"


def service_of(part: str) -> str:
    """Return the service that a part is a replica of; the gateway is one of its own."""
    return part.rstrip("0123456789").removesuffix("-")


def clearinghouse(home: Home, python: Path) -> Program:
    """Return the simulator that answers claims of the demo; it runs in an environment of its own."""
    folder = CHECKOUT / "tests" / "support" / "chsim"
    return Program(
        name=CLEARINGHOUSE,
        arguments=[str(python), "-m", "chsim", "--dir", str(home.clearinghouse)],
        environment={"PYTHONPATH": str(folder)},
        directory=home.clearinghouse,
        stop_seconds=5,
    )


def answers(url: str) -> bool:
    """Tell whether an address answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False

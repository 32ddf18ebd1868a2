"""The PostgreSQL and NATS that tests run on: embedded, in containers, or servers that somebody else runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from praxis_local.nats import Nats
from praxis_local.postgres import Postgres
from praxis_local.topology import CHECKOUT

LOCALE = "--locale-provider=builtin --locale=C.UTF-8"


@dataclass(frozen=True)
class Servers:
    """Where the servers are; the embedded ones themselves, where tests may stop them."""

    admin_url: str
    nats_url: str
    embedded: tuple[Postgres, Nats] | None = None


@contextmanager
def servers(home: Path) -> Iterator[Servers]:
    """Start the servers that PRAXIS_TEST_BACKEND names, and stop them at the end."""
    backend = os.environ.get("PRAXIS_TEST_BACKEND", "embedded")
    if backend not in BACKENDS:
        raise ValueError(f"PRAXIS_TEST_BACKEND={backend!r}; the backends are {', '.join(BACKENDS)}")
    with BACKENDS[backend](home) as found:
        yield found


@contextmanager
def _embedded(home: Path) -> Iterator[Servers]:
    with Postgres(home, fast=True) as postgres, Nats(home) as nats:
        yield Servers(postgres.admin_url, nats.url, (postgres, nats))


@contextmanager
def _docker(home: Path) -> Iterator[Servers]:
    """Start containers of this test process; what an aborted run left behind is removed first."""
    from support.engine import labels, needed, remove_leftovers
    from testcontainers.community.nats import NatsContainer
    from testcontainers.community.postgres import PostgresContainer

    needed()
    remove_leftovers()
    names = image_names()
    postgres = PostgresContainer(names["POSTGRES_IMAGE"], driver=None).with_kwargs(labels=labels(), shm_size="256m")
    postgres.with_env("POSTGRES_INITDB_ARGS", LOCALE).with_command("postgres -c fsync=off -c max_connections=300")
    nats = NatsContainer(names["NATS_IMAGE"], jetstream=True).with_kwargs(labels=labels())
    with postgres, nats:
        yield Servers(postgres.get_connection_url(), nats.nats_uri())


@contextmanager
def _external(home: Path) -> Iterator[Servers]:
    """Use servers that run already; one test process at a time, because consumers are named after services."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        raise ValueError("PRAXIS_TEST_BACKEND=external serves one test process: run `dev.py test -n 0`")
    yield Servers(os.environ["PRAXIS_TEST_DATABASE_URL"], os.environ["PRAXIS_TEST_NATS_URL"])


BACKENDS = {"embedded": _embedded, "docker": _docker, "external": _external}


def image_names() -> dict[str, str]:
    """Return the names of the images that the compose file uses."""
    lines = (CHECKOUT / "deploy" / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

"""Migrate several databases side by side, forked from one process that has loaded what services share.

Each loading it by itself, for a moment of work, was most of what a first start on a small machine computed.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection

from praxis_chassis import app
from praxis_chassis.boundary import PolicyMissing
from praxis_chassis.machine import collect_rarely
from praxis_chassis.service import Runtime, Service
from praxis_chassis.settings import SettingsError
from praxis_local.migrate import GIVEN

TOLD_LINES = 20


def main() -> None:
    """Migrate what the environment names, and print why, for each that failed; the others are not held up by it."""
    given: dict[str, dict[str, str]] = json.loads(os.environ[GIVEN])
    for name in given:
        with suppress(Exception):  # it fails again, and tells, where only this service is hurt
            load(name)
    # Elsewhere libraries that were loaded may not survive a fork; there each loads its own, as any process does.
    ways = get_context("fork") if sys.platform == "linux" else get_context("spawn")
    collect_rarely()
    running = {}
    for name, settings in given.items():
        here, there = ways.Pipe(duplex=False)
        running[name] = ways.Process(target=attempt, args=(name, settings, there)), here, there
        running[name][0].start()
    failures = {}
    for name, (process, here, _) in running.items():
        process.join()
        if here.poll():
            failures[name] = here.recv()
        elif process.exitcode:
            failures[name] = f"It ended with {process.exitcode}."
    print(json.dumps(failures))


def load(name: str) -> Service:
    """Return a service, or the one that lives in the gateway."""
    service: Service = import_module(f"praxis_{name}{'.identity' if name == 'gateway' else ''}.service").service
    return service


def attempt(name: str, settings: Mapping[str, str], answer: Connection) -> None:
    """Migrate one database, or tell why not."""
    try:
        service = load(name)
        app.migrate(Runtime(service, service.settings.from_environment({**os.environ, **settings})))
    except (SettingsError, PolicyMissing) as failure:
        answer.send(str(failure))
    except Exception:  # noqa: BLE001 -- whatever it is, it is told
        answer.send("\n".join(traceback.format_exc().splitlines()[-TOLD_LINES:]))


if __name__ == "__main__":
    main()

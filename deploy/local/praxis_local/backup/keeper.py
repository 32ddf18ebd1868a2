"""Backups while the installation runs: ship all the time, make a whole one each day, and prove that it restores."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import psycopg

from praxis_chassis import clock
from praxis_local.backup.base import identity, is_own, take
from praxis_local.backup.plan import Plan, plan_of, switch_often
from praxis_local.backup.ship import Shipper
from praxis_local.backup.store import Busy
from praxis_local.home import Home
from praxis_local.processes import StartFailed

SHIP_SECONDS, LOOK_SECONDS = 1.0, 60.0
DAY = timedelta(hours=24)


class Keeper:
    """Watches one running installation; without a plan it does nothing."""

    def __init__(self, home: Home, admin_url: str, tell: Callable[[str], None]) -> None:
        self.home, self.admin_url, self.tell = home, admin_url, tell
        self.looked, self.complaint = 0.0, ""

    def watch(self, stopping: threading.Event) -> None:
        """Work until told to stop; what fails is told once and tried again."""
        while not stopping.wait(SHIP_SECONDS):
            self._attempt(self._step)

    def finish(self) -> None:
        """Ship the last segments, which the server left when it stopped."""
        self._attempt(lambda plan: Shipper(plan).segments())

    def _attempt(self, step: Callable[[Plan], object]) -> None:
        plan = plan_of(self.home)
        if plan is None:
            return
        try:
            step(plan)
            self.complaint = ""
        except Busy:
            return
        except (OSError, StartFailed, psycopg.Error) as failure:
            if str(failure) != self.complaint:
                self.tell(f"backups do not work: {failure}")
            self.complaint = str(failure)

    def _step(self, plan: Plan) -> None:
        shipper = Shipper(plan)
        shipper.segments()
        if time.monotonic() - self.looked < LOOK_SECONDS:
            return
        self.looked = time.monotonic()
        shipper.stored_files()
        shipper.erased_subjects(self.admin_url)
        if due(plan, self.admin_url):
            backup = back_up(plan, self.admin_url)
            self.tell(f"made the backup {backup}")
            self._prove(plan)

    def _prove(self, plan: Plan) -> None:
        """Restore what was just written in a process of its own; without the private key only people can."""
        if not plan.private_key.exists():
            return
        command = [sys.executable, "-m", "praxis_local", "backup", "verify", "--home", str(self.home.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self.tell(f"the backup could not be verified:\n{done.stdout}{done.stderr}")


def due(plan: Plan, admin_url: str) -> bool:
    """Tell whether the newest backup is a day old, or from before a restore."""
    newest = plan.store.latest()
    if newest is None or clock.wall() - newest.end > DAY:
        return True
    return identity(admin_url).timeline != newest.timeline


def back_up(plan: Plan, admin_url: str) -> str:
    """Make a whole backup, ship what is new beside it, let go what is too old, and return its id."""
    if is_own(plan.home, admin_url):
        switch_often(admin_url)
    backup = take(plan, admin_url)
    shipper = Shipper(plan)
    shipper.segments()
    shipper.stored_files()
    shipper.erased_subjects(admin_url)
    plan.store.prune()
    return backup.id

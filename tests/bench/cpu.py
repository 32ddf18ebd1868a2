"""Processor time and memory of a program with everything that it started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psutil


def seconds(pid: int) -> float:
    """Return the processor time that a process and its children, also those that ended, have used so far."""
    root = psutil.Process(pid)
    ended = root.cpu_times()
    total = float(ended.children_user + ended.children_system)
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def megabytes(pids: Iterable[int]) -> dict[str, float]:
    """Return the memory of processes and all their children by program; shared pages are counted once, in parts."""
    found: dict[str, float] = {}
    for root in map(psutil.Process, pids):
        for process in (root, *root.children(recursive=True)):
            try:
                used = process.memory_full_info()
            except psutil.NoSuchProcess:
                continue
            name = _name(process)
            found[name] = found.get(name, 0.0) + getattr(used, "pss", used.uss) / 1e6
    return found


class Meter:
    """Counts the processor time of named processes from its making on."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self.pids = pids
        self.before = {name: seconds(pid) for name, pid in pids.items()}

    def per_call(self, calls: int) -> dict[str, float]:
        """Return the microseconds of each process per call."""
        return {name: (seconds(pid) - self.before[name]) * 1e6 / max(1, calls) for name, pid in self.pids.items()}


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    module = next((word for word in words if word.startswith("praxis_")), "")
    return module or process.name()

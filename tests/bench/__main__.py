"""`dev.py bench [row …] [--json FILE] [--quick]`: measure, print the table, and say which targets are met."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

# Programs are started while gRPC's threads run; its fork handlers would stop calls that are under way.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from tests.bench import calls, contests, figures, flow, generator, machine, searching
from tests.bench.calls import Calls, Effort
from tests.bench.figures import Figure, Void
from tests.bench.flow import Flow
from tests.bench.machine import Machine
from tests.bench.practice import set_up
from tests.bench.stage import opened

from praxis_local.processes import free_port

FULL, QUICK = Effort(rounds=5, seconds=3.0, patients=200_000), Effort(rounds=1, seconds=0.5, patients=2_000)
CALLS: dict[int, Callable[[Calls], list[Figure]]] = {
    0: generator.limit,
    1: calls.get_patient,
    2: calls.day_list,
    3: calls.book,
    4: contests.race,
    8: calls.telemetry,
    16: contests.replicas,
    17: contests.encryption,
    9: searching.search_patients,  # the last, because it fills the practice
}
FLOWS: dict[int, Callable[[Flow], list[Figure]]] = {6: flow.visible, 7: flow.drained}
MACHINES: dict[int, Callable[[Machine], list[Figure]]] = {14: machine.start, 15: machine.rest}
ROWS = (*CALLS, *FLOWS, *MACHINES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows that were asked for; the exit code is 1 when one of them is void."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, metavar="row", help=f"of {sorted(ROWS)}; else all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file as well")
    parser.add_argument("--quick", action="store_true", help="one short round each: shows that it works, not how well")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.rows) - set(ROWS)):
        parser.error(f"there is no row {unknown}; the rows are {sorted(ROWS)}")
    began, load = time.monotonic(), os.getloadavg()[0]
    found = list(measured(given.rows or ROWS, QUICK if given.quick else FULL))
    print(figures.table(found))
    print(f"\n{time.monotonic() - began:.0f} s on {os.cpu_count()} cores; load of the machine before: {load:.1f}")
    if given.json:
        figures.write(found, given.json)
    return int(any(figure.value is None for figure in found))


def measured(rows: Sequence[int], effort: Effort) -> Iterator[Figure]:
    """Measure one group of rows after the other, each on servers of its own, and give what was found in order."""
    found: dict[int, list[Figure]] = {}
    groups: list[tuple[Any, dict[int, Any]]] = [(_calls, CALLS), (_flow, FLOWS), (_machine, MACHINES)]
    for open_, group in groups:
        if wanted := [number for number in group if number in rows]:
            with tempfile.TemporaryDirectory(prefix="praxis-bench-") as folder, open_(Path(folder), effort) as subject:
                for number in wanted:
                    found[number] = _judged(number, partial(group[number], subject))
    for number in sorted(found):
        yield from found[number]


def _judged(number: int, measure: Callable[[], list[Figure]]) -> list[Figure]:
    print(f"… row {number}", file=sys.stderr, flush=True)
    try:
        return measure()
    except Void as reason:
        return [figures.void(str(number), reason)]


@contextmanager
def _calls(folder: Path, effort: Effort) -> Iterator[Calls]:
    names = ("patients", "scheduling")
    with opened(folder, names) as stage:
        services = {name: stage.start(name) for name in names}
        gateway = stage.start("gateway", **calls.PLACES)
        yield Calls(stage, set_up(stage), gateway, services, effort)


@contextmanager
def _flow(folder: Path, effort: Effort) -> Iterator[Flow]:
    with opened(folder, ("patients", "reporting"), commit_times=True) as stage, flow.opened(stage, effort) as subject:
        yield subject


@contextmanager
def _machine(folder: Path, effort: Effort) -> Iterator[Machine]:
    yield Machine(folder, free_port(), effort.rounds)


if __name__ == "__main__":
    sys.exit(main())

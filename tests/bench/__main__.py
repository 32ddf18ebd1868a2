"""`dev.py bench [row …] [--json FILE] [--quick]`: measure, print the table, and say which targets are met."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Programs are started while gRPC's threads run; its fork handlers would stop calls that are under way.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from tests.bench import calls, contests, figures, flow, generator, machine, searching, walls
from tests.bench.calls import Calls, Effort
from tests.bench.figures import Figure, Promise, Void
from tests.bench.flow import Flow
from tests.bench.machine import Machine
from tests.bench.practice import set_up
from tests.bench.stage import opened

from praxis_local.processes import free_port

FULL = Effort(rounds=5, seconds=3.0, patients=200_000, days=4, calendars=32)
QUICK = Effort(rounds=1, seconds=0.5, patients=500, days=1, calendars=4)


@dataclass(frozen=True)
class Row:
    """How a row is measured, and the promises that it is about."""

    measure: Callable[[Any], list[Figure]]
    promises: tuple[Promise, ...]


CALLS = {
    0: Row(generator.limit, (generator.LIMIT,)),
    1: Row(calls.get_patient, (calls.GET,)),
    2: Row(calls.day_list, (calls.DAY,)),
    3: Row(calls.book, (calls.BOOK,)),
    4: Row(contests.race, (contests.RACE,)),
    8: Row(calls.telemetry, (calls.TELEMETRY,)),
    16: Row(contests.replicas, (contests.REPLICAS,)),
    17: Row(contests.encryption, (contests.ENCRYPTION,)),
    25: Row(walls.policies, (walls.POLICIES,)),
    9: Row(searching.search_patients, (searching.ALL, searching.COMMONEST)),  # the last, because it fills the practice
}
FLOWS = {6: Row(flow.visible, flow.VISIBLE), 7: Row(flow.drained, flow.DRAINED)}
MACHINES = {14: Row(machine.start, (machine.START,)), 15: Row(machine.rest, (machine.REST,))}
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
    groups: list[tuple[Any, dict[int, Row]]] = [(_calls, CALLS), (_flow, FLOWS), (_machine, MACHINES)]
    for open_, group in groups:
        if wanted := [number for number in group if number in rows]:
            with tempfile.TemporaryDirectory(prefix="praxis-bench-") as folder, open_(Path(folder), effort) as subject:
                for number in wanted:
                    found[number] = _judged(number, group[number], subject)
    for number in sorted(found):
        yield from found[number]


def _judged(number: int, row: Row, subject: Any) -> list[Figure]:
    print(f"… row {number}", file=sys.stderr, flush=True)
    try:
        return row.measure(subject)
    except Void as reason:
        return [promise.void(reason) for promise in row.promises]


@contextmanager
def _calls(folder: Path, effort: Effort) -> Iterator[Calls]:
    names = ("patients", "scheduling")
    with opened(folder, names) as stage:
        services = {name: stage.start(name) for name in names}
        gateway = stage.start("gateway", **calls.PLACES)
        yield Calls(stage, set_up(stage, days=effort.days, calendars=effort.calendars), gateway, services, effort)


@contextmanager
def _flow(folder: Path, effort: Effort) -> Iterator[Flow]:
    with opened(folder, ("patients", "reporting"), commit_times=True) as stage, flow.opened(stage, effort) as subject:
        yield subject


@contextmanager
def _machine(folder: Path, effort: Effort) -> Iterator[Machine]:
    yield Machine(folder, free_port(), effort.rounds)


if __name__ == "__main__":
    sys.exit(main())

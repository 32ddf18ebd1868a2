"""Starts the simulator: `python -m chsim --dir DIR [--http 127.0.0.1:PORT]`."""

import argparse
import signal
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

from chsim.adjudication import Plan
from chsim.admin import Admin, server
from chsim.clock import Clock
from chsim.folders import Folders
from chsim.house import House
from chsim.state import State


def main() -> None:
    """Runs until SIGTERM or Ctrl-C."""
    options = _options()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    options.dir.mkdir(parents=True, exist_ok=True)
    state = State(options.dir / "chsim.sqlite")
    clock = Clock(state, options.clock)
    folders = Folders(options.dir, state, clock, House(state, clock, Plan(options.allowed_percent), options.seed))
    folders.recover()
    if options.http:
        door = server(options.http, Admin(state, clock, folders))
        Thread(target=door.serve_forever, daemon=True).start()
        print(f"chsim: listening on http://127.0.0.1:{door.server_address[1]}", flush=True)
    print(f"chsim: watching {options.dir / 'in'}", flush=True)
    while not stop.wait(0 if folders.turn() else options.poll_seconds):
        pass
    state.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chsim", description="Simulates a clearinghouse over drop folders.")
    parser.add_argument("--dir", type=Path, required=True, help="holds in/, out/, archive/ and the state")
    parser.add_argument("--http", metavar="HOST:PORT", help="serve /health and /admin there; port 0 takes a free one")
    parser.add_argument("--seed", type=int, default=0, help="begins the payers' own numbers (default 0)")
    parser.add_argument("--poll-seconds", type=float, default=0.5, help="pause between looks into in/ (default 0.5)")
    parser.add_argument("--allowed-percent", type=int, default=80, help="part of a charge that is allowed (default 80)")
    parser.add_argument("--clock", type=_moment, help="ISO moment at which the clock stands until it is moved")
    return parser.parse_args()


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    main()

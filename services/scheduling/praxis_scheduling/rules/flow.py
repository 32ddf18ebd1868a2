"""What the steps of a visit add up to: the time stamps of its states, and which step may be taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One move from state to state; a step that takes another one back names it."""

    sequence: int
    source: str
    target: str
    at: datetime
    undoes: int = 0


FIRST = {"arrived": "arrive_time", "roomed": "room_time", "with_tech": "tech_start_time"}
LAST = {
    "with_clinician": "clinician_start_time",
    "ready_for_checkout": "ready_time",
    "completed": "complete_time",
    "left": "leave_time",
}
STAMPS = (*FIRST.values(), *LAST.values())


def effective(steps: Iterable[Step]) -> list[Step]:
    """Return the steps forward that nobody took back, in order."""
    ordered = sorted(steps, key=lambda step: step.sequence)
    undone = {step.undoes for step in ordered}
    return [step for step in ordered if not step.undoes and step.sequence not in undone]


def stamps(steps: Sequence[Step]) -> Mapping[str, datetime | None]:
    """Return the time stamps of a visit: waiting and rooms count from their first time, the rest from the last."""
    found: dict[str, datetime | None] = dict.fromkeys(STAMPS)
    for step in steps:
        if step.target in FIRST:
            name = FIRST[step.target]
            found[name] = found[name] or step.at
        elif step.target in LAST:
            found[LAST[step.target]] = step.at
    return found

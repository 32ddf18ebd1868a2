"""Which verbs an appointment and a visit know, and which states they lead from and to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transition:
    """The states that a verb is allowed in, and the one that it leads to."""

    sources: tuple[str, ...]
    target: str


Table = Mapping[str, Transition]

EXPECTED = ("booked", "confirmed")
WAITING = ("arrived", "roomed", "with_tech")

APPOINTMENT: Table = {
    "confirm": Transition(("booked",), "confirmed"),
    "reschedule": Transition(EXPECTED, "booked"),
    "cancel": Transition(EXPECTED, "cancelled"),
    "markNoShow": Transition(EXPECTED, "no_show"),
    "arrive": Transition(EXPECTED, "arrived"),
    "complete": Transition(("arrived",), "completed"),
}

VISIT: Table = {
    "room": Transition(WAITING, "roomed"),
    "startTech": Transition(("arrived", "roomed"), "with_tech"),
    "startClinician": Transition(WAITING, "with_clinician"),
    "readyForCheckout": Transition((*WAITING, "with_clinician"), "ready_for_checkout"),
    "complete": Transition(("roomed", "with_tech", "with_clinician", "ready_for_checkout"), "completed"),
    "leave": Transition(WAITING, "left"),
}

WAITLIST: Table = {
    "offer": Transition(("waiting",), "offered"),
    "acceptOffer": Transition(("offered",), "booked"),
    "declineOffer": Transition(("offered",), "waiting"),
    "close": Transition(("waiting", "offered"), "closed"),
}

# What happens to an appointment when a step of its visit is taken back; nobody calls these by name.
BACK: Table = {
    "awaitAgain": Transition(("arrived",), "booked"),
    "goOn": Transition(("completed",), "arrived"),
}


def allowed_verbs(table: Table, state: str) -> list[str]:
    """Return the verbs that a state allows."""
    return [verb for verb, transition in table.items() if state in transition.sources]

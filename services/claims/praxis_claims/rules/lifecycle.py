"""States of claims and the steps between them: only forward, apart from a new attempt after a rejection."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """States with the numbers of the contract's `ClaimState`."""

    DRAFT = 1
    SCRUB_FAILED = 2
    HELD = 3
    READY = 4
    BATCHED = 5
    SUBMITTED = 6
    SYNTAX_ACCEPTED = 7
    CLEARINGHOUSE_ACCEPTED = 8
    PAYER_ACCEPTED = 9
    ADJUDICATED = 10
    POSTED = 11
    REJECTED_SYNTAX = 12
    REJECTED_FRONT_END = 13
    WITHDRAWN = 14


REJECTED = frozenset({State.REJECTED_SYNTAX, State.REJECTED_FRONT_END})
SCRUBBED = frozenset({State.DRAFT, State.SCRUB_FAILED, State.READY})
# States in which nothing has left the house, or what left it came back.
EDITABLE = SCRUBBED | {State.HELD} | REJECTED
IN_FLIGHT = (
    State.BATCHED,
    State.SUBMITTED,
    State.SYNTAX_ACCEPTED,
    State.CLEARINGHOUSE_ACCEPTED,
    State.PAYER_ACCEPTED,
)
EVIDENCE = frozenset(IN_FLIGHT) | {State.ADJUDICATED, State.POSTED}

# Steps that people and our own jobs take.
DECISIONS: dict[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.SCRUB_FAILED, State.READY, State.HELD, State.WITHDRAWN}),
    State.SCRUB_FAILED: frozenset({State.DRAFT, State.READY, State.HELD, State.WITHDRAWN}),
    State.HELD: frozenset({State.DRAFT, State.SCRUB_FAILED, State.READY, State.WITHDRAWN}),
    State.READY: frozenset({State.DRAFT, State.SCRUB_FAILED, State.HELD, State.BATCHED, State.WITHDRAWN}),
    State.BATCHED: frozenset({State.SUBMITTED}),
    State.REJECTED_SYNTAX: frozenset({State.DRAFT, State.SCRUB_FAILED, State.READY, State.HELD, State.WITHDRAWN}),
    State.REJECTED_FRONT_END: frozenset({State.DRAFT, State.SCRUB_FAILED, State.READY, State.HELD, State.WITHDRAWN}),
}


def may_decide(current: State, target: State) -> bool:
    """Whether a person or a job may take the claim from one state to the other."""
    return target in DECISIONS.get(current, frozenset())


def may_follow(current: State, target: State) -> bool:
    """Whether evidence from outside moves the claim: it may skip steps, and never goes back.

    Answers overtake each other, so a remittance before its acknowledgment is normal and a late acknowledgment is only
    stored. A rejection counts until the payer has accepted the claim; a payment counts even after a rejection.
    """
    if target in REJECTED:
        return current in IN_FLIGHT[: IN_FLIGHT.index(State.PAYER_ACCEPTED)]
    if target == State.ADJUDICATED:
        return current in EVIDENCE | REJECTED
    if target == State.POSTED:
        return current == State.ADJUDICATED
    if target in IN_FLIGHT:
        return current in IN_FLIGHT and target > current
    return False

"""Which states of a patient follow which."""

import enum


class Change(enum.Enum):
    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"
    DECEASE = "decease"
    TRANSFER = "transfer"
    MERGE = "merge"
    ERASE = "erase"


# From which states each change is possible, and where it leads.
CHANGES: dict[Change, tuple[frozenset[str], str]] = {
    Change.DEACTIVATE: (frozenset({"active"}), "inactive"),
    Change.REACTIVATE: (frozenset({"inactive", "deceased", "transferred"}), "active"),
    Change.DECEASE: (frozenset({"active", "inactive", "transferred"}), "deceased"),
    Change.TRANSFER: (frozenset({"active", "inactive"}), "transferred"),
    Change.MERGE: (frozenset({"active", "inactive", "deceased", "transferred"}), "merged"),
    Change.ERASE: (frozenset({"active", "inactive", "deceased", "transferred", "merged"}), "erased"),
}
CLOSED = frozenset({"merged", "erased"})


def next_state(state: str, change: Change) -> str | None:
    """Return the state after a change, or nothing when it is not possible from here."""
    allowed, after = CHANGES[change]
    return after if state in allowed else None

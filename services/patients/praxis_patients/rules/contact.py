"""What somebody may be contacted for, and on which channels."""

from collections.abc import Collection, Iterable, Mapping

Allowed = Mapping[str, frozenset[str]]

# Nobody is contacted to be sold something who has not agreed; everything else belongs to the treatment or its payment.
ASKED_FIRST = frozenset({"marketing"})


def unsaid(channels: Iterable[str], purposes: Iterable[str]) -> Allowed:
    """Return what is allowed as long as somebody has said nothing."""
    every = frozenset(channels)
    return {purpose: frozenset() if purpose in ASKED_FIRST else every for purpose in purposes}


def decided(before: Allowed, channels: Collection[str], purposes: Collection[str], *, allowed: bool) -> Allowed:
    """Return what is allowed after somebody has allowed or refused channels for purposes."""
    change = frozenset(channels)
    return {
        purpose: (known | change if allowed else known - change) if purpose in purposes else known
        for purpose, known in before.items()
    }

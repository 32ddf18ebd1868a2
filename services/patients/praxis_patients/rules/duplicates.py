"""When two records are put before people as likely duplicates, and when a pair that was dismissed comes back."""

from collections.abc import Iterable
from itertools import product

from praxis_patients.rules.matching import THRESHOLD, Match, Record, match

# Sixteen times as likely as when somebody said that they are different: one more telephone number or street, not a
# slip that was put right.
CLEARLY = 4.0


def best(ones: Iterable[Record], others: Iterable[Record]) -> Match:
    """Return the closest match of two patients, each of whom may have absorbed other records."""
    return max((match(one, other) for one, other in product(ones, others)), key=lambda found: found.score)


def is_likely(score: float) -> bool:
    return score >= THRESHOLD


def is_settled(score: float, dismissed: Iterable[float]) -> bool:
    """Tell whether what people said at these scores still counts at this one."""
    highest = max(dismissed, default=None)
    return highest is not None and score < highest + CLEARLY

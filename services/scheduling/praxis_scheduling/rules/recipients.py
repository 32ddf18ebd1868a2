"""Who is written to about a patient: adults themselves, for children who decides for them, for animals the owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

SELF = "self"
OF_AGE = 18
FOR_CHILDREN = ("guardian", "guarantor", "caregiver")
FOR_ADULTS = (SELF, "guardian", "caregiver", "guarantor")
FOR_ANIMALS = ("owner", "co_owner", "farm", "charity", "guarantor", "caregiver", "stable", "trainer")


@dataclass(frozen=True, slots=True)
class Answering:
    """A party that answers for the patient in a range of dates, in the words of the contract."""

    party: str
    role: str
    share: int = 0
    since: date | None = None
    until: date | None = None

    def on(self, day: date) -> bool:
        """Tell whether it answers on a day."""
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)


def candidates(answering: Sequence[Answering], *, human: bool, born: date | None, day: date) -> list[str]:
    """Return the parties to write to in the order to try them: by role, and within a role by their share.

    A child is never written to, even when it has a number of its own; without a birth date somebody is of age.
    """
    wanted = FOR_ANIMALS if not human else FOR_CHILDREN if born and age_on(born, day) < OF_AGE else FOR_ADULTS
    able = [item for item in answering if item.role in wanted and item.on(day)]
    able.sort(key=lambda item: (wanted.index(item.role), -item.share))
    return list(dict.fromkeys(item.party for item in able))


def age_on(born: date, day: date) -> int:
    """Return the age in whole years; who was born on 29 February is a year older on 1 March."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
